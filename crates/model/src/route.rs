//! What the edge knows: which hostname leads where, and how it proves to be that host. The whole
//! table is one value, and a maker of an edge always gets all of it; what changed is the maker's
//! own business.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{certificate::Certificate, host::Hostname, id::SiteId, routes::Routes};

/// All routes at one moment. Versions only grow. A copy shares what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutingTable {
    /// Grows with every change; an edge that has applied version N serves at least the routes of N.
    pub version: u64,
    /// One route per hostname.
    pub routes: Routes,
    /// Certificates to serve, for routes and for the platform's own names. Where two cover a name,
    /// an exact one wins over a wildcard, and a later one in the list over an earlier one.
    pub certificates: Arc<Vec<Arc<Certificate>>>,
    /// Paths that the edge answers itself with this text, on every host, known or not, and over
    /// plain HTTP too: the answers to a certificate authority (RFC 8555 8.3). Each holds a random
    /// token, so it hides nothing of any site's.
    pub answers: BTreeMap<String, String>,
}

/// Where one hostname leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The site that the requests are counted for.
    pub site: SiteId,
    /// What answers.
    pub target: Target,
    /// What the site's visitors may use of the edge, all together.
    pub limits: RouteLimits,
    /// Whether visitors must use HTTPS: plain requests are redirected to it, and its answers carry
    /// HSTS (RFC 6797). Only set where a certificate of the table covers the name.
    pub secure: bool,
}

/// What one site may use of the edge. 0 means no limit, except for `max_body`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteLimits {
    /// Largest request body in bytes; more is answered 413.
    pub max_body: u64,
    /// Requests per second, on average; more are answered 429.
    pub rate: u32,
    /// So many requests may come at once before the rate is enforced; at least 1 where `rate` is set.
    pub burst: u32,
    /// Requests and upgraded connections open at once; more are answered 503.
    pub in_flight: u32,
    /// How long the site may take to answer, in seconds; then 504. 0 is the edge's own timeout.
    pub response_seconds: u32,
}

impl RouteLimits {
    /// Nothing but a largest body.
    pub const fn body(max_body: u64) -> Self {
        Self { max_body, rate: 0, burst: 0, in_flight: 0, response_seconds: 0 }
    }
}

/// What answers for a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The site's own service.
    Upstream(SocketAddr),
    /// Another name of the same site: the browser is sent there, with path and query.
    Redirect(Hostname),
    /// A page of the platform, as the site does not run.
    Notice(Notice),
}

/// Why a known site does not answer itself; each is a page for browsers and a problem for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Being provisioned or started: 503 with a short Retry-After; browsers reload by themselves.
    Starting,
    /// Stopped by its owner: 503.
    Stopped,
    /// Suspended by the operator: 503 and no reason for the public.
    Suspended,
    /// In maintenance, for instance while it is updated: 503.
    Maintenance,
    /// It has used up what its plan allows for the month: 503.
    OverQuota,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_the_body_limit_nothing_else() {
        let limits = RouteLimits { max_body: 7, rate: 0, burst: 0, in_flight: 0, response_seconds: 0 };
        assert_eq!(RouteLimits::body(7), limits);
        assert!(
            serde_json::from_str::<RouteLimits>(
                r#"{"max_body":7,"rate":0,"burst":0,"in_flight":0,"response_seconds":0,"x":1}"#
            )
            .is_err()
        );
    }
}
