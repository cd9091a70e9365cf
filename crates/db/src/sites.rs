#![allow(missing_docs, unused_variables)]
use std::net::SocketAddr;
use jiff::Timestamp;
use stoa_model::{host::Hostname, id::{CustomerId, SiteId}, site::{Health, Site, SiteState}};
use crate::{Conn, DbError, Page, Tx};
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter { pub state: Option<SiteState>, pub text: Option<String> }
pub async fn site_insert(tx: &Tx, site: &Site) -> Result<(), DbError> { todo!() }
pub async fn site_get(c: &impl Conn, id: SiteId) -> Result<Option<Site>, DbError> { todo!() }
pub async fn site_of(c: &impl Conn, customer: CustomerId, id: SiteId) -> Result<Option<Site>, DbError> { todo!() }
pub async fn site_by_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<Site>, DbError> { todo!() }
pub async fn hostname_taken(c: &impl Conn, hostname: &Hostname) -> Result<bool, DbError> { todo!() }
/// Without tombstones.
pub async fn sites_of(c: &impl Conn, customer: CustomerId, page: Page) -> Result<Vec<Site>, DbError> { todo!() }
pub async fn staff_sites(c: &impl Conn, filter: &Filter, page: Page) -> Result<Vec<Site>, DbError> { todo!() }
pub async fn site_counts(c: &impl Conn, customer: Option<CustomerId>) -> Result<Vec<(SiteState, u64)>, DbError> { todo!() }
pub async fn sites_to_purge(c: &impl Conn, now: Timestamp) -> Result<Vec<Site>, DbError> { todo!() }
pub async fn sites_all_live(c: &impl Conn) -> Result<Vec<Site>, DbError> { todo!() }
pub async fn site_move(tx: &Tx, id: SiteId, from: SiteState, to: SiteState, reason: Option<&str>, now: Timestamp) -> Result<(), DbError> { todo!() }
pub async fn site_publish(tx: &Tx, id: SiteId, upstream: Option<SocketAddr>) -> Result<(), DbError> { todo!() }
pub async fn site_observe(tx: &Tx, id: SiteId, health: Health, now: Timestamp) -> Result<(), DbError> { todo!() }
/// Sets the two times; the state is `site_move`'s.
pub async fn site_mark_deleted(tx: &Tx, id: SiteId, now: Timestamp, purge_at: Timestamp) -> Result<(), DbError> { todo!() }
pub async fn site_unmark_deleted(tx: &Tx, id: SiteId) -> Result<(), DbError> { todo!() }
/// From deleting to deleted; frees hostname and subnet, erases secrets, credentials, backup schedule and plans.
pub async fn site_tombstone(tx: &Tx, id: SiteId, now: Timestamp) -> Result<(), DbError> { todo!() }
