//! Rolls up what the edge has counted, by the hour. The edge counts without locks and only adds up;
//! every minute the difference to the last look goes into the database.

use crate::Sites;
use std::collections::HashMap;
use stoa_core::permissions::readable_site;

use jiff::{SignedDuration, Timestamp};
use stoa_db::traffic;
use stoa_model::{id::SiteId, traffic::Traffic};
use tokio::sync::Mutex;

use crate::view::TrafficHour;
use stoa_core::{Error, RequestContext, Result};

/// How long hours are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// The longest stretch that can be asked for at once.
const LONGEST: i64 = 31 * 24;

/// What was counted at the last look.
#[derive(Default)]
pub(crate) struct TrafficBaseline(Mutex<HashMap<SiteId, Traffic>>);

/// Hours since the epoch.
fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3600)
}

impl Sites {
    /// Adds what was served since the last look to this hour. Once begun it is carried to its end:
    /// a stop between the commit and the note of it would have the same counted twice.
    pub async fn reconcile_traffic(&self) -> Result<()> {
        let control = self.clone();
        tokio::spawn(async move { control.add_traffic().await }).await.map_err(Error::internal)?
    }

    async fn add_traffic(&self) -> Result<()> {
        let mut last = self.traffic_baseline.0.lock().await;
        let counts = self.edge_counts().await?;
        let none = Traffic::default();
        let more: Vec<(SiteId, Traffic)> = counts
            .iter()
            .map(|(site, traffic)| (*site, traffic.since(last.get(site).unwrap_or(&none))))
            .filter(|(_, more)| more.requests > 0 || more.bytes_out > 0)
            .collect();
        if more.is_empty() {
            return Ok(());
        }
        let (now, rows) = (hour(self.core.clock.now()), &more);
        let before = hour(self.core.clock.now() - KEPT);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    traffic::traffic_add(&tx, now, rows).await?;
                    traffic::traffic_prune(&tx, before).await
                })
            })
            .await?;
        // Only now: what was not written is still a difference at the next look.
        *last = counts.into_iter().collect();
        Ok(())
    }

    /// What a site has served in each of the last `hours`, this one included; quiet hours too.
    ///
    /// # Errors
    /// Not found.
    pub async fn traffic(&self, cx: &RequestContext, id: SiteId, hours: u32) -> Result<Vec<TrafficHour>> {
        readable_site(&self.core.db, cx, id).await?;
        let to = hour(cx.now) + 1;
        let from = to - i64::from(hours).clamp(1, LONGEST);
        let mut known: HashMap<i64, Traffic> =
            traffic::traffic_of(&self.core.db, id, from, to).await?.into_iter().collect();
        let at = |hour: i64| Timestamp::from_second(hour * 3600).map_err(Error::internal);
        (from..to)
            .map(|hour| Ok(TrafficHour { from: at(hour)?, traffic: known.remove(&hour).unwrap_or_default() }))
            .collect()
    }

    /// What all sites have served since this process began, through its edge, for the operator's own monitoring.
    ///
    /// # Errors
    /// Without the role support; if the edge can't be asked.
    pub async fn traffic_of_all(&self, cx: &RequestContext) -> Result<Vec<(SiteId, Traffic)>> {
        cx.require(stoa_model::account::Role::Support)?;
        self.edge_counts().await
    }

    /// What the edge of this process has counted.
    async fn edge_counts(&self) -> Result<Vec<(SiteId, Traffic)>> {
        match &self.edge {
            Some(edge) => edge.traffic().await.map_err(Error::internal),
            None => Ok(Vec::new()),
        }
    }
}
