//! Request and response bodies of suspensions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_model::site::SuspensionReason;
use utoipa::ToSchema;

/// A reason for which a site is suspended.
#[derive(Serialize, ToSchema)]
pub struct Suspension {
    /// `non_payment`, `abuse`, `quota` or `operator`.
    #[schema(value_type = String, example = "non_payment")]
    pub reason: SuspensionReason,
    /// Who suspended the site, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// A note for the owner and staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Suspension {
    /// A suspension, as its viewer may see it.
    pub fn new(v: stoa_model::site::Suspension, is_for_staff: bool) -> Self {
        let stoa_model::site::Suspension { reason, actor, at, note } = v;
        Self { reason, actor: is_for_staff.then_some(actor), at, note }
    }
}

/// Why to suspend a site.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuspension {
    /// `non_payment`, `abuse`, `quota` or `operator`.
    #[schema(value_type = String, example = "non_payment")]
    pub reason: SuspensionReason,
    /// A note of at most 500 characters for the owner and staff; visitors never see it.
    #[serde(default)]
    pub note: String,
}

impl From<NewSuspension> for stoa_sites::command::Suspend {
    fn from(new: NewSuspension) -> Self {
        let NewSuspension { reason, note } = new;
        Self { reason, note }
    }
}

/// Which suspension to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndedSuspension {
    /// The reason that no longer applies: `non_payment`, `abuse`, `quota` or `operator`. Without it, all
    /// suspensions of the site end.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "non_payment")]
    pub reason: Option<SuspensionReason>,
}
