//! What every edge must do, asked of it from outside: a request for a host, and who answered it.
//! The fake and every real maker pass the same suite.
//!
//! It panics at the first broken promise: it is for tests.

use std::{collections::HashMap, net::SocketAddr};

use async_trait::async_trait;
use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Notice, Route, RouteLimits, RoutingTable, Target},
};

use super::Edge;

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The service at this address.
    Upstream(SocketAddr),
    /// A page of the platform for a site that does not run (503).
    Unavailable,
    /// The browser is sent to another address.
    Redirect,
    /// Nobody: there is no such site (404).
    NotFound,
}

/// A way to ask an edge, with two services to route to.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Two services that run and tell apart.
    fn upstreams(&self) -> [SocketAddr; 2];

    /// Sends a request for `host` through the edge.
    async fn ask(&self, host: &str) -> Answer;
}

/// Runs the whole suite against an edge that has applied nothing yet.
pub async fn run(edge: &dyn Edge, probe: &dyn Probe) {
    let [one, two] = probe.upstreams();
    assert_eq!(edge.applied(), 0, "a new edge has applied nothing");
    assert_eq!(probe.ask("a.example.com").await, Answer::NotFound, "a new edge routes nothing");

    let first =
        table(2, &[("a.example.com", Target::Upstream(one)), ("b.example.com", Target::Notice(Notice::Stopped))]);
    apply(edge, &first).await;
    assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(one), "a route leads to its upstream");
    assert_eq!(probe.ask("A.Example.COM").await, Answer::Upstream(one), "capitals in a host mean nothing");
    assert_eq!(probe.ask("b.example.com").await, Answer::Unavailable, "a notice is shown");
    assert_eq!(probe.ask("x.a.example.com").await, Answer::NotFound, "a route is for its own name only");
    assert_eq!(probe.ask("example.com").await, Answer::NotFound, "a route is not for its parent");

    apply(edge, &first).await;
    assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(one), "applying twice changes nothing");

    apply(edge, &table(1, &[("a.example.com", Target::Upstream(two))])).await;
    assert_eq!(edge.applied(), 2, "an older table is ignored");
    assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(one), "an older table is ignored");

    apply(edge, &table(3, &[("a.example.com", Target::Upstream(two)), ("b.example.com", Target::Upstream(one))])).await;
    assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(two), "a route moves at once");
    assert_eq!(probe.ask("b.example.com").await, Answer::Upstream(one), "a notice ends at once");

    apply(edge, &table(4, &[])).await;
    assert_eq!(probe.ask("a.example.com").await, Answer::NotFound, "a removed route is gone");
    assert_eq!(edge.applied(), 4);
}

async fn apply(edge: &dyn Edge, table: &RoutingTable) {
    let result = edge.apply(table.clone()).await;
    assert!(result.is_ok(), "table {} was refused: {result:?}", table.version);
    assert!(edge.applied() >= table.version, "table {} is not applied", table.version);
}

fn table(version: u64, routes: &[(&str, Target)]) -> RoutingTable {
    let route = |(number, (name, target)): (usize, &(&str, Target))| {
        let name = Hostname::parse(name).ok()?;
        let digit = char::from_digit(u32::try_from(number).ok()? + 1, 16)?;
        let site = format!("{}_{}", SiteId::PREFIX, digit.to_string().repeat(32)).parse().ok()?;
        Some((name, Route { site, target: target.clone(), limits: RouteLimits::body(1 << 20), secure: false }))
    };
    let routes = routes.iter().enumerate().filter_map(route).collect::<HashMap<_, _>>();
    RoutingTable { version, routes, ..RoutingTable::default() }
}
