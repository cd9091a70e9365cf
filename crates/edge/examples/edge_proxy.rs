//! A bare edge for benchmarks: `edge_proxy LISTEN UPSTREAM ROUTES [THREADS]` routes
//! `site-0.bench.test` … to the upstream until it is killed.

use std::{collections::HashMap, net::SocketAddr};

use stoa_edge::{Config, Embedded, listen};
use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Route, RouteLimits, RoutingTable, Target},
};
use stoa_provider::edge::Edge;
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, upstream, routes, threads @ ..] = args.as_slice() else {
        return Err("usage: edge_proxy LISTEN UPSTREAM ROUTES [THREADS]".into());
    };
    let mut config = Config::default();
    if let [threads] = threads {
        config.threads = threads.parse()?;
    }
    let edge = Embedded::new(config, None)?;
    edge.apply(table(upstream.parse()?, routes.parse()?)?).await?;
    edge.serve(listen(address.parse()?)?, CancellationToken::new()).await?;
    Ok(())
}

fn table(upstream: SocketAddr, count: u128) -> Result<RoutingTable, Box<dyn std::error::Error>> {
    let mut routes = HashMap::new();
    for number in 0..count {
        let site = SiteId::from_uuid(uuid::Uuid::from_u128(number));
        let name = Hostname::parse(&format!("site-{number}.bench.test"))?;
        routes.insert(
            name,
            Route { site, target: Target::Upstream(upstream), limits: RouteLimits::body(100 << 20), secure: false },
        );
    }
    Ok(RoutingTable { version: 1, routes, ..RoutingTable::default() })
}
