//! The handshake: which certificate a hello gets, and what the connection may then be used for.

use std::{io, sync::Arc};

use rustls::ServerConfig;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{
    certificate_store::{CertificateStore, LazyCertificate},
    config::{TlsConfig, prefers_chacha},
};

/// What a TLS connection has proven to the client.
#[derive(Debug)]
pub(crate) struct TlsSession {
    /// The name in the hello, bare and lower-case; clients that only know an address send none.
    sni: Option<Box<str>>,
    identity: Arc<LazyCertificate>,
}

impl TlsSession {
    /// Whether the connection may be used for this bare lower-case host (RFC 9110 7.4): it was
    /// opened for it, or its certificate covers it, which is when clients share connections (RFC
    /// 9113 9.1.1).
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.sni.as_deref() == Some(host) || self.identity.covers(host)
    }

    /// Whether the client sent no name, as clients do that only know an address.
    pub(crate) fn has_no_sni(&self) -> bool {
        self.sni.is_none()
    }
}

/// The fatal alert `unrecognized_name` as a record (RFC 8446 5.1 and 6), not encrypted yet.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Performs the handshake. It has no deadline; the caller sets one. `certificates` is called after the
/// hello, so that it is the newest store, and `default_name` stands in for a missing name.
///
/// # Errors
/// If the connection breaks, the client supports none of our TLS versions, or asks for a name without a
/// certificate; it was told so then.
pub(crate) async fn accept(
    stream: TcpStream,
    tls: &TlsConfig,
    certificates: impl FnOnce() -> Arc<CertificateStore>,
    default_name: Option<&str>,
) -> io::Result<(TlsStream<TcpStream>, TlsSession)> {
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    let sni: Option<Box<str>> = hello.client_hello().server_name().map(|name| name.trim_end_matches('.').into());
    let found = {
        let certificates = certificates();
        let found = sni.as_deref().or(default_name).and_then(|name| certificates.find(name, tls));
        found.map(|(identity, config)| (Arc::clone(identity), Arc::clone(config)))
    };
    let Some((identity, config)) = found else {
        let mut stream = hello.io;
        stream.write_all(&UNRECOGNIZED_NAME).await?;
        stream.shutdown().await?;
        return Err(io::Error::other(format!("no certificate for {:?}", sni.as_deref().unwrap_or_default())));
    };
    let config = if prefers_chacha(hello.client_hello().cipher_suites()) {
        let mut own = ServerConfig::clone(&config);
        own.ignore_client_order = false;
        Arc::new(own)
    } else {
        config
    };
    let stream = hello.into_stream(config).await?;
    Ok((stream, TlsSession { sni, identity }))
}
