//! The mail log: what became of each e-mail, and the addresses that nothing is sent to.

mod suppressions;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use stoa_model::{
    id::MailId,
    mail::{MailEntry, MailKind, MailState},
    text::EmailAddress,
};

pub use self::suppressions::{
    suppression_add, suppression_get, suppression_remove, suppressions_counted, suppressions_listed,
};
use crate::{
    Conn, Db, DbError, Tx,
    codec::{MAX_TEXT_BYTES, Row, clip, ms},
    db::Raw,
    entity::mails,
    listing::{Window, mentions, needle},
};

/// The longest body that is stored, in bytes.
const MAX_BODY_BYTES: usize = 200_000;
/// Rows that one call of [`mails_prune`] deletes at most.
const PRUNE_BATCH: u64 = 500;

/// Which e-mails a list shows; all by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailFilter {
    /// Only those in this state.
    pub state: Option<MailState>,
    /// Only those with this text in receiver or subject.
    pub text: Option<String>,
}

/// Notes an attempt to send an e-mail: a new entry, or one more attempt of the entry with the same key. `attempts` and
/// `answer` of `entry` are not read. `key_hash`: of its key.
pub async fn mail_attempt(tx: &Tx, entry: &MailEntry, key_hash: [u8; 32]) -> Result<(), DbError> {
    let row = mails::Model {
        id: entry.id.uuid(),
        key_hash: key_hash.to_vec(),
        mail_key: clip(&entry.key, MAX_TEXT_BYTES),
        receiver: entry.to.to_string(),
        kind: entry.kind.to_string(),
        subject: clip(&entry.subject, MAX_TEXT_BYTES),
        state: entry.state.to_string(),
        attempts: 0,
        answer: None,
        secret: entry.is_secret.into(),
        body_text: clip(&entry.text, MAX_BODY_BYTES),
        body_html: clip(&entry.html, MAX_BODY_BYTES),
        created_at: ms(entry.created_at),
        updated_at: ms(entry.updated_at),
    };
    let ignore = OnConflict::column(mails::Column::KeyHash).do_nothing_on([mails::Column::Id]).to_owned();
    mails::Entity::insert(row.into_active_model()).on_conflict(ignore).exec_without_returning(tx.raw()).await?;
    let attempt = mails::Entity::update_many()
        .col_expr(mails::Column::Attempts, Expr::col(mails::Column::Attempts).add(1_i64))
        .col_expr(mails::Column::State, Expr::value(entry.state.as_str()))
        .col_expr(mails::Column::UpdatedAt, Expr::value(ms(entry.updated_at)));
    attempt.filter(mails::Column::KeyHash.eq(key_hash.to_vec())).exec(tx.raw()).await?;
    Ok(())
}

/// Notes what became of an e-mail; nothing if the log doesn't have it.
pub async fn mail_settle(
    tx: &Tx,
    key_hash: [u8; 32],
    state: MailState,
    answer: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    let settle = mails::Entity::update_many()
        .col_expr(mails::Column::State, Expr::value(state.as_str()))
        .col_expr(mails::Column::Answer, Expr::value(clip(answer, MAX_TEXT_BYTES)))
        .col_expr(mails::Column::UpdatedAt, Expr::value(ms(now)));
    settle.filter(mails::Column::KeyHash.eq(key_hash.to_vec())).exec(tx.raw()).await?;
    Ok(())
}

/// The state of the e-mail with this key, if the log has it.
pub async fn mail_state(c: &impl Conn, key_hash: [u8; 32]) -> Result<Option<MailState>, DbError> {
    let found = mails::Entity::find().select_only().column(mails::Column::State);
    let found = found.filter(mails::Column::KeyHash.eq(key_hash.to_vec()));
    let state: Option<String> = found.into_tuple().one(c.raw()).await?;
    let read = Row { table: "mails", id: &"(state)" };
    state.map(|state| read.parse(&state)).transpose()
}

