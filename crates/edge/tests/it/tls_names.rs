//! Which certificate a name gets, and what its connection may be used for.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use stoa_edge::RequestBody;
use stoa_model::{certificate::Certificate, id::CertificateId, route::Target};
use uuid::Uuid;

use crate::{
    support::{mirror, status},
    tls_support::{TlsEdge, Way, alert, secure_config},
};

const NAMES: [&str; 4] = ["a.example.com", "b.example.com", "c.example.org", "deep.a.example.com"];

async fn ways() -> Vec<Way<'static>> {
    let upstream = mirror().await;
    NAMES.map(|name| Way(name, Target::Upstream(upstream), false)).into()
}

/// The id of the certificate that a name gets; nothing if the handshake is refused.
async fn shown(edge: &TlsEdge, certificates: &[Arc<Certificate>], name: &str) -> Option<u128> {
    let raw = edge.connect(name).await.ok()?;
    let leaf = raw.stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let of = |certificate: &&Arc<Certificate>| {
        let der = <rustls_pki_types::CertificateDer<'_> as rustls_pki_types::pem::PemObject>::from_pem_slice(
            certificate.chain.as_bytes(),
        );
        der.is_ok_and(|der| der == leaf)
    };
    certificates.iter().find(of).map(|certificate| certificate.id.uuid().as_u128())
}

#[tokio::test]
async fn exact_names_win_over_wildcards_and_later_over_earlier() {
    let edge = TlsEdge::start(secure_config(), None);
    let issue = |id, names: &[&str]| edge.authority.certificate(id, names);
    let certificates = vec![
        issue(1, &["a.example.com", "c.example.org"]),
        issue(2, &["a.example.com"]),
        issue(3, &["*.example.com"]),
        issue(4, &["*.example.com"]),
    ];
    edge.apply(1, &ways().await, certificates.clone()).await;
    for (name, expected) in [
        ("a.example.com", Some(2)),
        ("A.Example.Com", Some(2)),
        ("b.example.com", Some(4)),
        ("c.example.org", Some(1)),
        ("deep.a.example.com", None),
        ("example.com", None),
        ("nobody.example.net", None),
    ] {
        assert_eq!(shown(&edge, &certificates, name).await, expected, "{name}");
    }
    let fewer = vec![Arc::clone(&certificates[0]), Arc::clone(&certificates[2])];
    edge.apply(2, &ways().await, fewer).await;
    assert_eq!(shown(&edge, &certificates, "a.example.com").await, Some(1), "a removed certificate is gone at once");
    assert_eq!(shown(&edge, &certificates, "b.example.com").await, Some(3));
}

#[tokio::test]
async fn unknown_names_are_refused_by_name() {
    let edge = TlsEdge::with(secure_config(), &ways().await, &[&["a.example.com"]]).await;
    assert!(alert(edge.connect("nobody.example.net").await).contains("UnrecognisedName"));
    assert!(alert(edge.connect("b.example.com").await).contains("UnrecognisedName"), "a route alone is no proof");
}

#[tokio::test]
async fn a_broken_certificate_harms_nobody_else() {
    let edge = TlsEdge::start(secure_config(), None);
    let good = edge.authority.certificate(1, &["a.example.com", "*.example.com"]);
    let other = edge.authority.certificate(2, &["c.example.org"]);
    let broken = |id, chain: &str, key: &str, name: &str| {
        let names = vec![name.parse().unwrap()];
        let id = CertificateId::from_uuid(Uuid::from_u128(id));
        Arc::new(Certificate { id, names, chain: chain.into(), key: key.to_owned().into() })
    };
    let key = stoa_model::secret::ExposeSecret::expose_secret(&good.key);
    let certificates = vec![
        Arc::clone(&good),
        Arc::clone(&other),
        broken(3, "nonsense", key, "a.example.com"),
        broken(4, &good.chain, "nonsense", "b.example.com"),
        broken(5, &other.chain, key, "c.example.org"),
        broken(6, "", "", "d.example.net"),
    ];
    edge.apply(1, &ways().await, certificates.clone()).await;
    assert_eq!(shown(&edge, &certificates, "a.example.com").await, Some(1), "the next best one is served");
    assert_eq!(shown(&edge, &certificates, "b.example.com").await, Some(1), "a wildcard stands in");
    assert_eq!(shown(&edge, &certificates, "c.example.org").await, Some(2), "a key of another certificate is none");
    assert!(alert(edge.connect("d.example.net").await).contains("UnrecognisedName"));
}

