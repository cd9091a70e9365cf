//! The platform's ACME accounts: one per directory and contact address, credentials sealed.

use jiff::Timestamp;
use sea_orm::{EntityTrait, IntoActiveModel, sea_query::OnConflict};
use stoa_model::secret::Sealed;

use crate::{Conn, DbError, Tx, codec::ms, db::Raw, entity::acme_accounts};

/// The account's credentials. The key is directory and contact address, at most 512 characters.
pub async fn acme_account_get(c: &impl Conn, key: &str) -> Result<Option<Sealed>, DbError> {
    Ok(acme_accounts::Entity::find_by_id(key).one(c.raw()).await?.map(|row| Sealed(row.sealed)))
}

/// Inserts or replaces an account's credentials.
pub async fn acme_account_put(tx: &Tx, key: &str, sealed: &Sealed, now: Timestamp) -> Result<(), DbError> {
    use acme_accounts::Column;
    let row = acme_accounts::Model { account: key.to_owned(), sealed: sealed.0.clone(), updated_at: ms(now) };
    let upsert = OnConflict::column(Column::Account).update_columns([Column::Sealed, Column::UpdatedAt]).to_owned();
    let insert = acme_accounts::Entity::insert(row.into_active_model()).on_conflict(upsert);
    insert.exec_without_returning(tx.raw()).await?;
    Ok(())
}
