//! What the edge's table is made from: one query for all hostnames.

use std::net::SocketAddr;

use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use stoa_model::{host::Hostname, id::SiteId, route::RouteLimits, site::SiteState};
use uuid::Uuid;

use crate::{
    Conn, DbError,
    codec::Row,
    entity::{hostnames, sites},
    site_row,
};

/// One hostname, and what is known of the site behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRow {
    /// The name that is asked for.
    pub hostname: Hostname,
    /// The site it belongs to.
    pub site: SiteId,
    /// What the site is meant to be.
    pub state: SiteState,
    /// Where its requests go, once published.
    pub upstream: Option<SocketAddr>,
    /// What its visitors may use of the edge.
    pub limits: RouteLimits,
    /// The site's main name; `hostname` itself, or another one.
    pub main: Hostname,
    /// The address that the site's application was last told, if any.
    pub url: Option<String>,
}

/// All hostnames. A row that can't be read is left out and logged as an error: one broken site must
/// not take all others off the air.
///
/// # Errors
/// If the database doesn't answer.
pub async fn routes(c: &impl Conn) -> Result<Vec<RouteRow>, DbError> {
    let rows = fetch(c, select()).await?;
    let logged = |error: &DbError| tracing::error!(%error, "a hostname is left without a route");
    Ok(rows.into_iter().filter_map(|row| row.inspect_err(logged).ok()).collect())
}

/// The hostnames of one site.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn route_of(c: &impl Conn, site: SiteId) -> Result<Vec<RouteRow>, DbError> {
    let mut his = select();
    his.and_where(Expr::col((hostnames::Entity, hostnames::Column::Site)).eq(site.uuid()));
    fetch(c, his).await?.into_iter().collect()
}

/// What is read of a site, after the hostname; [`route`] knows the places.
const COLUMNS: [sites::Column; 10] = [
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
    let number = |place| row.try_get_by_index::<i64>(place);
    Ok(RouteRow {
        hostname: read.host(&hostname)?,
        site: SiteId::from_uuid(row.try_get_by_index::<Uuid>(1)?),
        state: read.parse(&row.try_get_by_index::<String>(2)?)?,
        upstream: upstream.map(|address| read.parse(&address)).transpose()?,
        limits: site_row::edge(&read, number(4)?, [number(5)?, number(6)?, number(7)?, number(8)?])?,
        main: read.host(&row.try_get_by_index::<String>(9)?)?,
        url: row.try_get_by_index(10)?,
    })
}