/// Asks on a connection for `sni` for each of `hosts`.
async fn asked(edge: &TlsEdge, sni: &str, hosts: &[&str]) -> Vec<u16> {
    let mut raw = edge.connect(sni).await.unwrap();
    let mut statuses = Vec::new();
    for host in hosts {
        raw.write(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        statuses.push(status(&raw.message().await));
    }
    statuses
}

#[tokio::test]
async fn a_connection_is_for_the_names_of_its_certificate() {
    let certificates: [&[&str]; 3] = [&["a.example.com", "c.example.org"], &["b.example.com"], &["*.a.example.com"]];
    let edge = TlsEdge::with(secure_config(), &ways().await, &certificates).await;
    let hosts = ["a.example.com", "A.EXAMPLE.COM:443", "c.example.org", "b.example.com", "deep.a.example.com"];
    assert_eq!(asked(&edge, "a.example.com", &hosts).await, [200, 200, 200, 421, 421]);
    assert_eq!(asked(&edge, "b.example.com", &["b.example.com", "a.example.com"]).await, [200, 421]);
    assert_eq!(asked(&edge, "deep.a.example.com", &["other.a.example.com", "a.example.com"]).await, [404, 421]);
    assert_eq!(edge.plain.edge.counts().refused, 4);
}

#[tokio::test]
async fn http2_streams_are_checked_one_by_one() {
    let edge = TlsEdge::with(secure_config(), &ways().await, &[&["a.example.com"], &["b.example.com"]]).await;
    let raw = edge.connect_with(edge.authority.client(&["h2"]), "a.example.com").await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(raw.stream)).await;
    let (mut sender, conn) = handshake.unwrap();
    tokio::spawn(conn);
    for (host, expected) in [("a.example.com", 200), ("b.example.com", 421), ("a.example.com", 200)] {
        let request = Request::get(format!("https://{host}/")).body(Empty::<bytes::Bytes>::new()).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), expected, "{host}");
    }
}

async fn portal(request: Request<RequestBody>) -> Response<String> {
    let info = request.extensions().get::<stoa_edge::ClientInfo>().unwrap().clone();
    drop(request.into_body().collect().await);
    Response::new(format!("portal over {}", info.scheme))
}

/// A client that was given an address names nobody.
#[tokio::test]
async fn without_a_name_the_platform_answers() {
    let mut config = secure_config();
    config.platform_hosts = vec!["portal.example.com".into(), "127.0.0.1".into()];
    let edge = TlsEdge::start(config, Some(Arc::new(portal)));
    let mut client = edge.authority.client(&["http/1.1"]);
    client.enable_sni = false;
    let certificate = |id, name| edge.authority.certificate(id, &[name]);
    edge.apply(1, &ways().await, vec![certificate(1, "a.example.com")]).await;
    let refused = edge.connect_with(client.clone(), "a.example.com").await;
    assert!(alert(refused).contains("UnrecognisedName"), "no site's certificate is shown to who did not ask for it");
    edge.apply(2, &ways().await, vec![certificate(1, "a.example.com"), certificate(2, "portal.example.com")]).await;
    let mut raw = edge.connect_with(client, "portal.example.com").await.unwrap();
    for (host, expected) in [("portal.example.com", 200), ("127.0.0.1", 200), ("a.example.com", 421)] {
        raw.write(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        let answer = raw.message().await;
        assert_eq!(status(&answer), expected, "{host}: {answer}");
        assert_eq!(answer.contains("portal over https"), expected == 200, "{answer}");
    }
}
