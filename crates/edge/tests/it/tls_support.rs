//! An edge that also serves TLS, an authority that signs for it, and clients that believe it.

use std::{io, net::SocketAddr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_pki_types::{CertificateDer, ServerName};
use stoa_edge::{Config, Fallback, listen};
use stoa_model::{
    certificate::Certificate,
    host::Hostname,
    id::CertificateId,
    route::{Route, RouteLimits, RoutingTable, Target},
    routes::Routes,
};
use stoa_provider::edge::Edge;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use uuid::Uuid;

use crate::support::{Raw, TEST_TIMEOUT, TestEdge, config, site};

/// Visitors of these tests believe that they are at the usual ports.
pub fn secure_config() -> Config {
    Config { public_https_port: Some(443), ..config() }
}

/// Signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// A certificate for these names, wildcards among them.
    pub fn certificate(&self, id: u128, names: &[&str]) -> Arc<Certificate> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        let id = CertificateId::from_uuid(Uuid::from_u128(id));
        Arc::new(Certificate { id, names, chain, key: key.serialize_pem().into() })
    }

    /// A client that knows the authority and speaks these protocols.
    pub fn client(&self, alpn: &[&str]) -> ClientConfig {
        self.client_of(alpn, rustls::ALL_VERSIONS)
    }

    pub fn client_of(&self, alpn: &[&str], versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        self.client_by(aws_lc_rs::default_provider(), alpn, versions)
    }

    pub fn client_by(
        &self,
        provider: CryptoProvider,
        alpn: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

/// One route of a test.
pub struct Way<'a>(pub &'a str, pub Target, pub bool);

/// An edge with both listeners.
pub struct TlsEdge {
    pub plain: TestEdge,
    pub address: SocketAddr,
    pub serving: JoinHandle<io::Result<()>>,
    pub authority: Authority,
}

impl TlsEdge {
    pub fn start(config: Config, fallback: Option<Arc<dyn Fallback>>) -> Self {
        let plain = TestEdge::start(config, fallback);
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (there, token) = (Arc::clone(&plain.edge), plain.shutdown.clone());
        let serving = tokio::spawn(async move { there.serve_tls(listener, token).await });
        Self { plain, address, serving, authority: Authority::new() }
    }

    /// An edge with these routes and a certificate for each of these lists of names.
    pub async fn with(config: Config, ways: &[Way<'_>], certificates: &[&[&str]]) -> Self {
        let edge = Self::start(config, None);
        let certificates = (1..).zip(certificates).map(|(id, names)| edge.authority.certificate(id, names)).collect();
        edge.apply(1, ways, certificates).await;
        edge
    }

    pub async fn apply(&self, version: u64, ways: &[Way<'_>], certificates: Vec<Arc<Certificate>>) {
        let table = RoutingTable {
            version,
            routes: routes(ways),
            certificates: Arc::new(certificates),
            ..RoutingTable::default()
        };
        self.plain.edge.apply(table).await.unwrap();
    }

    pub async fn connect_with(&self, client: ClientConfig, name: &str) -> io::Result<Raw<TlsStream<TcpStream>>> {
        connect_to(self.address, client, name).await
    }

    /// A connection for HTTP/1.
    pub async fn connect(&self, name: &str) -> io::Result<Raw<TlsStream<TcpStream>>> {
        self.connect_with(self.authority.client(&["http/1.1"]), name).await
    }

    /// The whole answer to a request over TLS.
    pub async fn get(&self, host: &str, path: &str) -> String {
        let mut raw = self.connect(host).await.unwrap();
        raw.write(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        raw.rest().await
    }

    /// The whole answer to a request without TLS.
    pub async fn plain(&self, method: &str, host: &str, path: &str, lines: &str) -> String {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}Connection: close\r\n\r\n");
        self.plain.send(head).await
    }
}

/// A connection to a server that must prove to be `name`.
pub async fn connect_to(at: SocketAddr, client: ClientConfig, name: &str) -> io::Result<Raw<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(at).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let shaking = TlsConnector::from(Arc::new(client)).connect(name, stream);
    let stream = timeout(TEST_TIMEOUT, shaking).await.expect("the handshake does not end")?;
    Ok(Raw { stream, buf: Vec::new() })
}

pub fn routes(ways: &[Way<'_>]) -> Routes {
    let route = |Way(name, target, secure): &Way<'_>| {
        let limits = RouteLimits::body(1 << 20);
        (Hostname::parse(name).unwrap(), Route { site: site(), target: target.clone(), limits, secure: *secure })
    };
    ways.iter().map(route).collect()
}

/// The alert that ended a handshake, as rustls names it.
pub fn alert<T>(result: io::Result<T>) -> String {
    result.err().expect("the handshake is refused").to_string()
}
