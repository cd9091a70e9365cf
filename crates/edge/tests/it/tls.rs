//! Handshakes: versions, protocols, sessions.

use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{HandshakeKind, ProtocolVersion, client::Resumption, version};
use stoa_model::route::Target;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::{
    support::{HOST, Raw, body, field, mirror, status},
    tls_support::{TlsEdge, Way, alert, secure_config},
};

async fn edge() -> TlsEdge {
    let upstream = Target::Upstream(mirror().await);
    let ways = [Way(HOST, upstream.clone(), true), Way("other.example.com", upstream, true)];
    TlsEdge::with(secure_config(), &ways, &[&[HOST], &["other.example.com"]]).await
}

async fn ask(raw: &mut Raw<TlsStream<TcpStream>>, host: &str) -> String {
    raw.write(format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    raw.message().await
}

#[tokio::test]
async fn both_versions_carry_requests() {
    let edge = edge().await;
    for (offered, spoken) in [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let client = edge.authority.client_of(&["http/1.1"], &[offered]);
        let mut raw = edge.connect_with(client, HOST).await.unwrap();
        assert_eq!(raw.stream.get_ref().1.protocol_version(), Some(spoken));
        let answer = ask(&mut raw, HOST).await;
        assert_eq!(status(&answer), 200, "{answer}");
        assert_eq!(field(body(&answer), "x-forwarded-proto"), Some("https"), "{answer}");
    }
}

#[tokio::test]
async fn the_protocol_is_negotiated() {
    let edge = edge().await;
    for (offered, agreed) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let raw = edge.connect_with(edge.authority.client(offered), HOST).await.unwrap();
        let spoken = raw.stream.get_ref().1.alpn_protocol().map(String::from_utf8_lossy);
        assert_eq!(spoken.as_deref(), agreed, "{offered:?}");
    }
    let refused = edge.connect_with(edge.authority.client(&["spdy/3"]), HOST).await;
    assert!(alert(refused).contains("NoApplicationProtocol"));
    let mut raw = edge.connect_with(edge.authority.client(&[]), HOST).await.unwrap();
    assert_eq!(status(&ask(&mut raw, HOST).await), 200, "HTTP/1 is what is spoken without a word");
}

/// Most clients offer AES-256 first without needing it; those who begin with ChaCha20 mean it.
#[tokio::test]
async fn the_cheapest_cipher_is_taken() {
    let edge = edge().await;
    for offered in [&version::TLS13, &version::TLS12] {
        let raw = edge.connect_with(edge.authority.client_of(&[], &[offered]), HOST).await.unwrap();
        assert!(spoken(&raw).contains("AES_128"), "{}", spoken(&raw));
    }
    for offered in [&version::TLS13, &version::TLS12] {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites.sort_by_key(|suite| !format!("{:?}", suite.suite()).contains("CHACHA"));
        let client = edge.authority.client_by(provider, &["http/1.1"], &[offered]);
        let mut raw = edge.connect_with(client, HOST).await.unwrap();
        assert!(spoken(&raw).contains("CHACHA20"), "{}", spoken(&raw));
        assert_eq!(status(&ask(&mut raw, HOST).await), 200);
    }
}

fn spoken(raw: &Raw<TlsStream<TcpStream>>) -> String {
    format!("{:?}", raw.stream.get_ref().1.negotiated_cipher_suite().unwrap().suite())
}

#[tokio::test]
async fn http2_over_tls() {
    let edge = edge().await;
    let raw = edge.connect_with(edge.authority.client(&["h2"]), HOST).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(raw.stream)).await;
    let (mut sender, conn) = handshake.unwrap();
    tokio::spawn(conn);
    for number in 0..20 {
        let request = Request::get(format!("https://{HOST}/{number}")).body(Empty::<bytes::Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let seen = response.into_body().collect().await.unwrap().to_bytes();
        assert!(seen.starts_with(format!("GET /{number} HTTP/1.1\r\n").as_bytes()), "{seen:?}");
    }
}

#[tokio::test]
async fn sessions_are_resumed_under_their_own_name() {
    let edge = edge().await;
    for offered in [&version::TLS13, &version::TLS12] {
        let client = edge.authority.client_of(&["http/1.1"], &[offered]);
        for (host, expected) in [
            (HOST, HandshakeKind::Full),
            (HOST, HandshakeKind::Resumed),
            ("other.example.com", HandshakeKind::Full),
            ("other.example.com", HandshakeKind::Resumed),
        ] {
            let mut raw = edge.connect_with(client.clone(), host).await.unwrap();
            let answer = ask(&mut raw, host).await;
            assert_eq!(field(body(&answer), "host"), Some(host), "{answer}");
            assert_eq!(raw.stream.get_ref().1.handshake_kind(), Some(expected), "{offered:?} {host}");
        }
    }
}

/// A client that shows one site's ticket at another one's name.
#[tokio::test]
async fn a_session_is_not_resumed_under_another_name() {
    #[derive(Debug)]
    struct OneDrawer(rustls::client::ClientSessionMemoryCache);
    impl rustls::client::ClientSessionStore for OneDrawer {
        fn set_kx_hint(&self, _: rustls_pki_types::ServerName<'static>, _: rustls::NamedGroup) {}
        fn kx_hint(&self, _: &rustls_pki_types::ServerName<'_>) -> Option<rustls::NamedGroup> {
            None
        }
        fn set_tls12_session(
            &self,
            _: rustls_pki_types::ServerName<'static>,
            value: rustls::client::Tls12ClientSessionValue,
        ) {
            self.0.set_tls12_session(HOST.try_into().unwrap(), value);
        }
        fn tls12_session(
            &self,
            _: &rustls_pki_types::ServerName<'_>,
        ) -> Option<rustls::client::Tls12ClientSessionValue> {
            self.0.tls12_session(&HOST.try_into().unwrap())
        }
        fn remove_tls12_session(&self, _: &rustls_pki_types::ServerName<'static>) {}
        fn insert_tls13_ticket(
            &self,
            _: rustls_pki_types::ServerName<'static>,
            value: rustls::client::Tls13ClientSessionValue,
        ) {
            self.0.insert_tls13_ticket(HOST.try_into().unwrap(), value);
        }
        fn take_tls13_ticket(
            &self,
            _: &rustls_pki_types::ServerName<'static>,
        ) -> Option<rustls::client::Tls13ClientSessionValue> {
            self.0.take_tls13_ticket(&HOST.try_into().unwrap())
        }
    }
    let edge = edge().await;
    for offered in [&version::TLS13, &version::TLS12] {
        let mut client = edge.authority.client_of(&["http/1.1"], &[offered]);
        let drawer = OneDrawer(rustls::client::ClientSessionMemoryCache::new(8));
        client.resumption = Resumption::store(Arc::new(drawer));
        for (host, kind) in
            [(HOST, HandshakeKind::Full), (HOST, HandshakeKind::Resumed), ("other.example.com", HandshakeKind::Full)]
        {
            let mut raw = edge.connect_with(client.clone(), host).await.unwrap();
            assert_eq!(status(&ask(&mut raw, host).await), 200);
            assert_eq!(raw.stream.get_ref().1.handshake_kind(), Some(kind), "{offered:?} {host}");
        }
    }
}

#[tokio::test]
async fn what_is_no_tls_is_refused() {
    let edge = edge().await;
    let mut raw = Raw { stream: TcpStream::connect(edge.address).await.unwrap(), buf: Vec::new() };
    raw.write(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert!(!raw.rest().await.contains("HTTP"), "nothing is served in the clear");
}
