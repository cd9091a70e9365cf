#![allow(missing_docs, unused_variables)]
use jiff::Timestamp;
use serde_json::Value;
use stoa_model::{account::Actor, id::SiteId};
use crate::{Conn, DbError, Page, Tx};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent { pub at: Timestamp, pub actor: Actor, pub action: String, pub target: String, pub outcome: String, pub request_id: String, pub detail: Value }
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteEvent { pub seq: i64, pub at: Timestamp, pub kind: String, pub text: String }
pub async fn audit(tx: &Tx, event: &AuditEvent) -> Result<(), DbError> { todo!() }
/// Newest first; the number is the key for the next page.
pub async fn audit_list(c: &impl Conn, page: Page<i64>) -> Result<Vec<(i64, AuditEvent)>, DbError> { todo!() }
pub async fn site_event(tx: &Tx, site: SiteId, now: Timestamp, kind: &str, text: &str) -> Result<(), DbError> { todo!() }
/// Newest first.
pub async fn site_events(c: &impl Conn, site: SiteId, limit: u64) -> Result<Vec<SiteEvent>, DbError> { todo!() }
