//! Responses to challenges of certificate authorities (HTTP-01, RFC 8555 8.3), which every edge gives on every host.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::OnConflict};

use crate::{Conn, DbError, Tx, codec::ms, db::Raw, entity::acme_challenges};

/// Inserts responses, by their paths; a path that is known keeps its response, as paths are random.
pub async fn acme_challenges_put(tx: &Tx, responses: &BTreeMap<String, String>, now: Timestamp) -> Result<(), DbError> {
    let row = |(path, body): (&String, &String)| {
        acme_challenges::Model { path: path.clone(), body: body.clone(), created_at: ms(now) }.into_active_model()
    };
    let column = acme_challenges::Column::Path;
    let ignore = OnConflict::column(column).do_nothing_on([column]).to_owned();
    let insert = acme_challenges::Entity::insert_many(responses.iter().map(row)).on_conflict(ignore);
    insert.exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// All responses, by their paths.
pub async fn acme_challenges_all(c: &impl Conn) -> Result<BTreeMap<String, String>, DbError> {
    let rows = acme_challenges::Entity::find().all(c.raw()).await?;
    Ok(rows.into_iter().map(|row| (row.path, row.body)).collect())
}

/// Deletes the responses to these paths.
pub async fn acme_challenges_remove(tx: &Tx, paths: impl Iterator<Item = &String> + Send) -> Result<(), DbError> {
    let of_paths = acme_challenges::Column::Path.is_in(paths);
    acme_challenges::Entity::delete_many().filter(of_paths).exec(tx.raw()).await?;
    Ok(())
}

/// Deletes responses that were made before `before`: by processes that were killed during an order.
pub async fn acme_challenges_prune(tx: &Tx, before: Timestamp) -> Result<(), DbError> {
    let old = acme_challenges::Column::CreatedAt.lt(ms(before));
    acme_challenges::Entity::delete_many().filter(old).exec(tx.raw()).await?;
    Ok(())
}
