//! Request and response bodies of updates to another version of a blueprint.

use serde::{Deserialize, Serialize};
use stoa_model::id::SiteId;
use utoipa::ToSchema;

/// The version to update a site to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVersion {
    /// At least the first 8 characters of the version's hash: the current version of the blueprint, or one that the
    /// site has had. The current version by default.
    #[serde(default)]
    pub to: Option<String>,
}

impl From<NewVersion> for stoa_sites::command::UpdateSite {
    fn from(new: NewVersion) -> Self {
        let NewVersion { to } = new;
        Self { to }
    }
}

/// A site that an update would change.
#[derive(Serialize, ToSchema)]
pub struct OutdatedSite {
    /// The site.
    #[schema(value_type = String)]
    pub id: SiteId,
    /// Its hostname.
    pub hostname: String,
    /// Name of its blueprint.
    pub blueprint: String,
    /// Hash of the version that it runs; null for a site of an earlier release that is not pinned yet.
    pub version: Option<String>,
    /// Hash of the current version of the blueprint.
    pub current_version: String,
    /// The services whose image has changed since the site was created or last updated.
    pub changed_images: Vec<String>,
}

impl From<stoa_sites::view::OutdatedSite> for OutdatedSite {
    fn from(v: stoa_sites::view::OutdatedSite) -> Self {
        let stoa_sites::view::OutdatedSite { id, hostname, blueprint, version, current_version, changed_images } = v;
        Self { id, hostname, blueprint, version, current_version, changed_images }
    }
}
