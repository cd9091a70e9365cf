//! Hostnames of purged sites. For some time only their former owner can take them again, so that nobody else gets their
//! visitors, their cookies and their links.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::OnConflict};
use stoa_model::{host::Hostname, id::CustomerId};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::resting_names,
};

/// A name that only its former owner can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestingName {
    /// Whose site had it.
    pub customer: CustomerId,
    /// Until when.
    pub until: Timestamp,
}

/// Lets a name rest for its former owner.
pub async fn name_rest(tx: &Tx, hostname: &Hostname, rest: RestingName) -> Result<(), DbError> {
    let row = resting_names::Model {
        hostname: hostname.as_str().to_owned(),
        customer: rest.customer.uuid(),
        until: ms(rest.until),
    };
    let replace = OnConflict::column(resting_names::Column::Hostname)
        .update_columns([resting_names::Column::Customer, resting_names::Column::Until])
        .to_owned();
    let insert = resting_names::Entity::insert(row.into_active_model()).on_conflict(replace);
    insert.exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// For whom a name rests, if it does.
pub async fn resting_name(c: &impl Conn, hostname: &Hostname, now: Timestamp) -> Result<Option<RestingName>, DbError> {
    let row = resting_names::Entity::find_by_id(hostname.as_str()).one(c.raw()).await?;
    let Some(row) = row.filter(|row| row.until > ms(now)) else { return Ok(None) };
    let until = Row { table: "resting_names", id: hostname }.time(row.until)?;
    Ok(Some(RestingName { customer: CustomerId::from_uuid(row.customer), until }))
}

/// Deletes names whose rest ended before `before`.
pub async fn resting_names_prune(tx: &Tx, before: Timestamp) -> Result<(), DbError> {
    resting_names::Entity::delete_many().filter(resting_names::Column::Until.lt(ms(before))).exec(tx.raw()).await?;
    Ok(())
}
