//! The audit trail, for the operator. Append-only: no function changes an entry, only what was archived is deleted
//! ([`audit_checkpoints`](super::audit_checkpoints)), and a chain of hashes makes changes visible
//! ([`audit_chain`](super::audit_chain)).

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::NotSet, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use serde_json::Value;
use stoa_model::account::Actor;

use crate::{
    Conn, DbError, Page, Tx,
    codec::{Row, actor_key, actor_role, clip, ms, paged},
    db::Raw,
    entity::audit as entries,
    listing::{Window, mentions, needle},
};

/// An entry of the audit trail: who did what to which thing, and the outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// Who, with the role they had at the time.
    pub actor: Actor,
    /// Action.
    pub action: String,
    /// Printed id of the thing acted on.
    pub target: String,
    /// Outcome.
    pub outcome: String,
    /// Id of the request.
    pub request_id: String,
    /// Details; never a secret.
    pub detail: Value,
    /// The client's address, if it came over the network.
    pub address: Option<String>,
    /// The session or token that was used; not its secret.
    pub credential: Option<String>,
}

/// Appends an entry to the audit trail. It is signed; its place in the chain comes later.
pub async fn audit(tx: &Tx, event: &AuditEvent) -> Result<(), DbError> {
    let mut row = entries::Model {
        seq: 0,
        at_ms: ms(event.at),
        actor: actor_key(event.actor),
        actor_role: actor_role(event.actor),
        action: clip(&event.action, 64),
        target: clip(&event.target, 255),
        outcome: clip(&event.outcome, 32),
        request_id: clip(&event.request_id, 64),
        detail: event.detail.to_string(),
        address: event.address.as_deref().map(|address| clip(address, 64)),
        credential: event.credential.as_deref().map(|credential| clip(credential, 64)),
        signature: None,
        chain_position: None,
        chain_hash: None,
    };
    row.signature = tx.audit_key().map(|key| key.signature(&row));
    let row = entries::ActiveModel { seq: NotSet, ..row.into_active_model() };
    entries::Entity::insert(row).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A page of the audit trail, newest first, each entry with its page key.
pub async fn audit_list(c: &impl Conn, page: Page<i64>) -> Result<Vec<(i64, AuditEvent)>, DbError> {
    let rows = paged(entries::Entity::find(), entries::Column::Seq, page).all(c.raw()).await?;
    rows.into_iter().map(from_row).collect()
}

/// Which entries of the audit trail a list shows; all by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of this actor: a printed id, `system` or `nobody`.
    pub actor: Option<String>,
    /// Only those whose action has this text.
    pub action: Option<String>,
    /// Only those whose action begins with this name and a dot, such as `session`.
    pub group: Option<String>,
    /// Only those about this thing, by its printed id or name.
    pub target: Option<String>,
    /// Only those from this time on.
    pub from: Option<Timestamp>,
    /// Only those from before this time.
    pub before: Option<Timestamp>,
}

/// The filtered entries after the entry numbered `after`, oldest first: for files that hold all of them.
pub async fn audit_after(
    c: &impl Conn,
    filter: &AuditFilter,
    after: i64,
    limit: u64,
) -> Result<Vec<(i64, AuditEvent)>, DbError> {
    let found = filtered(filter).filter(entries::Column::Seq.gt(after));
    let rows = found.order_by_asc(entries::Column::Seq).limit(limit).all(c.raw()).await?;
    rows.into_iter().map(from_row).collect()
}

/// A part of the filtered list, newest first.
pub async fn audit_listed(
    c: &impl Conn,
    filter: &AuditFilter,
    window: Window,
) -> Result<Vec<(i64, AuditEvent)>, DbError> {
    let found = filtered(filter).order_by_desc(entries::Column::Seq).offset(window.offset).limit(window.limit);
    found.all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// How many entries [`audit_listed`] finds.
pub async fn audit_counted(c: &impl Conn, filter: &AuditFilter) -> Result<u64, DbError> {
    Ok(filtered(filter).count(c.raw()).await?)
}

fn filtered(filter: &AuditFilter) -> Select<entries::Entity> {
    let mut found = entries::Entity::find();
    if let Some(actor) = &filter.actor {
        found = found.filter(entries::Column::Actor.eq(actor));
    }
    if let Some(action) = needle(filter.action.as_deref()) {
        found = found.filter(mentions(entries::Column::Action, &action));
    }
    if let Some(group) = &filter.group {
        found = found.filter(entries::Column::Action.starts_with(format!("{group}.")));
    }
    if let Some(target) = &filter.target {
        found = found.filter(entries::Column::Target.eq(target));
    }
    if let Some(from) = filter.from {
        found = found.filter(entries::Column::AtMs.gte(ms(from)));
    }
    if let Some(before) = filter.before {
        found = found.filter(entries::Column::AtMs.lt(ms(before)));
    }
    found
}

pub(super) fn from_row(row: entries::Model) -> Result<(i64, AuditEvent), DbError> {
    let read = Row { table: "audit", id: &row.seq };
    let event = AuditEvent {
        at: read.time(row.at_ms)?,
        actor: read.actor(&row.actor, row.actor_role.as_deref())?,
        detail: read.json(&row.detail)?,
        action: row.action,
        target: row.target,
        outcome: row.outcome,
        request_id: row.request_id,
        address: row.address,
        credential: row.credential,
    };
    Ok((row.seq, event))
}
