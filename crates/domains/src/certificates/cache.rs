//! The valid certificates, with their keys opened, ready for the edge.

use crate::Domains;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use stoa_db::certificates::{self, StoredCertificate};
use stoa_model::{certificate::Certificate, host::Hostname, id::CertificateId};

use super::loaded::{Certificates, LoadedCertificate};
use stoa_core::{Result, Wakeup};

/// The sealing context of a certificate's key.
pub(crate) fn key_context(id: CertificateId) -> String {
    format!("certificate/{id}")
}

/// The certificates as last loaded.
#[derive(Default)]
pub(crate) struct CertificateCache {
    current: Mutex<Arc<Certificates>>,
    /// Locked during a reload, so that an older result can't replace a newer one.
    reload_lock: tokio::sync::Mutex<()>,
}

impl CertificateCache {
    /// All certificates.
    pub fn all(&self) -> Arc<Certificates> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Domains {
    /// Whether this name can be served over HTTPS now.
    pub fn is_covered(&self, name: &Hostname) -> bool {
        self.core.settings.https_port.is_some()
            && self.certificate_cache.all().find(name, self.core.clock.now()).is_some()
    }

    /// Loads the certificates in a process that runs no reconcilers: URLs depend on them.
    pub async fn load_certificates(&self) -> Result<()> {
        self.reload_certificates().await
    }

    /// Synchronizes the cache with the database. Only certificates that are not cached yet are read in full. One whose
    /// key can't be opened is logged and skipped, so that it does not affect the others.
    pub(crate) async fn reload_certificates(&self) -> Result<()> {
        let _reload = self.certificate_cache.reload_lock.lock().await;
        let previous = self.certificate_cache.all();
        let mut known: HashMap<_, _> = previous.iter().map(|loaded| (loaded.ready.id, loaded)).collect();
        let now = self.core.clock.now();
        let live = certificates::certificates_live(&self.core.db, now).await?;
        let new: Vec<_> = live.iter().map(|(id, _)| *id).filter(|id| !known.contains_key(id)).collect();
        let mut opened: HashMap<_, _> = certificates::certificates_get(&self.core.db, &new)
            .await?
            .into_iter()
            .filter_map(|stored| Some((stored.id, Arc::new(self.open_certificate(stored)?))))
            .collect();
        let has_new = !opened.is_empty();
        let all = live.into_iter().filter_map(|(id, renew_at)| match known.remove(&id) {
            Some(loaded) if loaded.renew_at == renew_at => Some(Arc::clone(loaded)),
            Some(loaded) => Some(Arc::new(LoadedCertificate { renew_at, ..LoadedCertificate::clone(loaded) })),
            None => opened.remove(&id),
        });
        let all = Certificates::new(all.collect(), now);
        *self.certificate_cache.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
        self.core.set_portal_covered(self.is_covered(&self.core.settings.base_domain));
        if has_new || !known.is_empty() {
            self.core.bus.wake_here(Wakeup::MainAddresses);
        }
        Ok(())
    }

    fn open_certificate(&self, stored: StoredCertificate) -> Option<LoadedCertificate> {
        let StoredCertificate { id, names, chain, key, site, issuer, .. } = stored;
        let key = match self.core.key.open(&key_context(id), &key) {
            Ok(key) => key,
            Err(error) => {
                tracing::error!(certificate = %id, %error, "cannot open a certificate's key; restore the master key, or have the certificate issued again");
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
