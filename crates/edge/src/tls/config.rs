//! What all certificates and all threads share: cipher suites, the keys that session tickets are sealed
//! with, and the cache of sessions without tickets.
//!
//! Of the ciphers that a client offers, AES-128 is taken: 256 bits would only cost more, as SHA-384 comes
//! with them and processors accelerate SHA-256 only. Clients that prefer ChaCha20, which are those without
//! AES in hardware, get it.

use std::{io, sync::Arc};

use rustls::{
    CipherSuite, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

/// Sessions kept for TLS 1.2 clients without tickets, all names together; a few hundred bytes each.
const MAX_CACHED_SESSIONS: usize = 4096;

/// What all certificates share.
#[derive(Debug)]
pub(crate) struct TlsConfig {
    pub(super) provider: Arc<CryptoProvider>,
    /// All but the certificate. rustls' builder makes a cache of sessions for every configuration;
    /// cloning one that has its own avoids ten thousand of them.
    template: ServerConfig,
}

impl TlsConfig {
    /// Makes new ticket keys, which rotate every six hours.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn new() -> io::Result<Self> {
        let tickets = aws_lc_rs::Ticketer::new()
            .map_err(|error| io::Error::other(format!("making keys for TLS session tickets: {error}")))?;
        let sessions = ServerSessionMemoryCache::new(MAX_CACHED_SESSIONS);
        let mut provider = aws_lc_rs::default_provider();
        // The sort is stable: within both groups the library's order stays.
        provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite.suite()));
        let provider = Arc::new(provider);
        let mut template = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| io::Error::other(format!("setting TLS up: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(NoCertificate));
        template.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        template.ignore_client_order = true;
        template.ticketer = tickets;
        template.session_storage = sessions;
        Ok(Self { provider, template })
    }

    /// The configuration with this certificate.
    pub(super) fn server_config(&self, resolver: Arc<dyn ResolvesServerCert>) -> ServerConfig {
        let mut config = self.template.clone();
        config.cert_resolver = resolver;
        config
    }
}

/// A placeholder in the template.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesServerCert for NoCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

fn is_aes_128(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

/// Whether a client offers ChaCha20 before any other cipher.
pub(super) fn prefers_chacha(offered: &[CipherSuite]) -> bool {
    // Browsers begin with a random value that is not a cipher (RFC 8701).
    let first = offered.iter().find(|suite| !matches!(suite, CipherSuite::Unknown(_)));
    matches!(
        first,
        Some(
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        )
    )
}
