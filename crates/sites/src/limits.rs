//! What a site's visitors may use of the edge: set by staff, in force with the next request.

use crate::Sites;
use stoa_core::permissions::readable_site;
use stoa_db::{history, route_changes::RouteChange, sites};
use stoa_model::{account::Role, field::Invalid, id::SiteId, route::RouteLimits};

use crate::command::ChangeLimits;
use stoa_core::{Error, RequestContext, Result, Wakeup};

/// The largest request body that can be allowed: 10 GiB.
const LARGEST_BODY: u64 = 10 << 30;
/// The longest that a site may be given to answer: an hour.
const LONGEST_ANSWER: u32 = 3600;

impl Sites {
    /// A site's limits at the edge.
    ///
    /// # Errors
    /// Not found.
    pub async fn edge_limits(&self, cx: &RequestContext, id: SiteId) -> Result<RouteLimits> {
        Ok(readable_site(&self.core.db, cx, id).await?.edge)
    }

    /// Changes a site's limits at the edge.
    ///
    /// # Errors
    /// Without the role admin; not found; values out of range.
    pub async fn set_edge_limits(&self, cx: &RequestContext, id: SiteId, change: ChangeLimits) -> Result<RouteLimits> {
        cx.require(Role::Admin)?;
        let site = readable_site(&self.core.db, cx, id).await?;
        let limits = changed(site.edge, change).map_err(Error::Invalid)?;
        let detail = serde_json::to_value(limits).map_err(Error::internal)?;
        let (new, event) = (&limits, &cx.audit("site.limits", id, detail));
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    sites::site_edge(&tx, id, new).await?;
                    history::site_event(&tx, id, cx.now, "limits", "Its limits at the edge were changed").await?;
                    history::audit(&tx, event).await?;
                    self.domains.route_changed(&tx, RouteChange::Site(id)).await
                })
            })
            .await?;
        self.domains.publish_routes(version, id).await;
        // Containers whose own limits would be stricter get them too.
        self.core.bus.wake(Wakeup::Environments);
        Ok(limits)
    }
}

fn changed(mut limits: RouteLimits, change: ChangeLimits) -> std::result::Result<RouteLimits, Vec<Invalid>> {
    let mut bad = Vec::new();
    limits.max_body = change.max_body.unwrap_or(limits.max_body);
    limits.rate = change.rate.unwrap_or(limits.rate);
    limits.burst = change.burst.unwrap_or(limits.burst);
    limits.in_flight = change.in_flight.unwrap_or(limits.in_flight);
    limits.response_seconds = change.response_seconds.unwrap_or(limits.response_seconds);
    if !(1024..=LARGEST_BODY).contains(&limits.max_body) {
        bad.push(Invalid::new("max_body", "Use 1024 bytes to 10 GiB."));
    }
    if limits.response_seconds > LONGEST_ANSWER {
        bad.push(Invalid::new("response_seconds", "Use 0 to 3600 seconds."));
    }
    if limits.rate > 0 && limits.burst == 0 {
        limits.burst = limits.rate;
    }
    if bad.is_empty() { Ok(limits) } else { Err(bad) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_stays_and_nonsense_is_refused() {
        let now = RouteLimits { rate: 5, burst: 10, ..RouteLimits::body(1 << 20) };
        let body = ChangeLimits { max_body: Some(2 << 20), ..ChangeLimits::default() };
        assert_eq!(changed(now, body), Ok(RouteLimits { max_body: 2 << 20, ..now }));
        let rate = ChangeLimits { rate: Some(50), burst: Some(0), ..ChangeLimits::default() };
        assert_eq!(changed(now, rate).map(|l| l.burst), Ok(50));
        let bad = ChangeLimits { max_body: Some(0), response_seconds: Some(9999), ..ChangeLimits::default() };
        assert_eq!(changed(now, bad).map_err(|bad| bad.len()), Err(2));
    }
}
