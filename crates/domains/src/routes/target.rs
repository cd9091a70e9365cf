//! Where one name leads: a pure function of its row and of the certificates.

use stoa_db::routes::RouteRow;
use stoa_model::{
    host::Hostname,
    route::{Notice, Route, Target},
    site::SiteState,
};

/// Where a site's name leads, by its state; `None` as if the name were unknown.
pub(super) fn route(row: RouteRow, is_covered: impl Fn(&Hostname) -> bool) -> Option<(Hostname, Route)> {
    let notice = Target::Notice;
    let told = row.url.as_deref().and_then(ApplicationUrl::read);
    // Only where the application knows its address, else it and the edge send visitors to and fro.
    let redirect = row.hostname != row.main && told.is_some_and(|told| told.host == row.main.as_str());
    let target = match (row.state, row.upstream) {
        (SiteState::Active, Some(_)) if redirect => Target::Redirect(row.main),
        (SiteState::Provisioning | SiteState::Active | SiteState::Updating | SiteState::Stopped, Some(upstream)) => {
            Target::Upstream(upstream)
        }
        (SiteState::Pending | SiteState::Provisioning | SiteState::Active | SiteState::Sleeping, _) => {
            notice(Notice::Starting)
        }
        (SiteState::Updating, None) => notice(Notice::Maintenance),
        (SiteState::Stopped, None) => notice(Notice::Stopped),
        (SiteState::Suspended, _) => notice(Notice::Suspended),
        (SiteState::Failed | SiteState::Deleting | SiteState::Deleted, _) => return None,
    };
    let secure = told.is_some_and(|told| told.secure) && is_covered(&row.hostname);
    Some((row.hostname, Route { site: row.site, target, limits: row.limits, secure }))
}

/// What an application was told about its address.
#[derive(Clone, Copy)]
pub struct ApplicationUrl<'a> {
    /// Its hostname, without the port.
    pub host: &'a str,
    /// Whether it is HTTPS.
    pub secure: bool,
}

impl<'a> ApplicationUrl<'a> {
    /// Takes the address apart; `None` if it has no scheme.
    pub fn read(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        Some(Self { host: rest.split(':').next().unwrap_or(rest), secure: scheme == "https" })
    }
}
