//! The certificates that there are, opened and ready for the edge.

use crate::Domains;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use stoa_db::certificates::{self, StoredCertificate};
use stoa_model::{certificate::Certificate, host::Hostname, id::CertificateId};

use super::loaded::{Certificates, LoadedCertificate};
use stoa_core::Result;

/// What the key of a certificate is sealed for.
pub(crate) fn key_context(id: CertificateId) -> String {
    format!("certificate/{id}")
}

/// The certificates of this moment.
#[derive(Default)]
pub(crate) struct CertificateCache {
    now: Mutex<Arc<Certificates>>,
    /// LoadedCertificate while they are read anew: an older reading must not replace a newer one.
    reading: tokio::sync::Mutex<()>,
}

impl CertificateCache {
    /// All of them.
    pub fn all(&self) -> Arc<Certificates> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Domains {
    /// Whether visitors of this name can be served over HTTPS now.
    pub fn is_covered(&self, name: &Hostname) -> bool {
        self.core.settings.https_port.is_some()
            && self.certificate_cache.all().find(name, self.core.clock.now()).is_some()
    }

    /// Reads the certificates, for a process that does not [`run`](Domains::run): what it says of
    /// addresses depends on them.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn load_certificates(&self) -> Result<()> {
        self.reload_certificates().await
    }

    /// Follows what the database has: only what is not on the shelf yet is read whole. One that does
    /// not open is left out and logged: it must not take the others down.
    pub(crate) async fn reload_certificates(&self) -> Result<()> {
        let _reading = self.certificate_cache.reading.lock().await;
        let former = self.certificate_cache.all();
        let mut known: HashMap<_, _> = former.iter().map(|held| (held.ready.id, held)).collect();
        let now = self.core.clock.now();
        let live = certificates::certificates_live(&self.core.db, now).await?;
        let new: Vec<_> = live.iter().map(|(id, _)| *id).filter(|id| !known.contains_key(id)).collect();
        let mut opened: HashMap<_, _> = certificates::certificates_get(&self.core.db, &new)
            .await?
            .into_iter()
            .filter_map(|stored| Some((stored.id, Arc::new(self.open_certificate(stored)?))))
            .collect();
        let came = !opened.is_empty();
        let all = live.into_iter().filter_map(|(id, renew_at)| match known.remove(&id) {
            Some(held) if held.renew_at == renew_at => Some(Arc::clone(held)),
            Some(held) => Some(Arc::new(LoadedCertificate { renew_at, ..LoadedCertificate::clone(held) })),
            None => opened.remove(&id),
        });
        let all = Certificates::new(all.collect(), now);
        *self.certificate_cache.now.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
        if came || !known.is_empty() {
            self.core.wakeups.main_addresses.notify_one();
        }
        Ok(())
    }

    fn open_certificate(&self, stored: StoredCertificate) -> Option<LoadedCertificate> {
        let StoredCertificate { id, names, chain, key, site, issuer, .. } = stored;
        let key = match self.core.key.open(&key_context(id), &key) {
            Ok(key) => key,
            Err(error) => {
                tracing::error!(certificate = %id, %error, "a certificate can't be served; restore the master key, or let it be issued anew");
                return None;
            }
        };
        let ready = Arc::new(Certificate { id, names, chain, key });
        let (not_before, not_after) = (stored.not_before, stored.not_after);
        Some(LoadedCertificate {
            ready,
            site,
            issuer,
            not_before,
            not_after,
            created_at: stored.created_at,
            renew_at: stored.renew_at,
        })
    }
}
