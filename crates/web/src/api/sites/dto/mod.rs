//! Request and response bodies of sites.

mod storage;
mod suspension;
mod traffic;
mod update;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_model::{
    id::{CustomerId, JobId, SiteId},
    site::{Health, SiteState},
    status::SiteStatus,
};
use utoipa::ToSchema;

pub use self::{
    storage::{NewStorageLimit, Storage},
    suspension::{EndedSuspension, NewSuspension, Suspension},
    traffic::{LatencyBucket, Limits, NewLimits, Statuses, TrafficHour},
    update::{NewVersion, OutdatedSite},
};

/// A blueprint to order from.
#[derive(Serialize, ToSchema)]
pub struct Blueprint {
    /// Name, used in orders.
    pub name: String,
    /// Title, for people.
    pub title: String,
    /// Description in one or two sentences.
    pub description: String,
    /// Facts to know before ordering.
    pub notices: Vec<String>,
    /// Whether it can be ordered now.
    pub available: bool,
}

impl From<stoa_sites::view::BlueprintView> for Blueprint {
    fn from(v: stoa_sites::view::BlueprintView) -> Self {
        let stoa_sites::view::BlueprintView { name, title, description, notices, available } = v;
        Self { name, title, description, notices, available }
    }
}

/// Whether an address is available.
#[derive(Serialize, ToSchema)]
pub struct AddressCheck {
    /// The subdomain as it would be used.
    pub subdomain: String,
    /// The full hostname, if the subdomain is valid.
    pub hostname: Option<String>,
    /// Whether it can be ordered now.
    pub available: bool,
    /// The result, for people.
    pub message: String,
}

impl From<stoa_sites::view::AddressCheck> for AddressCheck {
    fn from(v: stoa_sites::view::AddressCheck) -> Self {
        let stoa_sites::view::AddressCheck { subdomain, hostname, available, message } = v;
        Self { subdomain, hostname, available, message }
    }
}

/// A site to order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSite {
    /// Name of the blueprint.
    #[schema(example = "woocommerce")]
    pub blueprint: String,
    /// Subdomain of the platform's domain: 3 to 40 characters of a-z, 0-9 and single inner hyphens.
    #[schema(example = "harbour-street")]
    pub subdomain: String,
    /// Title, stored exactly as sent.
    #[schema(example = "Harbour Street Roasters")]
    pub title: String,
    /// Login name of the site's administrator; `admin` by default.
    #[serde(default)]
    pub admin_user: String,
    /// E-mail address of the site's administrator; the customer's by default.
    #[serde(default)]
    pub admin_email: String,
    /// The owner. Only staff may name someone else; without it, staff order for the operator's own account.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
}

/// An accepted order.
#[derive(Serialize, ToSchema)]
pub struct Ordered {
    /// The new site.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The job that creates it.
    #[schema(value_type = String)]
    pub job: JobId,
}

/// The owner of a site.
#[derive(Serialize, ToSchema)]
pub struct Owner {
    /// Company, or the owner's own name.
    pub company: String,
    /// E-mail address.
    pub email: String,
}

impl From<stoa_sites::view::OwnerView> for Owner {
    fn from(v: stoa_sites::view::OwnerView) -> Self {
        let stoa_sites::view::OwnerView { company, email } = v;
        Self { company, email }
    }
}

