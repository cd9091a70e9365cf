//! An edge for programs that test HTTP servers: `edge_conformance PLAIN TLS` listens on two
//! addresses and routes `localhost` to a service of its own that answers every request with a
//! greeting, until it is killed. The upstream is real, so that every request takes the whole way.
//! See docs/edge-conformance.md.

use std::{collections::HashMap, sync::Arc};

use stoa_edge::{Config, Embedded, listen};
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
    let edge = Embedded::new(Config::default(), None)?;
    let routes = HashMap::from([(Hostname::parse("localhost")?, route)]);
    let certificates = vec![self_signed()?];
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

/// Answers one request, whatever it is, and closes when the edge does.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buf = vec![0; 16 * 1024];
    if stream.read(&mut buf).await? > 0 {
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\nContent-Length: 27\r\nConnection: close\r\n\r\nHello from behind the edge\n",
            )
            .await?;
        while stream.read(&mut buf).await? > 0 {}
    }
    Ok(())
}
