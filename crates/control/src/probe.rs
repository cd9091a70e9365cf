//! Plain HTTP requests to sites, as a visitor or a health check sends them.
//!
//! The seam is for tests: behind a fake engine nobody listens.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody listens, or the connection broke.
    #[error("connecting to {0}: {1}")]
    Connect(SocketAddr, std::io::Error),
    /// It is no HTTP, or the answer broke off.
    #[error("asking {0}: {1}")]
    Http(SocketAddr, hyper::Error),
    /// The request can't be written.
    #[error("building the request: {0}")]
    Request(#[from] http::Error),
    /// The answer is larger than what was asked for can be.
    #[error("{0} answered with more than expected")]
    TooLong(SocketAddr),
    /// It took too long.
    #[error("{0} did not answer within {1:?}")]
    Timeout(SocketAddr, Duration),
}

/// Where and as whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Where to connect to.
    pub address: SocketAddr,
    /// Whether over TLS.
    pub secure: bool,
    /// The Host header, with a port if it is an unusual one.
    pub host: &'a str,
}

/// What was got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Status of the answer.
    pub status: u16,
    /// Its body, at most 4 KiB of it; what is no UTF-8 is replaced.
    pub body: String,
}

/// The most that is read of a body.
const MOST: usize = 4096;

/// Asks sites whether they answer.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Asks for `path` and returns the status of the answer.
    ///
    /// # Errors
    /// If there is no whole answer head within `patience`.
    async fn ask(&self, place: Place<'_>, path: &str, patience: Duration) -> Result<StatusCode, ProbeError>;

    /// Gets a small text over plain HTTP. Redirects are not followed.
    ///
    /// # Errors
    /// If it did not come within `patience`.
    async fn fetch(
        &self,
        address: SocketAddr,
        host: &str,
        path: &str,
        patience: Duration,
    ) -> Result<Fetched, ProbeError>;
}

/// The real one: a connection and a GET.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpProbe;

#[async_trait]
impl Probe for HttpProbe {
    async fn ask(&self, place: Place<'_>, path: &str, patience: Duration) -> Result<StatusCode, ProbeError> {
        let late = ProbeError::Timeout(place.address, patience);
        timeout(patience, async { Ok(get(place, path).await?.status()) }).await.unwrap_or(Err(late))
    }

    async fn fetch(
        &self,
        address: SocketAddr,
        host: &str,
        path: &str,
        patience: Duration,
    ) -> Result<Fetched, ProbeError> {
        let whole = async {
            let response = get(Place { address, secure: false, host }, path).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MOST).collect().await;
            let bytes = body.map_err(|_| ProbeError::TooLong(address))?.to_bytes();
            Ok(Fetched { status, body: String::from_utf8_lossy(&bytes).into_owned() })
        };
        timeout(patience, whole).await.unwrap_or(Err(ProbeError::Timeout(address, patience)))
    }
}

async fn get(place: Place<'_>, path: &str) -> Result<Response<Incoming>, ProbeError> {
    let stream = TcpStream::connect(place.address).await.map_err(|e| ProbeError::Connect(place.address, e))?;
    if place.secure {
        let stream = tls::open(stream, place.host).await.map_err(|e| ProbeError::Connect(place.address, e))?;
        return send(stream, place, path).await;
    }
    send(stream, place, path).await
}

async fn send<S>(stream: S, place: Place<'_>, path: &str) -> Result<Response<Incoming>, ProbeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let http = |error| ProbeError::Http(place.address, error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    let request = Request::get(path)
        .header(header::HOST, place.host)
        .header(header::USER_AGENT, "Stoa-Probe/1")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    // Ends by itself with the response's body, or when that is dropped.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(http)
}

/// Whether an address belongs to the public network: not to this machine, nor to any private one
/// (RFC 6890).
pub fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b)))
        }
        // Everything global lies in 2000::/3; 2002::/16 and 2001::/32 carry IPv4 addresses within.
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            first & 0xe000 == 0x2000 && first != 0x2002 && !(first == 0x2001 && (second == 0 || second == 0xdb8))
        }
    }
}

/// TLS to our own edge. Whose certificate it shows is not verified here: certificates are checked
/// when they are kept, and what is asked is whether the *site* answers.
mod tls {
    use std::{
        io,
        sync::{Arc, LazyLock},
    };

    use rustls::{
        ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
    };
    use tokio::net::TcpStream;
    use tokio_rustls::{TlsConnector, client::TlsStream};

    static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        let provider = aws_lc_rs::default_provider();
        let any = AnyCertificate(provider.signature_verification_algorithms);
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(any))
            .with_no_client_auth();
        Arc::new(config)
    });

    pub(super) async fn open(stream: TcpStream, host: &str) -> io::Result<TlsStream<TcpStream>> {
        let name = host.split(':').next().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        TlsConnector::from(CONFIG.clone()).connect(name, stream).await
    }

    #[derive(Debug)]
    struct AnyCertificate(WebPkiSupportedAlgorithms);

    impl ServerCertVerifier for AnyCertificate {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, cert, signed, &self.0)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, cert, signed, &self.0)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.supported_schemes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_network_is_not_the_public_one() {
        for inside in [
            "127.0.0.1",
            "10.213.0.2",
            "172.17.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "2002:0a00:0001::1",
            "224.0.0.1",
            "198.18.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_global(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "198.17.0.1", "2606:4700::1111", "2001:4860:4860::8888"] {
            assert!(is_global(outside.parse().unwrap()), "{outside}");
        }
    }
}
