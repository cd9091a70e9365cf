//! The source of the edge's routing table: one query for all hostnames.

use std::net::SocketAddr;

use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::RouteLimits,
    site::SiteState,
    storage::{FULL_BODY, StorageLevel},
};
use uuid::Uuid;

use crate::{
    Conn, DbError,
    codec::Row,
    entity::{hostnames, sites, storage},
    site_row,
};

/// A hostname with its site's routing data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRow {
    /// The requested hostname.
    pub hostname: Hostname,
    /// The site it belongs to.
    pub site: SiteId,
    /// Intended state of the site.
    pub state: SiteState,
    /// Where requests go, once published.
    pub upstream: Option<SocketAddr>,
    /// Limits for its visitors at the edge; small bodies only while its storage is full.
    pub limits: RouteLimits,
    /// The site's main name: `hostname` itself, or another one.
    pub main: Hostname,
    /// The URL that the site's application was last configured with, if any.
    pub url: Option<String>,
}

/// All hostnames. A row that can't be read is logged and left out, so that one broken site doesn't take all
/// others offline.
pub async fn routes(c: &impl Conn) -> Result<Vec<RouteRow>, DbError> {
    let rows = fetch(c, select()).await?;
    let logged = |error: &DbError| tracing::error!(%error, "a hostname has no route, as its row can't be read");
    Ok(rows.into_iter().filter_map(|row| row.inspect_err(logged).ok()).collect())
}

/// The hostnames of one site.
pub async fn route_of(c: &impl Conn, site: SiteId) -> Result<Vec<RouteRow>, DbError> {
    let mut of_site = select();
    of_site.and_where(Expr::col((hostnames::Entity, hostnames::Column::Site)).eq(site.uuid()));
    fetch(c, of_site).await?.into_iter().collect()
}

/// Columns of the site, selected after the hostname; [`route`] depends on their order.
const COLUMNS: [sites::Column; 12] = [
    sites::Column::Id,
    sites::Column::State,
    sites::Column::Upstream,
    sites::Column::MaxBody,
    sites::Column::EdgeRate,
    sites::Column::EdgeBurst,
    sites::Column::EdgeInFlight,
    sites::Column::EdgeSeconds,
    sites::Column::Hostname,
    sites::Column::Url,
    sites::Column::Power,
    sites::Column::Suspensions,
];

fn select() -> SelectStatement {
    let site = |column| (sites::Entity, column);
    Query::select()
        .column((hostnames::Entity, hostnames::Column::Hostname))
        .columns(COLUMNS.map(site))
        .from(hostnames::Entity)
        .inner_join(
            sites::Entity,
            Expr::col(site(sites::Column::Id)).equals((hostnames::Entity, hostnames::Column::Site)),
        )
        .left_join(
            storage::Entity,
            Expr::col((storage::Entity, storage::Column::Site)).equals((hostnames::Entity, hostnames::Column::Site)),
        )
        .column((storage::Entity, storage::Column::Level))
        .to_owned()
}

async fn fetch(c: &impl Conn, select: SelectStatement) -> Result<Vec<Result<RouteRow, DbError>>, DbError> {
    let rows = c.raw().query_all(&select).await?;
    Ok(rows.iter().map(route).collect())
}

fn route(row: &sea_orm::QueryResult) -> Result<RouteRow, DbError> {
    let hostname: String = row.try_get_by_index(0)?;
    let read = Row { table: "hostnames", id: &hostname };
    let upstream: Option<String> = row.try_get_by_index(3)?;
    let number = |index| row.try_get_by_index::<i64>(index);
    let limits = site_row::edge(&read, number(4)?, [number(5)?, number(6)?, number(7)?, number(8)?])?;
    let level = row.try_get_by_index::<Option<String>>(1 + COLUMNS.len())?;
    let level = level.map_or(Ok(StorageLevel::Free), |level| read.parse(&level))?;
    Ok(RouteRow {
        hostname: read.host(&hostname)?,
        site: SiteId::from_uuid(row.try_get_by_index::<Uuid>(1)?),
        state: SiteState::of(
            read.parse(&row.try_get_by_index::<String>(2)?)?,
            read.parse(&row.try_get_by_index::<String>(11)?)?,
            row.try_get_by_index::<Option<String>>(12)?.is_some(),
        ),
        upstream: upstream.map(|address| read.parse(&address)).transpose()?,
        limits: if level >= StorageLevel::Full {
            RouteLimits { max_body: Ord::min(limits.max_body, FULL_BODY), ..limits }
        } else {
            limits
        },
        main: read.host(&row.try_get_by_index::<String>(9)?)?,
        url: row.try_get_by_index(10)?,
    })
}
