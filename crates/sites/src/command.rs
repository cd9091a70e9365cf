//! What can be asked for. A page form, a JSON body and a command line all fill the same structs,
//! with the text as typed; parsing and refusing is the service layer's part, so that all faces
//! answer alike.

use serde::Deserialize;
use stoa_model::{id::CustomerId, secret::SecretString, site::SuspensionReason};

/// Order a site.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct OrderSite {
    /// Name of the blueprint.
    pub blueprint: String,
    /// Short name of the plan; empty: the first one of the blueprint, or none if it is sold without plans.
    #[serde(default)]
    pub plan: String,
    /// Label under the platform's base domain.
    pub subdomain: String,
    /// Title, kept exactly as typed.
    pub title: String,
    /// Login name of the site's administrator; `admin` when empty.
    #[serde(default)]
    pub admin_user: String,
    /// Address of the site's administrator; the customer's own when empty.
    #[serde(default)]
    pub admin_email: String,
    /// Password of the site's administrator, at least 8 characters; generated when empty.
    #[serde(default, skip_serializing)]
    pub admin_password: SecretString,
    /// For whom; only staff may name somebody else.
    #[serde(default)]
    pub customer: Option<CustomerId>,
}

/// What a site's visitors may use of the edge; what is absent stays as it is, 0 is no limit.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeLimits {
    /// Largest request body in bytes.
    pub max_body: Option<u64>,
    /// Requests per second.
    pub rate: Option<u32>,
    /// Requests at once before the rate is enforced.
    pub burst: Option<u32>,
    /// Requests open at once.
    pub in_flight: Option<u32>,
    /// Seconds that the site may take to answer.
    pub response_seconds: Option<u32>,
}

/// Suspend a site.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// Why.
    pub reason: SuspensionReason,
    /// More about it, for the owner and staff.
    #[serde(default)]
    pub note: String,
}

/// End a suspension.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// Which reason ends; all of them if absent.
    #[serde(default)]
    pub reason: Option<SuspensionReason>,
}

/// Update a site to another version of its blueprint.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateSite {
    /// The version's hash or the beginning of it; the one in the blueprints' folder if absent.
    #[serde(default)]
    pub to: Option<String>,
}
