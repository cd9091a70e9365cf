//! What every file is written from.

use stoa_model::id::CertificateId;

use super::config::Settings;
use crate::plan::RoutePlan;

/// A sorted table with the settings.
pub(crate) struct Context<'a> {
    pub(crate) plan: &'a RoutePlan<'a>,
    pub(crate) settings: &'a Settings,
    /// The certificate of servers that name none.
    pub(crate) shared_certificate: Option<CertificateId>,
}
