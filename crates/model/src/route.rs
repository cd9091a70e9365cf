//! What the edge knows: which hostname leads where. The whole table is one value, and a maker of
//! an edge always gets all of it; what changed is the maker's own business.

use std::{collections::HashMap, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{host::Hostname, id::SiteId};

/// All routes at one moment. Versions only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoutingTable {
    /// Grows with every change; an edge that has applied version N serves at least the routes of N.
    pub version: u64,
    /// One route per hostname.
    pub routes: HashMap<Hostname, Route>,
}

/// Where one hostname leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The site that the requests are counted for.
    pub site: SiteId,
    /// What answers.
    pub target: Target,
    /// Largest request body in bytes; more is answered 413.
    pub max_body: u64,
}

/// What answers for a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The site's own service.
    Upstream(SocketAddr),
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
}
