//! Addresses that nothing is sent to, because a mail server said that their mailbox doesn't exist.

use sea_orm::{
    EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::OnConflict,
};
use stoa_model::{mail::Suppression, text::EmailAddress};

use super::address;
use crate::{
    Conn, DbError, Tx,
    codec::{MAX_TEXT_BYTES, Row, clip, ms},
    db::Raw,
    entity::mail_suppressions::{Column, Entity, Model},
    listing::{Window, mentions, needle},
};

/// Adds an address; one that is there is left alone.
pub async fn suppression_add(tx: &Tx, suppression: &Suppression) -> Result<(), DbError> {
    let row = Model {
        address: suppression.address.to_string(),
        reason: clip(&suppression.reason, MAX_TEXT_BYTES),
        created_at: ms(suppression.created_at),
    };
    let ignore = OnConflict::column(Column::Address).do_nothing_on([Column::Address]).to_owned();
    Entity::insert(row.into_active_model()).on_conflict(ignore).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Why nothing is sent to this address, if so.
pub async fn suppression_get(c: &impl Conn, address: &EmailAddress) -> Result<Option<Suppression>, DbError> {
    Entity::find_by_id(address.as_str()).one(c.raw()).await?.map(from_row).transpose()
}

/// Removes an address; returns `false` if it is not there.
pub async fn suppression_remove(tx: &Tx, address: &EmailAddress) -> Result<bool, DbError> {
    Ok(Entity::delete_by_id(address.as_str()).exec(tx.raw()).await?.rows_affected == 1)
}

/// A part of the addresses that contain this text, newest first.
pub async fn suppressions_listed(
    c: &impl Conn,
    text: Option<&str>,
    window: Window,
) -> Result<Vec<Suppression>, DbError> {
    let found = filtered(text).order_by_desc(Column::CreatedAt).order_by_asc(Column::Address);
    let rows = found.offset(window.offset).limit(window.limit).all(c.raw()).await?;
    rows.into_iter().map(from_row).collect()
}

/// How many addresses contain this text.
pub async fn suppressions_counted(c: &impl Conn, text: Option<&str>) -> Result<u64, DbError> {
    Ok(filtered(text).count(c.raw()).await?)
}

fn filtered(text: Option<&str>) -> Select<Entity> {
    match needle(text) {
        Some(text) => Entity::find().filter(mentions(Column::Address, &text)),
        None => Entity::find(),
    }
}

fn from_row(row: Model) -> Result<Suppression, DbError> {
    let read = Row { table: "mail_suppressions", id: &row.address };
    Ok(Suppression {
        address: address(&read, &row.address)?,
        created_at: read.time(row.created_at)?,
        reason: row.reason,
    })
}
