//! The names that lead to sites.
//!
//! They lie in a table of their own, unique: a site can have more than its main one, and a deleted
//! site's are free again while the tombstone still tells what the main one was.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use stoa_model::{host::Hostname, id::SiteId, site::Site};

use crate::{Conn, DbError, codec::Row, entity::hostnames, sites::site_get};

/// The site that has this hostname now.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn site_by_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<Site>, DbError> {
    let Some(name) = find_hostname(c, hostname).await? else { return Ok(None) };
    site_get(c, SiteId::from_uuid(name.site)).await
}

/// Whether a site has this hostname. Only the insertion is the truth; this is for people who type.
///
/// # Errors
/// If the database doesn't answer.
pub async fn hostname_taken(c: &impl Conn, hostname: &Hostname) -> Result<bool, DbError> {
    Ok(find_hostname(c, hostname).await?.is_some())
}

/// All names that lead to a site, in their order as text.
///
/// # Errors
/// `Corrupt` if a stored name is none.
pub async fn hostnames_of(c: &impl Conn, site: SiteId) -> Result<Vec<Hostname>, DbError> {
    let its = hostnames::Entity::find().filter(hostnames::Column::Site.eq(site.uuid()));
    let rows = its.order_by_asc(hostnames::Column::Hostname).all(c.raw()).await?;
    let read = Row { table: "hostnames", id: &site };
    rows.into_iter().map(|row| read.host(&row.hostname)).collect()
}

async fn find_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<hostnames::Model>, DbError> {
    Ok(hostnames::Entity::find_by_id(hostname.as_str()).one(c.raw()).await?)
}
