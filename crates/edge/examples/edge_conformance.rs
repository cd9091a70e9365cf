//! An edge for programs that test HTTP servers: `edge_conformance PLAIN TLS` listens on two
//! addresses and routes `localhost` to a service of its own that answers every request with a
//! greeting, until it is killed. The upstream is real, so that every request takes the whole way.
//! See docs/edge-conformance.md.

use std::sync::Arc;

use stoa_edge::{Config, EmbeddedEdge, listen};
use stoa_model::{
    certificate::Certificate,
    host::Hostname,
    id::{CertificateId, SiteId},
    route::{Route, RouteLimits, RoutingTable, Target},
};
use stoa_provider::edge::Edge;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [plain, tls] = args.as_slice() else { return Err("usage: edge_conformance PLAIN TLS".into()) };
    let upstream = TcpListener::bind("127.0.0.1:0").await?;
    let route = Route {
        site: SiteId::from_uuid(uuid::Uuid::from_u128(1)),
        target: Target::Upstream(upstream.local_addr()?),
        limits: RouteLimits::body(1 << 20),
        secure: false,
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = upstream.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    let edge = EmbeddedEdge::new(Config::default(), None)?;
    let routes = [(Hostname::parse("localhost")?, route)].into_iter().collect();
    let certificates = Arc::new(vec![self_signed()?]);
    edge.apply(RoutingTable { version: 1, routes, certificates, ..RoutingTable::default() }).await?;
    let (plain, tls) = (listen(plain.parse()?)?, listen(tls.parse()?)?);
    let stop = CancellationToken::new();
    tokio::try_join!(edge.serve(plain, stop.clone()), edge.serve_tls(tls, stop))?;
    Ok(())
}

fn self_signed() -> Result<Arc<Certificate>, Box<dyn std::error::Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    Ok(Arc::new(Certificate {
        id: CertificateId::from_uuid(uuid::Uuid::from_u128(1)),
        names: vec!["localhost".parse()?],
        chain: made.cert.pem(),
        key: made.signing_key.serialize_pem().into(),
    }))
}

/// Answers one request when all of it is here: an earlier answer would be right, but tests of what
/// follows a head would meet it now and then.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let body = "Hello from behind the edge\n";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).await?;
    // The edge closes when it has read that.
    while stream.read_buf(&mut request).await? > 0 {}
    Ok(())
}

/// Whether a request of the edge, which writes its fields in lower case, is all there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    body.len() >= length && (!head.contains("transfer-encoding: ") || body.ends_with("\r\n\r\n") || body == "0\r\n\r\n")
}
