//! The journal of changes that edges have to follow. Every change has a version, without gaps; a process that knows
//! which version it has applied reads what has changed since.

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use stoa_model::id::SiteId;

use crate::{
    Conn, DbError, Tx,
    codec::Row,
    core::meta,
    db::Raw,
    entity::{meta as meta_table, route_changes},
};

const ROUTES_VERSION_KEY: &str = "routes_version";
/// Changes that are kept. A process that lags behind by more reads everything.
const KEPT: u64 = 10_000;

/// What a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteChange {
    /// The routes of a site, and perhaps whether it should run.
    Site(SiteId),
    /// The names of a site, and perhaps its certificates.
    Names(SiteId),
    /// Which certificates are served.
    Certificates,
    /// The responses to challenges of certificate authorities.
    Challenges,
}

/// A change, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedChange {
    /// What it concerns.
    pub change: RouteChange,
    /// The process that made it, and applies it itself.
    pub process: String,
}

/// The version of the last change.
pub async fn routes_version(c: &impl Conn) -> Result<u64, DbError> {
    version(meta_table::Entity::find_by_id(ROUTES_VERSION_KEY).one(c.raw()).await?)
}

/// Records a change that `process` made, and returns its version. Call it last in the transaction: it blocks other
/// transactions that change routes until this one ends.
pub async fn route_changed(tx: &Tx, change: RouteChange, process: &str) -> Result<u64, DbError> {
    let next = version(meta_table::Entity::find_by_id(ROUTES_VERSION_KEY).lock_exclusive().one(tx.raw()).await?)? + 1;
    meta::meta_set(tx, ROUTES_VERSION_KEY, &next.to_string()).await?;
    let (kind, site) = match change {
        RouteChange::Site(site) => ("site", Some(site.uuid())),
        RouteChange::Names(site) => ("names", Some(site.uuid())),
        RouteChange::Certificates => ("certificates", None),
        RouteChange::Challenges => ("challenges", None),
    };
    let row = route_changes::Model { version: stored(next), kind: kind.to_owned(), site, process: process.to_owned() };
    route_changes::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    let old = route_changes::Column::Version.lte(stored(next.saturating_sub(KEPT)));
    route_changes::Entity::delete_many().filter(old).exec(tx.raw()).await?;
    Ok(next)
}

/// The changes after version `after`, up to and including `until`. `None` if some are missing, because they are too old
/// or were made by an earlier release: then everything may have changed.
pub async fn route_changes_between(
    c: &impl Conn,
    after: u64,
    until: u64,
) -> Result<Option<Vec<RecordedChange>>, DbError> {
    let between =
        route_changes::Column::Version.gt(stored(after)).and(route_changes::Column::Version.lte(stored(until)));
    let rows = route_changes::Entity::find().filter(between).order_by_asc(route_changes::Column::Version);
    let changes: Vec<_> = rows.all(c.raw()).await?.into_iter().map_while(read).collect();
    let is_complete = u64::try_from(changes.len()).ok() == until.checked_sub(after);
    Ok(is_complete.then_some(changes))
}

/// `None` for a change of a later release.
fn read(row: route_changes::Model) -> Option<RecordedChange> {
    let change = match (row.kind.as_str(), row.site.map(SiteId::from_uuid)) {
        ("site", Some(site)) => RouteChange::Site(site),
        ("names", Some(site)) => RouteChange::Names(site),
        ("certificates", _) => RouteChange::Certificates,
        ("challenges", _) => RouteChange::Challenges,
        _ => return None,
    };
    Some(RecordedChange { change, process: row.process })
}

fn stored(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn version(row: Option<meta_table::Model>) -> Result<u64, DbError> {
    row.map_or(Ok(0), |row| Row { table: "meta", id: &ROUTES_VERSION_KEY }.parse(&row.value))
}
