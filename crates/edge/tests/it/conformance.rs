//! The suite that every maker of an edge passes.

use std::net::SocketAddr;

use async_trait::async_trait;
use stoa_provider::edge::conformance::{self, Answer, Probe};

use crate::support::{TestEdge, body, config, status, upstream};

struct OverTheWire {
    edge: SocketAddr,
    upstreams: [SocketAddr; 2],
}

#[async_trait]
impl Probe for OverTheWire {
    fn upstreams(&self) -> [SocketAddr; 2] {
        self.upstreams
    }

    async fn ask(&self, host: &str) -> Answer {
        let stream = tokio::net::TcpStream::connect(self.edge).await.unwrap();
        let mut raw = crate::support::Raw { stream, buf: Vec::new() };
        raw.write(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        let answer = raw.rest().await;
        match status(&answer) {
            200 => Answer::Upstream(body(&answer).parse().unwrap()),
            503 => Answer::Unavailable,
            404 => Answer::NotFound,
            _ => panic!("an answer that means nothing here: {answer}"),
        }
    }
}

/// A service that answers with its own address.
async fn introducing() -> SocketAddr {
    upstream(|mut raw, _| async move {
        let name = raw.stream.local_addr().unwrap().to_string();
        raw.until("\r\n\r\n").await;
        raw.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len())).await;
    })
    .await
}

#[tokio::test]
async fn the_embedded_edge_conforms() {
    let edge = TestEdge::start(config(), None);
    let probe = OverTheWire { edge: edge.address, upstreams: [introducing().await, introducing().await] };
    conformance::run(edge.edge.as_ref(), &probe).await;
}
