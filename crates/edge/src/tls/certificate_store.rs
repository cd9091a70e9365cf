//! Certificates by their names.
//!
//! Ten thousand certificates must not delay a routing table, so each is parsed when its first visitor
//! comes, and reused in the next table by its id. A certificate that can't be parsed is reported once
//! and skipped: the next best one for the name is used, and other names are not affected.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use stoa_model::{certificate::Certificate, id::CertificateId, secret::ExposeSecret};

use super::config::TlsConfig;

/// All certificates of a routing table.
#[derive(Debug, Default)]
pub(crate) struct CertificateStore {
    /// All of them, in the order of the table.
    list: Arc<Vec<Arc<Certificate>>>,
    by_id: HashMap<CertificateId, Arc<LazyCertificate>>,
    /// For one host; the last one is the best.
    exact: HashMap<Box<str>, Vec<Arc<LazyCertificate>>>,
    /// For the names one label below a host.
    below: HashMap<Box<str>, Vec<Arc<LazyCertificate>>>,
}

impl CertificateStore {
    /// The previous store itself if it has these certificates already; most tables only change
    /// routes.
    pub(crate) fn updated(list: &Arc<Vec<Arc<Certificate>>>, previous: &Arc<Self>) -> Arc<Self> {
        let same = Arc::ptr_eq(list, &previous.list) || ids(list).eq(ids(&previous.list));
        if same { Arc::clone(previous) } else { Arc::new(Self::new(list, previous)) }
    }

    /// Reuses what `previous` has parsed. Later certificates win over earlier ones.
    fn new(list: &Arc<Vec<Arc<Certificate>>>, previous: &Self) -> Self {
        let mut store = Self { list: Arc::clone(list), ..Self::default() };
        for certificate in list.iter() {
            let known = previous.by_id.get(&certificate.id).cloned();
            let identity = known.unwrap_or_else(|| Arc::new(LazyCertificate::new(Arc::clone(certificate))));
            store.by_id.insert(certificate.id, Arc::clone(&identity));
            for name in &certificate.names {
                let map = if name.wildcard { &mut store.below } else { &mut store.exact };
                map.entry(name.host.as_str().into()).or_default().push(Arc::clone(&identity));
            }
        }
        store
    }

    /// Whether there is a certificate for `name`; it may turn out to be broken.
    pub(crate) fn covers(&self, name: &str) -> bool {
        let parent = name.split_once('.').map(|(_, parent)| parent);
        self.exact.contains_key(name) || parent.is_some_and(|parent| self.below.contains_key(parent))
    }

    /// The best working certificate for `name`, with its configuration.
    pub(crate) fn find(&self, name: &str, tls: &TlsConfig) -> Option<(&Arc<LazyCertificate>, &Arc<ServerConfig>)> {
        let parent = name.split_once('.').and_then(|(_, parent)| self.below.get(parent));
        let mut best_first = self.exact.get(name).into_iter().chain(parent).flat_map(|list| list.iter().rev());
        best_first.find_map(|identity| Some((identity, identity.config(tls)?)))
    }
}

fn ids(list: &[Arc<Certificate>]) -> impl Iterator<Item = CertificateId> {
    list.iter().map(|certificate| certificate.id)
}

/// A certificate, parsed when it is first needed.
#[derive(Debug)]
pub(crate) struct LazyCertificate {
    certificate: Arc<Certificate>,
    /// `None` inside if it is broken.
    config: OnceLock<Option<Arc<ServerConfig>>>,
}

impl LazyCertificate {
    fn new(certificate: Arc<Certificate>) -> Self {
        Self { certificate, config: OnceLock::new() }
    }

    /// Whether it is valid for the bare lower-case name `host`.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.certificate.names.iter().any(|name| {
            let covered = if name.wildcard { parent } else { Some(host) };
            covered == Some(name.host.as_str())
        })
    }

    fn config(&self, tls: &TlsConfig) -> Option<&Arc<ServerConfig>> {
        let parsed = self.config.get_or_init(|| match server_config(&self.certificate, tls) {
            Ok(config) => Some(Arc::new(config)),
            Err(reason) => {
                let names: Vec<_> = self.certificate.names.iter().map(ToString::to_string).collect();
                tracing::error!(
                    certificate = %self.certificate.id, ?names, reason,
                    "parsing a certificate; it is not served, request or upload another one"
                );
                None
            }
        });
        parsed.as_ref()
    }
}

fn server_config(certificate: &Certificate, tls: &TlsConfig) -> Result<ServerConfig, String> {
    let certified = certified_key(certificate, &tls.provider)?;
    Ok(tls.server_config(Arc::new(SingleCertAndKey::from(certified))))
}

/// Checks that a certificate can be parsed and its key is its own; the error says what is wrong.
pub(crate) fn check_certificate(certificate: &Certificate) -> Result<(), String> {
    certified_key(certificate, &aws_lc_rs::default_provider()).map(drop)
}

fn certified_key(certificate: &Certificate, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| format!("its chain is no PEM: {error}"))?;
    if chain.is_empty() {
        return Err("its chain has no certificate".into());
    }
    let key = PrivateKeyDer::from_pem_slice(certificate.key.expose_secret().as_bytes())
        .map_err(|error| format!("its key is no PEM: {error}"))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| format!("its key is unusable or another certificate's: {error}"))
}
