//! The history of a site, for its owner. Append-only: no function changes or deletes an event.

use jiff::Timestamp;
use sea_orm::{ActiveValue::NotSet, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use stoa_model::id::SiteId;

use crate::{
    Conn, DbError, Page, Tx,
    codec::{MAX_TEXT_BYTES, Row, clip, ms, paged},
    db::Raw,
    entity::site_events as events,
};

/// An event in a site's history, worded for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteEvent {
    /// Sequence number, ascending.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Kind of event.
    pub kind: String,
    /// Description.
    pub text: String,
}

/// Appends an event to a site's history.
pub async fn site_event(tx: &Tx, site: SiteId, now: Timestamp, kind: &str, text: &str) -> Result<(), DbError> {
    let row = events::Model {
        seq: 0,
        site: site.uuid(),
        at_ms: ms(now),
        kind: clip(kind, 64),
        words: clip(text, MAX_TEXT_BYTES),
    };
    let row = events::ActiveModel { seq: NotSet, ..row.into_active_model() };
    events::Entity::insert(row).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The newest events of a site, newest first.
pub async fn site_events(c: &impl Conn, site: SiteId, limit: u64) -> Result<Vec<SiteEvent>, DbError> {
    let of_site = events::Entity::find().filter(events::Column::Site.eq(site.uuid()));
    let rows = paged(of_site, events::Column::Seq, Page::<i64>::first(limit)).all(c.raw()).await?;
    let read = Row { table: "site_events", id: &site };
    let event =
        |row: events::Model| Ok(SiteEvent { seq: row.seq, at: read.time(row.at_ms)?, kind: row.kind, text: row.words });
    rows.into_iter().map(event).collect()
}