/// A site.
#[derive(Serialize, ToSchema)]
pub struct Site {
    /// Its id.
    #[schema(value_type = String, example = "site_01934fd27c0070008000000000000001")]
    pub id: SiteId,
    /// Its owner.
    #[schema(value_type = String)]
    pub customer: CustomerId,
    /// Its owner's name and address, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Name of its blueprint.
    #[schema(example = "woocommerce")]
    pub blueprint: String,
    /// Title of its blueprint.
    #[schema(example = "WooCommerce store")]
    pub blueprint_title: String,
    /// Title.
    pub title: String,
    /// Hostname.
    pub hostname: String,
    /// URL to open.
    pub url: String,
    /// State and health in one word, as people see it: `starting`, `online`, `not_responding`, `offline`, `asleep`,
    /// `stopped`, `suspended`, `failed`, `deleting` or `deleted`.
    #[schema(value_type = String, example = "online")]
    pub status: SiteStatus,
    /// Intended state: `pending`, `provisioning`, `active`, `failed`, `suspended`,
    /// `stopped`, `sleeping`, `updating`, `deleting` or `deleted`.
    #[schema(value_type = String, example = "active")]
    pub state: SiteState,
    /// Why it is suspended; absent if it is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspensions: Vec<Suspension>,
    /// Why it is in this state, for people.
    pub reason: Option<String>,
    /// Last observed health: `unknown`, `starting`, `healthy`, `unhealthy` or `down`.
    #[schema(value_type = String, example = "healthy")]
    pub health: Health,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub health_at: Option<Timestamp>,
    /// Login name of its administrator.
    pub admin_user: String,
    /// When it was ordered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it is purged, if it is marked for deletion.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub purge_at: Option<Timestamp>,
    /// Facts about its images.
    pub notices: Vec<String>,
    /// Its unfinished job.
    #[schema(value_type = Option<String>)]
    pub job: Option<JobId>,
    /// Actions that are possible now.
    #[schema(value_type = Vec<String>, example = json!(["stop", "restart", "delete", "log_in"]))]
    pub actions: Vec<stoa_sites::view::SiteAction>,
}

impl From<stoa_sites::view::SiteView> for Site {
    fn from(v: stoa_sites::view::SiteView) -> Self {
        // Only staff are shown the owner.
        let is_for_staff = v.owner.is_some();
        let suspensions = v.suspensions.into_iter().map(|suspension| Suspension::new(suspension, is_for_staff));
        Self {
            id: v.id,
            customer: v.customer,
            owner: v.owner.map(Into::into),
            blueprint: v.blueprint,
            blueprint_title: v.blueprint_title,
            title: v.title,
            hostname: v.hostname,
            url: v.url,
            status: v.status,
            state: v.state,
            suspensions: suspensions.collect(),
            reason: v.reason,
            health: v.health,
            health_at: v.health_at,
            admin_user: v.admin_user,
            created_at: v.created_at,
            purge_at: v.purge_at,
            notices: v.notices,
            job: v.job,
            actions: v.actions,
        }
    }
}

/// A login, without its password.
#[derive(Serialize, ToSchema)]
pub struct Credential {
    /// Number among the site's logins.
    pub ordinal: u32,
    /// Purpose, for people.
    pub label: String,
    /// Where to log in.
    pub url: String,
    /// Login name.
    pub username: String,
}

impl From<stoa_sites::view::CredentialView> for Credential {
    fn from(v: stoa_sites::view::CredentialView) -> Self {
        let stoa_sites::view::CredentialView { ordinal, label, url, username } = v;
        Self { ordinal, label, url, username }
    }
}

/// A revealed password.
#[derive(Serialize, ToSchema)]
pub struct RevealedPassword {
    /// The password.
    pub password: String,
}

/// A one-time login link.
#[derive(Serialize, ToSchema)]
pub struct LoginLink {
    /// URL; works once, for a short time.
    pub url: String,
}

/// A line of a service's log.
#[derive(Serialize, ToSchema)]
pub struct LogLine {
    /// Name of the service.
    pub service: String,
    /// When it was written.
    pub at: String,
    /// The text.
    pub line: String,
}

impl From<stoa_sites::view::LogLine> for LogLine {
    fn from(v: stoa_sites::view::LogLine) -> Self {
        Self { service: v.service, at: v.at, line: v.line }
    }
}

/// Current resource usage of a service.
#[derive(Serialize, ToSchema)]
pub struct ServiceStats {
    /// Name of the service.
    pub service: String,
    /// Thousandths of a core.
    pub cpu_milli: u32,
    /// Bytes in use.
    pub memory: u64,
    /// Its limit in bytes.
    pub memory_limit: u64,
    /// Processes and threads.
    pub pids: u32,
}

impl From<stoa_sites::view::ServiceStats> for ServiceStats {
    fn from(v: stoa_sites::view::ServiceStats) -> Self {
        Self {
            service: v.service,
            cpu_milli: v.cpu_milli,
            memory: v.memory,
            memory_limit: v.memory_limit,
            pids: v.pids,
        }
    }
}
