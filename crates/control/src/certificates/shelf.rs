//! The certificates that there are, opened and ready for the edge.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use stoa_db::certificates::{self, StoredCertificate};
use stoa_model::{
    certificate::{CertName, Certificate},
    host::Hostname,
    id::CertificateId,
};

use crate::{Control, Result};

/// What the key of a certificate is sealed for.
pub(crate) fn key_context(id: CertificateId) -> String {
    format!("certificate/{id}")
}

/// What is known of one certificate, beside what the edge needs.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub stored: Arc<StoredCertificate>,
    pub ready: Arc<Certificate>,
}

/// All certificates that hold, oldest first.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Arc<Vec<Held>>>);

impl Shelf {
    /// All of them.
    pub fn all(&self) -> Arc<Vec<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest one that covers this name and still holds; an uploaded one wins over an issued one.
    pub fn find(&self, name: &Hostname, now: Timestamp) -> Option<Held> {
        let covers = |held: &&Held| held.stored.not_after > now && held.stored.names.iter().any(|n| n.covers(name));
        let all = self.all();
        let uploaded = all.iter().rev().filter(|held| held.stored.site.is_some()).find(covers);
        uploaded.or_else(|| all.iter().rev().find(covers)).cloned()
    }

    /// Moves a certificate's date of renewal.
    pub fn renew_at(&self, id: CertificateId, at: Timestamp) {
        let mut all = Vec::clone(&self.all());
        for held in all.iter_mut().filter(|held| held.stored.id == id) {
            held.stored = Arc::new(StoredCertificate { renew_at: at, ..(*held.stored).clone() });
        }
        self.replace(all);
    }

    fn replace(&self, held: Vec<Held>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(held);
    }
}

/// Which names the certificates of a moment cover.
pub(crate) struct Covered {
    hosts: HashSet<Hostname>,
    parents: HashSet<Hostname>,
}

impl Covered {
    /// By these certificates.
    pub fn by<'a>(names: impl Iterator<Item = &'a CertName>) -> Self {
        let (wildcards, hosts): (Vec<_>, Vec<_>) = names.cloned().partition(|name| name.wildcard);
        let host = |name: CertName| name.host;
        Self { hosts: hosts.into_iter().map(host).collect(), parents: wildcards.into_iter().map(host).collect() }
    }

    /// Whether one of them covers this name.
    pub fn covers(&self, name: &Hostname) -> bool {
        let parent = name.as_str().split_once('.').map(|(_, parent)| parent);
        self.hosts.contains(name) || parent.is_some_and(|parent| self.parents.contains(parent))
    }
}

impl Control {
    /// Whether visitors of this name can be served over HTTPS now.
    pub(crate) fn is_covered(&self, name: &Hostname) -> bool {
        self.settings.https_port.is_some() && self.shelf.find(name, self.clock.now()).is_some()
    }

    /// Reads the certificates, for a process that does not [`run`](Control::run): what it says of
    /// addresses depends on them.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn certificates_load(&self) -> Result<()> {
        self.shelf_reload().await.map(drop)
    }

    /// Reads all certificates anew. One that does not open is left out and logged: it must not
    /// take the others down. Answers whether anything changed.
    pub(crate) async fn shelf_reload(&self) -> Result<bool> {
        let former = self.shelf.all();
        let mut held = Vec::new();
        for stored in certificates::certificates_live(&self.db, self.clock.now()).await? {
            match former.iter().find(|held| held.stored.id == stored.id) {
                Some(known) => held.push(known.clone()),
                None => held.extend(self.open_certificate(stored)),
            }
        }
        let changed = !held.iter().map(|held| held.stored.id).eq(former.iter().map(|held| held.stored.id));
        if changed {
            self.shelf.replace(held);
        }
        Ok(changed)
    }

    fn open_certificate(&self, stored: StoredCertificate) -> Option<Held> {
        let key = match self.key.open(&key_context(stored.id), &stored.key) {
            Ok(key) => key,
            Err(error) => {
                tracing::error!(certificate = %stored.id, %error, "a certificate can't be served; restore the master key, or let it be issued anew");
                return None;
            }
        };
        let ready = Certificate { id: stored.id, names: stored.names.clone(), chain: stored.chain.clone(), key };
        Some(Held { stored: Arc::new(stored), ready: Arc::new(ready) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covered_names() {
        let names: Vec<CertName> =
            ["*.example.com", "example.com", "shop.test"].iter().map(|n| n.parse().unwrap()).collect();
        let covered = Covered::by(names.iter());
        for (name, expected) in
            [("a.example.com", true), ("example.com", true), ("a.b.example.com", false), ("www.shop.test", false)]
        {
            assert_eq!(covered.covers(&Hostname::parse(name).unwrap()), expected, "{name}");
        }
    }
}
