//! What sites were made with: blueprints by content, and each site's revisions with their images.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, sea_query::OnConflict};
use stoa_model::{
    id::{JobId, SiteId},
    image::ImageId,
    stack::ServiceName,
};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::{blueprint_versions, site_revisions},
};

/// The images of a revision, by service.
pub type Images = BTreeMap<ServiceName, ImageId>;

/// A blueprint as it was at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlueprintVersion {
    /// SHA-256 of the source, in hexadecimal.
    pub version: String,
    /// The blueprint's name.
    pub name: String,
    /// The text of its `compose.yaml`.
    pub source: String,
    /// When this installation first used it.
    pub created_at: Timestamp,
}

/// One desired state of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRevision {
    /// The site.
    pub site: SiteId,
    /// Counts up from 1; 0 is what an earlier release made.
    pub revision: u32,
    /// The blueprint.
    pub blueprint_version: String,
    /// The content that each service's image is pinned to. A service that is missing here runs what its
    /// image's name points to.
    pub images: Images,
    /// The job that deployed it.
    pub job: Option<JobId>,
    /// When it was decided.
    pub created_at: Timestamp,
}

/// Keeps a blueprint version; one that is known already stays as it is.
pub async fn blueprint_version_put(tx: &Tx, version: &BlueprintVersion) -> Result<(), DbError> {
    let row = blueprint_versions::Model {
        version: version.version.clone(),
        name: version.name.clone(),
        source: version.source.clone(),
        created_at: ms(version.created_at),
    };
    if blueprint_versions::Entity::find_by_id(&row.version).one(tx.raw()).await?.is_some() {
        return Ok(());
    }
    let known = OnConflict::column(blueprint_versions::Column::Version)
        .update_column(blueprint_versions::Column::Version)
        .to_owned();
    blueprint_versions::Entity::insert(row.into_active_model())
        .on_conflict(known)
        .exec_without_returning(tx.raw())
        .await?;
    Ok(())
}

/// A blueprint version by its hash.
pub async fn blueprint_version_get(c: &impl Conn, version: &str) -> Result<Option<BlueprintVersion>, DbError> {
    let row = blueprint_versions::Entity::find_by_id(version).one(c.raw()).await?;
    row.map(|row| {
        let read = Row { table: "blueprint_versions", id: &version };
        Ok(BlueprintVersion {
            created_at: read.time(row.created_at)?,
            version: row.version,
            name: row.name,
            source: row.source,
        })
    })
    .transpose()
}

/// Keeps a site's revision; written again by the same job, it replaces what that job wrote.
pub async fn site_revision_put(tx: &Tx, revision: &SiteRevision) -> Result<(), DbError> {
    let row = site_revisions::Model {
        site: revision.site.uuid(),
        revision: revision.revision.into(),
        blueprint_version: revision.blueprint_version.clone(),
        images: serde_json::json!(revision.images).to_string(),
        job: revision.job.map(JobId::uuid),
        created_at: ms(revision.created_at),
    };
    let again = OnConflict::columns([site_revisions::Column::Site, site_revisions::Column::Revision])
        .update_columns([
            site_revisions::Column::BlueprintVersion,
            site_revisions::Column::Images,
            site_revisions::Column::Job,
            site_revisions::Column::CreatedAt,
        ])
        .to_owned();
    site_revisions::Entity::insert(row.into_active_model()).on_conflict(again).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// One revision of a site.
pub async fn site_revision_get(c: &impl Conn, site: SiteId, revision: u32) -> Result<Option<SiteRevision>, DbError> {
    let key = (site.uuid(), i64::from(revision));
    site_revisions::Entity::find_by_id(key).one(c.raw()).await?.map(from_row).transpose()
}

/// All revisions of a site, newest first.
pub async fn site_revisions(c: &impl Conn, site: SiteId) -> Result<Vec<SiteRevision>, DbError> {
    let all = site_revisions::Entity::find()
        .filter(site_revisions::Column::Site.eq(site.uuid()))
        .order_by_desc(site_revisions::Column::Revision);
    all.all(c.raw()).await?.into_iter().map(from_row).collect()
}

fn from_row(row: site_revisions::Model) -> Result<SiteRevision, DbError> {
    let site = SiteId::from_uuid(row.site);
    let read = Row { table: "site_revisions", id: &site };
    Ok(SiteRevision {
        site,
        revision: read.number(row.revision)?,
        blueprint_version: row.blueprint_version,
        images: read.json(&row.images)?,
        job: row.job.map(JobId::from_uuid),
        created_at: read.time(row.created_at)?,
    })
}
