//! An edge in memory, which forwards nothing but knows what a real one would answer, and can be made to fail.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use stoa_model::{
    id::SiteId,
    route::{Route, RoutingTable, Target},
    routes::Routes,
    traffic::Traffic,
};

use super::{
    Edge, EdgeError,
    conformance::{Answer, Ask, Probe},
};

/// The fake.
#[derive(Debug, Default)]
pub struct FakeEdge {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    table: RoutingTable,
    traffic: HashMap<SiteId, Traffic>,
    failure: Option<String>,
    broken: Option<String>,
    refuses: Option<SiteId>,
}

impl FakeEdge {
    /// Makes the next `apply` fail for this reason.
    pub fn fail_next(&self, reason: impl Into<String>) {
        self.state().failure = Some(reason.into());
    }

    /// Makes every `apply` fail for this reason from now on; `None` ends that.
    pub fn fail(&self, reason: Option<&str>) {
        self.state().broken = reason.map(str::to_owned);
    }

    /// Refuses this site's routes from now on, and no other's; `None` ends that.
    pub fn refuse(&self, site: Option<SiteId>) {
        self.state().refuses = site;
    }

    /// Counts a request for a site, as a real edge would.
    pub fn serve(&self, site: SiteId, status: u16, bytes_out: u64) {
        self.state().traffic.entry(site).or_default().count(status, 0, bytes_out, 1_000);
    }

    /// The current table.
    pub fn table(&self) -> RoutingTable {
        self.state().table.clone()
    }

    /// The current routes.
    pub fn routes(&self) -> Routes {
        self.state().table.routes.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Edge for FakeEdge {
    async fn apply(&self, table: RoutingTable) -> Result<(), EdgeError> {
        let mut state = self.state();
        if let Some(reason) = state.failure.take().or_else(|| state.broken.clone()) {
            let doing = format!("applying routing table {} to", table.version);
            return Err(EdgeError { maker: "fake", doing, reason, refused: None });
        }
        if table.version <= state.table.version {
            return Ok(());
        }
        let previous = std::mem::replace(&mut state.table, table);
        let Some(bad) = state.refuses else { return Ok(()) };
        let kept = previous.routes.iter().filter(|(_, route)| route.site == bad);
        state.table.routes.retain(|_, route| route.site != bad);
        state.table.routes.extend(kept.map(|(name, route)| (name.clone(), route.clone())));
        let doing = format!("applying routing table {} to", state.table.version);
        Err(EdgeError { maker: "fake", doing, reason: format!("{bad} is refused"), refused: Some(vec![bad]) })
    }

    fn applied(&self) -> u64 {
        self.state().table.version
    }

    async fn traffic(&self) -> Result<Vec<(SiteId, Traffic)>, EdgeError> {
        Ok(self.state().traffic.clone().into_iter().collect())
    }
}

#[async_trait]
impl Probe for FakeEdge {
    fn upstreams(&self) -> [SocketAddr; 2] {
        [SocketAddr::from(([192, 0, 2, 1], 80)), SocketAddr::from(([192, 0, 2, 2], 80))]
    }

    async fn send(&self, ask: Ask<'_>) -> Answer {
        let mut state = self.state();
        if let Some(text) = state.table.answers.get(ask.path) {
            return Answer::Text(text.clone());
        }
        let Some(route) = state.table.routes.get(ask.host.to_ascii_lowercase().as_str()).cloned() else {
            return Answer::NotFound;
        };
        let answer = answer_for(&route, ask);
        if let Answer::Upstream(_) = answer {
            let bytes_in = ask.body as u64;
            state.traffic.entry(route.site).or_default().count(200, bytes_in, 10, 1_000);
        }
        answer
    }
}

/// What a real edge would answer to this request for a known name, over plain HTTP.
fn answer_for(route: &Route, ask: Ask<'_>) -> Answer {
    if route.secure {
        return Answer::Permanent(format!("https://{}{}", ask.host, ask.path));
    }
    match &route.target {
        Target::Notice(_) => Answer::Unavailable,
        Target::Redirect(to) => Answer::Temporary(format!("http://{to}{}", ask.path)),
        Target::Upstream(_) if ask.body as u64 > route.limits.max_body => Answer::TooLarge,
        Target::Upstream(address) => Answer::Upstream(*address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::conformance;

    #[tokio::test]
    async fn conforms() {
        let edge = FakeEdge::default();
        conformance::run(&edge, &edge).await;
    }

    #[tokio::test]
    async fn a_failure_leaves_the_previous_table() {
        let edge = FakeEdge::default();
        edge.fail_next("no room");
        let table = RoutingTable { version: 3, ..RoutingTable::default() };
        let error = edge.apply(table.clone()).await.expect_err("it was made to fail");
        assert_eq!(error.to_string(), "applying routing table 3 to the fake edge: no room");
        assert_eq!(edge.applied(), 0);
        edge.apply(table).await.expect("only the next one fails");
        assert_eq!(edge.applied(), 3);
    }
}
