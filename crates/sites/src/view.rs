//! What pages, the API and `--json` show of sites.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use stoa_core::view::Listing;
use stoa_model::{
    id::{CustomerId, JobId, SiteId},
    site::{Health, SiteState, Suspension},
    status::{SiteStatus, StatusGroup},
    storage::StorageLevel,
    traffic::Traffic,
};

/// Whether an address can be had.
#[derive(Debug, Clone, Serialize)]
pub struct AddressCheck {
    /// The label as it would be used.
    pub subdomain: String,
    /// The full hostname, if the label is well formed.
    pub hostname: Option<String>,
    /// Whether it can be ordered now.
    pub available: bool,
    /// A sentence for the person.
    pub message: String,
}

/// A blueprint to choose.
#[derive(Debug, Clone, Serialize)]
pub struct BlueprintView {
    /// Name to order by.
    pub name: String,
    /// Words for people.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// Plain facts that must be known, for example that a plugin is absent from the image.
    pub notices: Vec<String>,
    /// Whether its images are on the engine; `false` means that it can't be ordered now.
    pub available: bool,
}

/// What was ordered: the site, and the job that makes it.
#[derive(Debug, Clone, Copy, Serialize, serde::Deserialize)]
pub struct Ordered {
    /// The new site.
    pub site: SiteId,
    /// Its job.
    pub job: JobId,
}

/// Whose a site is.
#[derive(Debug, Clone, Serialize)]
pub struct OwnerView {
    /// Company, or the owner's own name.
    pub company: String,
    /// Login name and address for mail.
    pub email: String,
}

/// A site, as lists and pages show it.
#[derive(Debug, Clone, Serialize)]
pub struct SiteView {
    /// Its id.
    pub id: SiteId,
    /// Its owner.
    pub customer: CustomerId,
    /// Its owner in words, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerView>,
    /// Blueprint's name.
    pub blueprint: String,
    /// Blueprint in words; its name, if the blueprint is not loaded any more.
    pub blueprint_title: String,
    /// Title as typed.
    pub title: String,
    /// Hostname.
    pub hostname: String,
    /// Address to open, with scheme and, where it isn't the default, port.
    pub url: String,
    /// Intent and observation in one word.
    pub status: SiteStatus,
    /// Intent.
    pub state: SiteState,
    /// Why it is suspended; empty if it is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspensions: Vec<Suspension>,
    /// Why, in words for the owner.
    pub reason: Option<String>,
    /// Observation.
    pub health: Health,
    /// Since when it has been so.
    pub health_at: Option<Timestamp>,
    /// Login name of its administrator.
    pub admin_user: String,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When its purge begins, if marked for deletion.
    pub purge_at: Option<Timestamp>,
    /// Plain facts about its images.
    pub notices: Vec<String>,
    /// Its unfinished job, if any.
    pub job: Option<JobId>,
    /// What may be done with it now.
    pub actions: Vec<SiteAction>,
}

/// Sites as a screen lists them.
#[derive(Debug, Clone)]
pub struct SiteListing {
    /// Those of this page.
    pub sites: Listing<SiteView>,
    /// How many the other filters find in each group; groups without sites are left out.
    pub groups: Vec<(StatusGroup, u64)>,
    /// How many the other filters find in all groups.
    pub all: u64,
}

/// What a site stores on the engine's disk.
#[derive(Debug, Clone, Serialize)]
pub struct StorageView {
    /// Bytes at the last measurement.
    pub bytes: u64,
    /// How many it may store; 0: no limit.
    pub limit: u64,
    /// How full that is.
    pub level: StorageLevel,
    /// What it means for its owner, from 80 % on.
    pub message: Option<String>,
    /// Bytes by volume; the empty name is what lies outside of volumes.
    pub volumes: BTreeMap<String, u64>,
    /// When it was measured; not yet, if it is missing.
    pub measured_at: Option<Timestamp>,
    /// The last figure of each day (UTC), oldest first.
    pub days: Vec<(Date, u64)>,
}

/// A site that an update would change.
#[derive(Debug, Clone, Serialize)]
pub struct OutdatedSite {
    /// The site.
    pub id: SiteId,
    /// Its hostname.
    pub hostname: String,
    /// Its blueprint's name.
    pub blueprint: String,
    /// The version that it was made with.
    pub version: Option<String>,
    /// The version in the blueprints' folder.
    pub current_version: String,
    /// The services whose image has changed since.
    pub changed_images: Vec<String>,
}

/// Something that the owner of a new site does first.
#[derive(Debug, Clone, Serialize)]
pub struct NextStepView {
    /// What to do, as a command.
    pub title: String,
    /// Where in the application.
    pub path: String,
}

/// Something that may be done with a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteAction {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Try to make it once more.
    Retry,
    /// Suspend it; for staff.
    Suspend,
    /// End its suspension; for staff.
    Resume,
    /// Mark it for deletion.
    Delete,
    /// Take the deletion back.
    Undelete,
    /// Log in to its administration with one click.
    LogIn,
}

impl SiteAction {
    /// The word in the addresses of pages; the API's are those of `serde`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Retry => "retry",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
            Self::LogIn => "login-link",
        }
    }
}

/// A login that the customer may reveal; the password is fetched by itself.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialView {
    /// Which of the site's credentials.
    pub ordinal: u32,
    /// For what.
    pub label: String,
    /// Where.
    pub url: String,
    /// Login name.
    pub username: String,
}

/// What a site has served in one hour.
#[derive(Debug, Clone, Serialize)]
pub struct TrafficHour {
    /// When the hour begins.
    pub from: Timestamp,
    /// What was counted.
    pub traffic: Traffic,
}

pub use stoa_db::sites::list::{SiteFilter, SiteSort};
pub use stoa_provider::engine::{LogLine, ServiceStats};