/// The keys of the e-mails of this kind that changed since `since`, oldest first.
pub async fn mail_keys_since(c: &impl Conn, kind: MailKind, since: Timestamp) -> Result<Vec<String>, DbError> {
    let found = mails::Entity::find()
        .select_only()
        .column(mails::Column::MailKey)
        .filter(mails::Column::UpdatedAt.gte(ms(since)))
        .filter(mails::Column::Kind.eq(kind.as_str()))
        .order_by_asc(mails::Column::Id);
    Ok(found.into_tuple().all(c.raw()).await?)
}

/// One entry.
pub async fn mail_get(c: &impl Conn, id: MailId) -> Result<Option<MailEntry>, DbError> {
    mails::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(from_row).transpose()
}

/// A part of the filtered log, newest first; without bodies.
pub async fn mails_listed(c: &impl Conn, filter: &MailFilter, window: Window) -> Result<Vec<MailEntry>, DbError> {
    let found = filtered(filter).order_by_desc(mails::Column::Id).offset(window.offset).limit(window.limit);
    let without_bodies = found
        .select_only()
        .columns([
            mails::Column::Id,
            mails::Column::KeyHash,
            mails::Column::MailKey,
            mails::Column::Receiver,
            mails::Column::Kind,
            mails::Column::Subject,
            mails::Column::State,
            mails::Column::Attempts,
            mails::Column::Answer,
            mails::Column::Secret,
            mails::Column::CreatedAt,
            mails::Column::UpdatedAt,
        ])
        .column_as(Expr::value(""), mails::Column::BodyText)
        .column_as(Expr::value(""), mails::Column::BodyHtml);
    without_bodies.all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// How many e-mails the filter finds in each state; states without e-mails are left out.
pub async fn mails_by_state(c: &impl Conn, filter: &MailFilter) -> Result<Vec<(MailState, u64)>, DbError> {
    let counted = filtered(filter)
        .select_only()
        .column(mails::Column::State)
        .column_as(mails::Column::Id.count(), "n")
        .group_by(mails::Column::State);
    let rows: Vec<(String, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "mails", id: &"(counts)" };
    rows.into_iter().map(|(state, n)| Ok((read.parse(&state)?, read.number(n)?))).collect()
}

/// Deletes entries that last changed before `before`, a bounded number; returns how many.
pub async fn mails_prune(db: &Db, before: Timestamp) -> Result<u64, DbError> {
    let old = mails::Entity::find().select_only().column(mails::Column::Id);
    let old = old.filter(mails::Column::UpdatedAt.lt(ms(before))).limit(PRUNE_BATCH);
    let old: Vec<sea_orm::prelude::Uuid> = old.into_tuple().all(db.raw()).await?;
    if old.is_empty() {
        return Ok(0);
    }
    db.write(|tx| {
        let delete = mails::Entity::delete_many().filter(mails::Column::Id.is_in(old.iter().copied()));
        Box::pin(async move { Ok::<_, DbError>(delete.exec(tx.raw()).await?.rows_affected) })
    })
    .await
}

fn filtered(filter: &MailFilter) -> Select<mails::Entity> {
    let mut found = mails::Entity::find();
    if let Some(state) = filter.state {
        found = found.filter(mails::Column::State.eq(state.as_str()));
    }
    if let Some(text) = needle(filter.text.as_deref()) {
        found = found.filter(mentions(mails::Column::Receiver, &text).or(mentions(mails::Column::Subject, &text)));
    }
    found
}

fn from_row(row: mails::Model) -> Result<MailEntry, DbError> {
    let id = MailId::from_uuid(row.id);
    let read = Row { table: "mails", id: &id };
    Ok(MailEntry {
        id,
        key: row.mail_key,
        to: address(&read, &row.receiver)?,
        // A later release may know more kinds.
        kind: row.kind.parse().unwrap_or(MailKind::Other),
        subject: row.subject,
        state: read.parse(&row.state)?,
        attempts: read.number(row.attempts)?,
        answer: row.answer,
        is_secret: row.secret != 0,
        text: row.body_text,
        html: row.body_html,
        created_at: read.time(row.created_at)?,
        updated_at: read.time(row.updated_at)?,
    })
}

fn address(read: &Row<'_>, text: &str) -> Result<EmailAddress, DbError> {
    EmailAddress::parse(text).map_err(|why| read.bad(why))
}
