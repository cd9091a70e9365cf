//! The handshake: which certificate a hello gets, and what the connection may then be used for.

use std::{io, sync::Arc};

use rustls::ServerConfig;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::{
    certificate_store::{CertificateStore, LazyCertificate},
    config::{TlsConfig, prefers_chacha},
};

/// What a TLS connection has proven, and to whom.
#[derive(Debug)]
pub(crate) struct TlsSession {
    /// The name that the client asked for, bare and lower-case; clients that know only an address
    /// ask for none.
    sni: Option<Box<str>>,
    identity: Arc<LazyCertificate>,
}

impl TlsSession {
    /// Whether the connection may be used for this bare lower-case host (RFC 9110 7.4): it was
    /// opened for it, or proved to be it, which is when clients share connections (RFC 9113 9.1.1).
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.sni.as_deref() == Some(host) || self.identity.covers(host)
    }

    /// Whether the client named nobody, as one does that was given an address only.
    pub(crate) fn has_no_sni(&self) -> bool {
        self.sni.is_none()
    }
}

/// The fatal alert `unrecognized_name` as a record (RFC 8446 5.1 and 6): nothing is encrypted yet.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Shakes hands. Nothing here has a deadline: the caller gives up when the watch says so.
///
/// # Errors
/// If the connection breaks, the client speaks no TLS that we do, or asks for a name without a
/// certificate; it has been told then.
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
