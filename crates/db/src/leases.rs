#![allow(missing_docs, unused_variables)]
use jiff::Timestamp;
use stoa_model::{id::SiteId, net::Subnet};
use crate::{Conn, DbError, Tx};
/// After `site_insert`; keeps the block that the site has already.
pub async fn subnet_lease(tx: &Tx, pool: &Subnet, site: SiteId, now: Timestamp, taken: &[Subnet]) -> Result<Subnet, DbError> { todo!() }
pub async fn subnet_free(tx: &Tx, site: SiteId) -> Result<(), DbError> { todo!() }
pub async fn subnets(c: &impl Conn) -> Result<Vec<(SiteId, Subnet)>, DbError> { todo!() }
