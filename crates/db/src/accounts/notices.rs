//! Whether an organization gets e-mail about what its sites and domains do. By default it does.

use sea_orm::{EntityTrait, IntoActiveModel, sea_query::OnConflict};
use stoa_model::id::CustomerId;

use crate::{Conn, DbError, Tx, db::Raw, entity::meta};

/// Whether an organization gets notices.
pub async fn customer_gets_notices(c: &impl Conn, customer: CustomerId) -> Result<bool, DbError> {
    Ok(meta::Entity::find_by_id(name_of(customer)).one(c.raw()).await?.is_none())
}

/// Sets whether an organization gets notices; idempotent.
pub async fn customer_set_notices(tx: &Tx, customer: CustomerId, on: bool) -> Result<(), DbError> {
    if on {
        meta::Entity::delete_by_id(name_of(customer)).exec(tx.raw()).await?;
        return Ok(());
    }
    let row = meta::Model { name: name_of(customer), value: "off".into() }.into_active_model();
    let ignore = OnConflict::column(meta::Column::Name).do_nothing_on([meta::Column::Name]).to_owned();
    meta::Entity::insert(row).on_conflict(ignore).exec_without_returning(tx.raw()).await?;
    Ok(())
}

fn name_of(customer: CustomerId) -> String {
    format!("notices.{customer}")
}
