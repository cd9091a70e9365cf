//! What every edge must do, tested from outside: a request for a host, and who answered it. The fake and
//! every real provider pass the same suite.
//!
//! The suite's tables only use names below `example.com`, and their versions grow through all of its parts, as
//! in a process. It panics at the first violation, as it is for tests.

mod routing;
mod tables;
mod tls;
mod traffic;

use std::net::SocketAddr;

use async_trait::async_trait;
use stoa_model::{certificate::Certificate, id::CertificateId};

use super::Edge;

/// Who answered a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The service at this address.
    Upstream(SocketAddr),
    /// A page of the platform for a site that does not run (503).
    Unavailable,
    /// A permanent redirect to this address (301 or 308).
    Permanent(String),
    /// A temporary redirect to this address (302 or 307), which nobody stores.
    Temporary(String),
    /// Nothing: there is no such site (404).
    NotFound,
    /// Nothing: the request's body is larger than the site accepts (413).
    TooLarge,
    /// The edge itself, with this text (200).
    Text(String),
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The host that the request names; over TLS also in SNI.
    pub host: &'a str,
    /// Path, and query if any.
    pub path: &'a str,
    /// Bytes of the body; 0 is a GET, anything else a POST.
    pub body: usize,
}

impl<'a> Ask<'a> {
    /// A GET.
    pub const fn get(host: &'a str, path: &'a str) -> Self {
        Self { host, path, body: 0 }
    }
}

/// The outcome of a request over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secured {
    /// The handshake failed: the edge has no certificate for this name.
    Refused,
    /// The certificate of the server, if it is one that the probe made, and the answer.
    Answered(Option<CertificateId>, Answer),
}

/// A way to send requests to an edge, with two services to route to.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Two distinguishable services. Each reads the whole body of a request before it answers.
    fn upstreams(&self) -> [SocketAddr; 2];

    /// Sends a request through the edge, over plain HTTP.
    async fn send(&self, ask: Ask<'_>) -> Answer;

    /// Sends a GET of `/` for `host`.
    async fn ask(&self, host: &str) -> Answer {
        self.send(Ask::get(host, "/")).await
    }

    /// A new certificate for names as [`CertName`](stoa_model::certificate::CertName) writes them;
    /// `None` where there is no TLS to probe, as with the fake, and the suite leaves it out.
    fn certificate(&self, names: &[&str]) -> Option<Certificate> {
        let _ = names;
        None
    }

    /// Sends a request over TLS. Only called if [`certificate`](Self::certificate) makes some.
    async fn send_tls(&self, ask: Ask<'_>) -> Secured {
        panic!("this probe makes certificates but can't ask for {ask:?} over TLS");
    }
}

/// Runs the whole suite against an edge that has applied nothing yet.
pub async fn run(edge: &dyn Edge, probe: &dyn Probe) {
    let mut tables = tables::Tables::default();
    routing::routes(edge, probe, &mut tables).await;
    routing::redirects(edge, probe, &mut tables).await;
    routing::answers(edge, probe, &mut tables).await;
    routing::bodies(edge, probe, &mut tables).await;
    tls::plain_is_redirected(edge, probe, &mut tables).await;
    tls::certificates(edge, probe, &mut tables).await;
    traffic::counts_grow(edge, probe, &mut tables).await;
}
