//! The suite that every provider of an edge passes, over the wire.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use stoa_model::{certificate::Certificate, id::CertificateId};
use stoa_provider::edge::conformance::{self, Answer, Ask, Probe, Secured};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    support::{Raw, TEST_TIMEOUT, body, field, status, upstream},
    tls_support::{Authority, TlsEdge, connect_to, secure_config},
};

/// An edge's two addresses, and the certificates that were made for it.
pub struct OverTheWire {
    http: SocketAddr,
    https: SocketAddr,
    upstreams: [SocketAddr; 2],
    authority: Authority,
    made: Mutex<HashMap<CertificateDer<'static>, CertificateId>>,
    next: AtomicU64,
}

impl OverTheWire {
    pub async fn new(http: SocketAddr, https: SocketAddr) -> Self {
        let upstreams = [introducing().await, introducing().await];
        Self { http, https, upstreams, authority: Authority::new(), made: Mutex::default(), next: AtomicU64::new(1) }
    }

    async fn over_tls(&self, ask: Ask<'_>) -> io::Result<(Option<CertificateId>, Answer)> {
        let client = self.authority.client(&["http/1.1"]);
        let mut raw = connect_to(self.https, client, ask.host).await?;
        let leaf = raw.stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
        let id = leaf.and_then(|leaf| self.made.lock().unwrap().get(&leaf).copied());
        Ok((id, exchange(&mut raw, ask, "").await))
    }
}

#[async_trait]
impl Probe for OverTheWire {
    fn upstreams(&self) -> [SocketAddr; 2] {
        self.upstreams
    }

    async fn send(&self, ask: Ask<'_>) -> Answer {
        let stream = TcpStream::connect(self.http).await.unwrap();
        exchange(&mut Raw { stream, buf: Vec::new() }, ask, "").await
    }

    fn certificate(&self, names: &[&str]) -> Option<Certificate> {
        let made = self.authority.certificate(self.next.fetch_add(1, Relaxed).into(), names);
        let leaf = CertificateDer::from_pem_slice(made.chain.as_bytes()).unwrap();
        self.made.lock().unwrap().insert(leaf, made.id);
        Some(Certificate::clone(&made))
    }

    /// A certificate that is not for the name is a refused handshake to this client, as to browsers.
    async fn send_tls(&self, ask: Ask<'_>) -> Secured {
        match self.over_tls(ask).await {
            Ok((id, answer)) => Secured::Answered(id, answer),
            Err(_) => Secured::Refused,
        }
    }
}

/// Sends a request with these further header lines and reads who answered.
pub async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(raw: &mut Raw<S>, ask: Ask<'_>, lines: &str) -> Answer {
    let Ask { host, path, body: length } = ask;
    let head = if length == 0 { String::new() } else { format!("Content-Length: {length}\r\n") };
    let method = if length == 0 { "GET" } else { "POST" };
    raw.write(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{head}{lines}Connection: close\r\n\r\n")).await;
    // An edge that refuses a body may close before it has come.
    let _ = timeout(TEST_TIMEOUT, raw.stream.write_all("x".repeat(length).as_bytes()))
        .await
        .expect("nobody reads the body");
    let answer = raw.rest().await;
    match status(&answer) {
        200 => body(&answer).parse().map_or_else(|_| Answer::Text(body(&answer).into()), Answer::Upstream),
        301 | 308 => Answer::Permanent(field(&answer, "location").unwrap().to_owned()),
        302 | 307 => {
            assert_eq!(field(&answer, "cache-control"), Some("no-store"));
            Answer::Temporary(field(&answer, "location").unwrap().to_owned())
        }
        404 => Answer::NotFound,
        413 => Answer::TooLarge,
        503 => Answer::Unavailable,
        _ => panic!("an answer that means nothing here: {answer}"),
    }
}

/// A service that reads whole requests and answers with its own address.
pub async fn introducing() -> SocketAddr {
    upstream(|mut raw, _| async move {
        let name = raw.stream.local_addr().unwrap().to_string();
        while let Some(head) = raw.head().await {
            let length = field(&head, "content-length").map_or(0, |text| text.parse().unwrap());
            if raw.bytes(length).await.is_none() {
                return;
            }
            raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len())).await;
            if field(&head, "connection") == Some("close") {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn the_embedded_edge_conforms() {
    let edge = TlsEdge::start(secure_config(), None);
    let probe = OverTheWire::new(edge.plain.address, edge.address).await;
    conformance::run(edge.plain.edge.as_ref(), &probe).await;
}
