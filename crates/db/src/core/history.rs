//! What happened: the audit trail, for the operator, and the events of a site, for its owner. Both are
//! append-only; there is no function that changes or removes a line.

use jiff::Timestamp;
use sea_orm::{ActiveValue::NotSet, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::Value;
use stoa_model::{account::Actor, id::SiteId};

use crate::{
    Conn, DbError, Page, Tx,
    codec::{REPORT, Row, actor_key, actor_role, ms, paged, words},
    db::Raw,
    entity::{audit as lines, site_events as events},
};

/// Who did what to what, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// Who, in the role he had then.
    pub actor: Actor,
    /// What he did.
    pub action: String,
    /// To what, by its printed id.
    pub target: String,
    /// How it ended.
    pub outcome: String,
    /// The request it was part of.
    pub request_id: String,
    /// More about it; never a secret.
    pub detail: Value,
}

/// Something that happened to a site, in words for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteEvent {
    /// Its number, rising.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: String,
    /// In words.
    pub text: String,
}

/// Adds a line to the audit trail.
///
/// # Errors
/// If the database doesn't answer.
pub async fn audit(tx: &Tx, event: &AuditEvent) -> Result<(), DbError> {
    let row = lines::Model {
        seq: 0,
        at_ms: ms(event.at),
        actor: actor_key(event.actor),
        actor_role: actor_role(event.actor),
        action: words(&event.action, 64),
        target: words(&event.target, 255),
        outcome: words(&event.outcome, 32),
        request_id: words(&event.request_id, 64),
        detail: event.detail.to_string(),
    };
    let row = lines::ActiveModel { seq: NotSet, ..row.into_active_model() };
    lines::Entity::insert(row).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A page of the audit trail, newest first; the number is the key of the next page.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn audit_list(c: &impl Conn, page: Page<i64>) -> Result<Vec<(i64, AuditEvent)>, DbError> {
    let rows = paged(lines::Entity::find(), lines::Column::Seq, page).all(c.raw()).await?;
    let event = |row: lines::Model| {
        let read = Row { table: "audit", id: &row.seq };
        let event = AuditEvent {
            at: read.time(row.at_ms)?,
            actor: read.actor(&row.actor, row.actor_role.as_deref())?,
            detail: read.json(&row.detail)?,
            action: row.action,
            target: row.target,
            outcome: row.outcome,
            request_id: row.request_id,
        };
        Ok((row.seq, event))
    };
    rows.into_iter().map(event).collect()
}

/// Adds an event to a site's history.
///
/// # Errors
/// If the database doesn't answer, or there is no such site.
pub async fn site_event(tx: &Tx, site: SiteId, now: Timestamp, kind: &str, text: &str) -> Result<(), DbError> {
    let row =
        events::Model { seq: 0, site: site.uuid(), at_ms: ms(now), kind: words(kind, 64), words: words(text, REPORT) };
    let row = events::ActiveModel { seq: NotSet, ..row.into_active_model() };
    events::Entity::insert(row).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The newest events of a site, newest first.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn site_events(c: &impl Conn, site: SiteId, limit: u64) -> Result<Vec<SiteEvent>, DbError> {
    let its = events::Entity::find().filter(events::Column::Site.eq(site.uuid()));
    let rows = paged(its, events::Column::Seq, Page::<i64>::first(limit)).all(c.raw()).await?;
    let read = Row { table: "site_events", id: &site };
    let event =
        |row: events::Model| Ok(SiteEvent { seq: row.seq, at: read.time(row.at_ms)?, kind: row.kind, text: row.words });
    rows.into_iter().map(event).collect()
}
