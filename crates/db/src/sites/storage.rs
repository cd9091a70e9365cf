//! What sites store: the last measurement, the limit, and one figure a day. Days are counted since the Unix epoch.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::OnConflict,
};
use stoa_model::{id::SiteId, site::Lifecycle, storage::StorageLevel};
use uuid::Uuid;

use crate::{
    Conn, DbError, Tx,
    codec::{Row, int, ms},
    db::Raw,
    entity::{sites, storage, storage_days},
};

/// What a site stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Its own limit in bytes, 0 for none at all; `None`: the operator's for all sites.
    pub disk: Option<u64>,
    /// Bytes at the last measurement.
    pub bytes: u64,
    /// The same by volume; the empty name is what lies outside of volumes.
    pub volumes: BTreeMap<String, u64>,
    /// How full it was then.
    pub level: StorageLevel,
    /// When that was; `None`: not yet.
    pub measured_at: Option<Timestamp>,
}

impl Default for Storage {
    fn default() -> Self {
        Self { disk: None, bytes: 0, volumes: BTreeMap::new(), level: StorageLevel::Free, measured_at: None }
    }
}

/// What a site stores; nothing, if it was never measured.
pub async fn storage_get(c: &impl Conn, site: SiteId) -> Result<Storage, DbError> {
    let row = storage::Entity::find_by_id(site.uuid()).one(c.raw()).await?;
    row.map_or_else(|| Ok(Storage::default()), from_row)
}

/// What each of these sites stores; those that were never measured are left out.
pub async fn storage_of(c: &impl Conn, sites: &[SiteId]) -> Result<HashMap<SiteId, Storage>, DbError> {
    let of_sites = storage::Entity::find().filter(storage::Column::Site.is_in(sites.iter().map(|site| site.uuid())));
    let rows = of_sites.all(c.raw()).await?;
    rows.into_iter().map(|row| Ok((SiteId::from_uuid(row.site), from_row(row)?))).collect()
}

/// The bytes of each site that still has data.
pub async fn storage_of_all(c: &impl Conn) -> Result<Vec<(SiteId, u64)>, DbError> {
    let kept = sites::Entity::find().select_only().column(sites::Column::Id);
    let kept = kept.filter(sites::Column::State.ne(Lifecycle::Deleted.as_str())).into_query();
    let of_sites = storage::Entity::find().select_only().columns([storage::Column::Site, storage::Column::Bytes]);
    let of_sites = of_sites.filter(storage::Column::Site.in_subquery(kept)).order_by_asc(storage::Column::Site);
    let rows: Vec<(Uuid, i64)> = of_sites.into_tuple().all(c.raw()).await?;
    rows.into_iter().map(|(site, bytes)| Ok((SiteId::from_uuid(site), bytes.unsigned_abs()))).collect()
}

/// Replaces what is known of a site's storage, limit included.
pub async fn storage_put(tx: &Tx, site: SiteId, known: &Storage) -> Result<(), DbError> {
    let row = storage::Model {
        site: site.uuid(),
        disk: known.disk.map(int),
        bytes: int(known.bytes),
        volumes: serde_json::to_string(&known.volumes).map_err(|error| DbError::Other(error.into()))?,
        level: known.level.to_string(),
        measured_at: known.measured_at.map(ms),
    };
    let mut replace = OnConflict::column(storage::Column::Site);
    use storage::Column::{Bytes, Disk, Level, MeasuredAt, Volumes};
    replace.update_columns([Disk, Bytes, Volumes, Level, MeasuredAt]);
    storage::Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Records the figure of a day, in place of an earlier one.
pub async fn storage_day_put(tx: &Tx, site: SiteId, day: i64, bytes: u64) -> Result<(), DbError> {
    let row = storage_days::Model { site: site.uuid(), day, bytes: int(bytes) };
    let mut replace = OnConflict::columns([storage_days::Column::Site, storage_days::Column::Day]);
    replace.update_column(storage_days::Column::Bytes);
    storage_days::Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The figures of a site from this day on, oldest first.
pub async fn storage_days_of(c: &impl Conn, site: SiteId, from_day: i64) -> Result<Vec<(i64, u64)>, DbError> {
    let days = storage_days::Entity::find()
        .filter(storage_days::Column::Site.eq(site.uuid()))
        .filter(storage_days::Column::Day.gte(from_day))
        .order_by_asc(storage_days::Column::Day);
    let read = Row { table: "storage_days", id: &site };
    let rows = days.all(c.raw()).await?;
    rows.into_iter().map(|row| Ok((row.day, read.number(row.bytes)?))).collect()
}

/// Deletes the figures of all days before this one.
pub async fn storage_days_prune(tx: &Tx, before_day: i64) -> Result<u64, DbError> {
    let old = storage_days::Column::Day.lt(before_day);
    Ok(storage_days::Entity::delete_many().filter(old).exec(tx.raw()).await?.rows_affected)
}

fn from_row(row: storage::Model) -> Result<Storage, DbError> {
    let site = SiteId::from_uuid(row.site);
    let read = Row { table: "storage", id: &site };
    Ok(Storage {
        disk: row.disk.map(|disk| read.number(disk)).transpose()?,
        bytes: read.number(row.bytes)?,
        volumes: read.json(&row.volumes)?,
        level: read.parse(&row.level)?,
        measured_at: row.measured_at.map(|at| read.time(at)).transpose()?,
    })
}
