//! The route of one hostname, as a pure function of its row and the certificates.

use stoa_db::routes::RouteRow;
use stoa_model::{
    host::Hostname,
    route::{Notice, Route, Target},
    site::SiteState,
};

/// The route of a site's hostname, depending on the site's state; `None` if the name is not served.
pub(super) fn route(row: RouteRow, is_covered: impl Fn(&Hostname) -> bool) -> Option<(Hostname, Route)> {
    let notice = Target::Notice;
    let url = row.url.as_deref().and_then(ApplicationUrl::read);
    // Only if the application is configured with its main address, to avoid redirect loops between it and the edge.
    let redirect = row.hostname != row.main && url.is_some_and(|url| url.host == row.main.as_str());
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
        (SiteState::Failed | SiteState::Cancelled | SiteState::Deleting | SiteState::Deleted, _) => return None,
    };
    let secure = url.is_some_and(|url| url.secure) && is_covered(&row.hostname);
    Some((row.hostname, Route { site: row.site, target, limits: row.limits, secure }))
}

/// The URL that an application is configured with.
#[derive(Clone, Copy)]
pub struct ApplicationUrl<'a> {
    /// Its hostname, without the port.
    pub host: &'a str,
    /// Whether it is HTTPS.
    pub secure: bool,
}

impl<'a> ApplicationUrl<'a> {
    /// Parses a URL; `None` if it has no scheme.
    pub fn read(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        Some(Self { host: rest.split(':').next().unwrap_or(rest), secure: scheme == "https" })
    }
}
