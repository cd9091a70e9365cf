//! Hostnames of sites.
//!
//! They have a table of their own, where they are unique: a site can have several, and a deleted site's names
//! are free again while its row still records the main one.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use stoa_model::{host::Hostname, id::SiteId, site::Site};

use crate::{Conn, DbError, codec::Row, entity::hostnames, sites::site_get};

/// The site that currently has this hostname.
pub async fn site_by_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<Site>, DbError> {
    let Some(name) = find_hostname(c, hostname).await? else { return Ok(None) };
    site_get(c, SiteId::from_uuid(name.site)).await
}

/// Whether a site has this hostname. A hint for people who type one: only the insert decides.
pub async fn hostname_taken(c: &impl Conn, hostname: &Hostname) -> Result<bool, DbError> {
    Ok(find_hostname(c, hostname).await?.is_some())
}

/// All hostnames of a site, sorted as text.
pub async fn hostnames_of(c: &impl Conn, site: SiteId) -> Result<Vec<Hostname>, DbError> {
    let of_site = hostnames::Entity::find().filter(hostnames::Column::Site.eq(site.uuid()));
    let rows = of_site.order_by_asc(hostnames::Column::Hostname).all(c.raw()).await?;
    let read = Row { table: "hostnames", id: &site };
    rows.into_iter().map(|row| read.host(&row.hostname)).collect()
}

async fn find_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<hostnames::Model>, DbError> {
    Ok(hostnames::Entity::find_by_id(hostname.as_str()).one(c.raw()).await?)
}
