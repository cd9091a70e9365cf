//! A site's secrets and the credentials shown to its owner, sealed. Each row names the job that wrote it: only
//! that job may overwrite it after a crash, or delete it when undone. An undo can't delete what an earlier job
//! left.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder};
use stoa_model::{
    id::{JobId, SiteId},
    secret::Sealed,
};

use crate::{
    Conn, DbError, Tx,
    codec::Row,
    db::Raw,
    entity::{credentials, secrets},
};

/// A login of a site, for its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Position in the list.
    pub ordinal: u32,
    /// Purpose, for display.
    pub label: String,
    /// Where to log in.
    pub url: String,
    /// Login name.
    pub username: String,
    /// Password, sealed.
    pub sealed: Sealed,
}

/// Inserts secrets of a site, replacing those of the same names written by this job.
///
/// # Errors
/// `Conflict(Secret)` if another job wrote one of these names.
pub async fn secrets_put(tx: &Tx, site: SiteId, job: JobId, named: &[(String, Sealed)]) -> Result<(), DbError> {
    if named.is_empty() {
        return Ok(());
    }
    let names = named.iter().map(|(name, _)| name.as_str());
    let own = secrets::Column::Site.eq(site.uuid()).and(secrets::Column::Job.eq(job.uuid()));
    let previous = secrets::Entity::delete_many().filter(own).filter(secrets::Column::Name.is_in(names));
    previous.exec(tx.raw()).await?;
    let rows = named.iter().map(|(name, sealed)| {
        let row = secrets::Model { site: site.uuid(), name: name.clone(), job: job.uuid(), sealed: sealed.0.clone() };
        row.into_active_model()
    });
    secrets::Entity::insert_many(rows).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// All secrets of a site by name.
pub async fn secrets_get(c: &impl Conn, site: SiteId) -> Result<BTreeMap<String, Sealed>, DbError> {
    let rows = secrets::Entity::find().filter(secrets::Column::Site.eq(site.uuid())).all(c.raw()).await?;
    Ok(rows.into_iter().map(|row| (row.name, Sealed(row.sealed))).collect())
}

/// Deletes the secrets written by this job, and returns how many.
pub async fn secrets_delete(tx: &Tx, site: SiteId, job: JobId) -> Result<u64, DbError> {
    let own = secrets::Column::Site.eq(site.uuid()).and(secrets::Column::Job.eq(job.uuid()));
    Ok(secrets::Entity::delete_many().filter(own).exec(tx.raw()).await?.rows_affected)
}

/// Replaces all credentials of a site written by this job.
///
/// # Errors
/// `Conflict(Credential)` if another job wrote one at the same position.
pub async fn credentials_put(tx: &Tx, site: SiteId, job: JobId, listed: &[Credential]) -> Result<(), DbError> {
    credentials_delete(tx, site, job).await?;
    if listed.is_empty() {
        return Ok(());
    }
    let rows = listed.iter().map(|credential| {
        let row = credentials::Model {
            site: site.uuid(),
            ordinal: credential.ordinal.into(),
            job: job.uuid(),
            label: credential.label.clone(),
            url: credential.url.clone(),
            username: credential.username.clone(),
            sealed: credential.sealed.0.clone(),
        };
        row.into_active_model()
    });
    credentials::Entity::insert_many(rows).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The credentials of a site, in order.
pub async fn credentials_get(c: &impl Conn, site: SiteId) -> Result<Vec<Credential>, DbError> {
    let of_site = credentials::Entity::find().filter(credentials::Column::Site.eq(site.uuid()));
    let rows = of_site.order_by_asc(credentials::Column::Ordinal).all(c.raw()).await?;
    let read = Row { table: "credentials", id: &site };
    let credential = |row: credentials::Model| {
        Ok(Credential {
            ordinal: read.number(row.ordinal)?,
            label: row.label,
            url: row.url,
            username: row.username,
            sealed: Sealed(row.sealed),
        })
    };
    rows.into_iter().map(credential).collect()
}

/// Deletes the credentials written by this job, and returns how many.
pub async fn credentials_delete(tx: &Tx, site: SiteId, job: JobId) -> Result<u64, DbError> {
    let own = credentials::Column::Site.eq(site.uuid()).and(credentials::Column::Job.eq(job.uuid()));
    Ok(credentials::Entity::delete_many().filter(own).exec(tx.raw()).await?.rows_affected)
}
