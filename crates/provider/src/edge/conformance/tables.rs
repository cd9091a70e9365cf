//! The tables that the suite applies.

use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Route, RouteLimits, RoutingTable, Target},
};

use crate::edge::Edge;

/// The largest body that the suite's routes accept, in bytes.
pub(super) const MAX_BODY: u64 = 1000;

/// Makes tables whose versions grow.
#[derive(Default)]
pub(super) struct Tables {
    version: u64,
}

impl Tables {
    /// The next table: the name at place n belongs to [`site`]`(n)`.
    pub(super) fn next(&mut self, routes: &[(&str, Target)]) -> RoutingTable {
        // Two at a time, which leaves room for an older one.
        self.version += 2;
        let route = |(number, (name, target)): (usize, &(&str, Target))| {
            let route = Route {
                site: site(number),
                target: target.clone(),
                limits: RouteLimits::body(MAX_BODY),
                secure: false,
            };
            (hostname(name), route)
        };
        let routes = routes.iter().enumerate().map(route).collect();
        RoutingTable { version: self.version, routes, ..RoutingTable::default() }
    }
}

/// The site of the name at this place in a table.
pub(super) fn site(number: usize) -> SiteId {
    let text = format!("{}_{:032x}", SiteId::PREFIX, number + 1);
    text.parse().unwrap_or_else(|error| panic!("{text} in a test's table: {error}"))
}

pub(super) fn hostname(name: &str) -> Hostname {
    Hostname::parse(name).unwrap_or_else(|error| panic!("{name:?} in a test's table: {error}"))
}

/// Requires HTTPS for a name of the table.
pub(super) fn secure(table: &mut RoutingTable, name: &str) {
    let route = table.routes.get_mut(name);
    route.unwrap_or_else(|| panic!("{name} is not in the test's table")).secure = true;
}

/// Applies a table, and checks that the edge reports it.
pub(super) async fn apply(edge: &dyn Edge, table: &RoutingTable) {
    let result = edge.apply(table.clone()).await;
    assert!(result.is_ok(), "table {} was refused: {result:?}", table.version);
    assert!(edge.applied() >= table.version, "table {} is not applied", table.version);
}
