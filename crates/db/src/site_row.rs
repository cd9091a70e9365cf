//! Between a row of `sites` and the model's site.

use stoa_model::{
    host::Subdomain,
    id::{CustomerId, SiteId},
    limits::{Bytes, Limits, MilliCpu},
    route::RouteLimits,
    site::{Health, Site, Suspension},
    stack::ProjectName,
    text::{AdminUser, EmailAddress, SiteTitle},
};

use crate::{
    DbError,
    codec::{Row, int, ms},
    entity::sites,
};

/// A site as it is stored, but for its hostnames.
pub(crate) fn to_row(site: &Site) -> Result<sites::Model, DbError> {
    Ok(sites::Model {
        id: site.id.uuid(),
        customer: site.customer.uuid(),
        blueprint: site.blueprint.clone(),
        profiles: serde_json::json!(site.profiles).to_string(),
        title: site.title.as_str().to_owned(),
        subdomain: site.subdomain.as_str().to_owned(),
        hostname: site.hostname.as_str().to_owned(),
        url: site.url.clone(),
        admin_user: site.admin_user.as_str().to_owned(),
        admin_email: site.admin_email.as_str().to_owned(),
        project: site.project.as_str().to_owned(),
        subnet_base: site.lease,
        engine: site.engine.clone(),
        placement: site.placement.as_ref().map(|placement| serde_json::json!(placement).to_string()),
        revision: site.revision.into(),
        blueprint_version: site.blueprint_version.clone(),
        power: site.power.as_str().to_owned(),
        suspensions: suspensions_column(&site.suspensions),
        memory: int(site.limits.memory.0),
        cpu: site.limits.cpu.0.into(),
        pids: site.limits.pids.into(),
        max_body: int(site.edge.max_body),
        edge_rate: site.edge.rate.into(),
        edge_burst: site.edge.burst.into(),
        edge_in_flight: site.edge.in_flight.into(),
        edge_seconds: site.edge.response_seconds.into(),
        state: site.lifecycle.as_str().to_owned(),
        state_at: ms(site.created_at),
        reason: site.reason.clone(),
        upstream: site.upstream.map(|address| address.to_string()),
        health: health_name(site.health).to_owned(),
        health_at: site.health_at.map(ms),
        created_at: ms(site.created_at),
        deleted_at: site.deleted_at.map(ms),
        purge_at: site.purge_at.map(ms),
    })
}

/// What a site's visitors may use of the edge: the largest body, then the columns `edge_…` in order.
pub(crate) fn edge(read: &Row<'_>, max_body: i64, others: [i64; 4]) -> Result<RouteLimits, DbError> {
    let [rate, burst, in_flight, seconds] = others;
    Ok(RouteLimits {
        max_body: read.number(max_body)?,
        rate: read.number(rate)?,
        burst: read.number(burst)?,
        in_flight: read.number(in_flight)?,
        response_seconds: read.number(seconds)?,
    })
}

/// The reasons for suspension as they are stored: nothing if there are none.
pub(crate) fn suspensions_column(suspensions: &[Suspension]) -> Option<String> {
    (!suspensions.is_empty()).then(|| serde_json::json!(suspensions).to_string())
}

fn suspensions(read: &Row<'_>, stored: Option<&str>) -> Result<Vec<Suspension>, DbError> {
    stored.map_or_else(|| Ok(Vec::new()), |text| read.json(text))
}

/// A stored site, parsed.
pub(crate) fn from_row(row: sites::Model) -> Result<Site, DbError> {
    let id = SiteId::from_uuid(row.id);
    let read = Row { table: "sites", id: &id };
    let mut site = Site {
        id,
        customer: CustomerId::from_uuid(row.customer),
        blueprint: row.blueprint,
        profiles: read.json(&row.profiles)?,
        title: SiteTitle::parse(&row.title).map_err(|why| read.bad(why))?,
        subdomain: Subdomain::from_stored(&row.subdomain).map_err(|why| read.bad(why))?,
        hostname: read.host(&row.hostname)?,
        url: row.url,
        admin_user: AdminUser::parse(&row.admin_user).map_err(|why| read.bad(why))?,
        admin_email: EmailAddress::parse(&row.admin_email).map_err(|why| read.bad(why))?,
        project: ProjectName::from_stored(row.project),
        lease: row.subnet_base,
        engine: row.engine,
        placement: row.placement.map(|text| read.json(&text)).transpose()?,
        revision: read.number(row.revision)?,
        blueprint_version: row.blueprint_version,
        limits: Limits {
            memory: Bytes(read.number(row.memory)?),
            cpu: MilliCpu(read.number(row.cpu)?),
            pids: read.number(row.pids)?,
        },
        edge: edge(&read, row.max_body, [row.edge_rate, row.edge_burst, row.edge_in_flight, row.edge_seconds])?,
        lifecycle: read.parse(&row.state)?,
        power: read.parse(&row.power)?,
        suspensions: suspensions(&read, row.suspensions.as_deref())?,
        reason: row.reason,
        upstream: row.upstream.map(|address| read.parse(&address)).transpose()?,
        health: read.parse(&row.health)?,
        health_at: read.maybe_time(row.health_at)?,
        created_at: read.time(row.created_at)?,
        deleted_at: read.maybe_time(row.deleted_at)?,
        purge_at: read.maybe_time(row.purge_at)?,
    };
    if site.health == Health::Unknown && site.state().should_run() {
        site.health = Health::Starting;
    }
    Ok(site)
}

/// A health as stored. `starting` is stored as `unknown`, which it is for a site that should run: the release before
/// does not know the word.
pub(crate) fn health_name(health: Health) -> &'static str {
    match health {
        Health::Starting => Health::Unknown.as_str(),
        known => known.as_str(),
    }
}
