#![allow(missing_docs, unused_variables)]
use std::net::SocketAddr;
use stoa_model::{host::Hostname, id::SiteId, site::SiteState};
use crate::{Conn, DbError};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRow { pub hostname: Hostname, pub site: SiteId, pub state: SiteState, pub upstream: Option<SocketAddr>, pub max_body: u64 }
/// All hostnames in one query, without tombstones.
pub async fn routes(c: &impl Conn) -> Result<Vec<RouteRow>, DbError> { todo!() }
pub async fn route_of(c: &impl Conn, site: SiteId) -> Result<Vec<RouteRow>, DbError> { todo!() }
