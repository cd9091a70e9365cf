//! What sites store, measured by the engine, and what follows from it: warnings at 80 and 90 %, refused uploads at 100 %, and
//! beyond 110 % the suspension of the site, so that a full disk does not stop everybody.
//!
//! A measurement takes long where there are many files, so the next one waits for twenty times as long as it took, and at
//! least a minute.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use jiff::{SignedDuration, Timestamp};
use stoa_core::{Error, RequestContext, Result, permissions::readable_site};
use stoa_db::{
    history,
    route_changes::RouteChange,
    sites::storage::{self, Storage},
};
use stoa_model::{
    account::Role,
    id::SiteId,
    limits::Bytes,
    site::{Lifecycle, Site, SuspensionReason},
    stack::ProjectName,
    storage::StorageLevel,
};
use stoa_provider::engine::{EngineError, Stored};
use tokio::time::Instant;

use crate::{Sites, command::Suspend, runtime::away, view::StorageView};

/// A measurement may take this share of the time.
const PACE: u32 = 20;
/// The least time between two measurements. The reconciler's period is a little less.
const MIN_INTERVAL: Duration = Duration::from_secs(55);
/// A figure that does not change is recorded so often.
const RECORD_INTERVAL: SignedDuration = SignedDuration::from_mins(10);
/// How long the figures of days are kept.
const KEPT_DAYS: i64 = 400;
/// The note of a suspension that this module made, and ends.
const NOTE: &str =
    "It stores more than 110 % of its limit. Raise the limit, or delete files: it then runs again automatically.";

/// When the next measurement is due.
#[derive(Default)]
pub(crate) struct MeasurementPace(Mutex<Option<Instant>>);

impl Sites {
    /// Measures what all sites store, if it is time.
    ///
    /// # Errors
    /// If engine or database do not answer.
    pub async fn reconcile_storage(&self) -> Result<()> {
        let now = Instant::now();
        if self.measurement_pace.due().is_some_and(|due| now < due) {
            return Ok(());
        }
        self.measure_storage().await?;
        self.measurement_pace.set(Instant::now() + (now.elapsed() * PACE).max(MIN_INTERVAL));
        Ok(())
    }

    /// Measures what all sites store, now.
    ///
    /// # Errors
    /// If engine or database do not answer.
    pub async fn measure_storage(&self) -> Result<()> {
        let mut stored = HashMap::<ProjectName, Stored>::new();
        for engine in self.engines.iter() {
            match engine.stored().await {
                Ok(all) => stored.extend(all.into_iter().map(|stored| (stored.project.clone(), stored))),
                Err(EngineError::Unsupported { .. }) => {}
                Err(error) => return Err(away(error)),
            }
        }
        let mut after = None;
        while let Some((sites, _)) = self.next_sites(&mut after).await? {
            let ids: Vec<_> = sites.iter().map(|site| site.id).collect();
            let mut known = storage::storage_of(&self.core.db, &ids).await?;
            for site in &sites {
                let Some(stored) = stored.get(&site.project) else { continue };
                let before = known.remove(&site.id).unwrap_or_default();
                if let Err(error) = self.record_stored(site, before, stored).await {
                    tracing::warn!(site = %site.id, error = error.for_operator(), "what a site stores could not be recorded");
                }
            }
        }
        let before = day(self.core.clock.now()) - KEPT_DAYS;
        self.core.db.write(|tx| Box::pin(async move { storage::storage_days_prune(&tx, before).await })).await?;
        Ok(())
    }

    async fn record_stored(&self, site: &Site, before: Storage, stored: &Stored) -> Result<()> {
        let now = self.core.clock.now();
        let volumes = stored.volumes.iter().map(|(name, bytes)| (name.0.clone(), *bytes));
        let elsewhere = Some((String::new(), stored.elsewhere)).filter(|(_, bytes)| *bytes > 0);
        let bytes = stored.total();
        let after = Storage {
            bytes,
            volumes: volumes.chain(elsewhere).collect(),
            level: StorageLevel::of(bytes, self.storage_limit(&before)),
            measured_at: Some(now),
            disk: before.disk,
        };
        // A thousand idle sites are not a thousand transactions a minute.
        let is_recent = before.measured_at.is_some_and(|at| now.duration_since(at) < RECORD_INTERVAL);
        if is_recent && before == (Storage { measured_at: before.measured_at, ..after.clone() }) {
            return self.follow_level(site, after.level).await;
        }
        self.save_storage(site, before.level, &after, Some(day(now))).await
    }

    /// Saves what is known of a site's storage, and does what follows from a changed level.
    async fn save_storage(&self, site: &Site, before: StorageLevel, after: &Storage, day: Option<i64>) -> Result<()> {
        let (id, now, is_full) = (site.id, self.core.clock.now(), |level| level >= StorageLevel::Full);
        let text = (before != after.level).then(|| sentence(after, self.storage_limit(after)));
        let text = &text;
        let version = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    storage::storage_put(&tx, id, after).await?;
                    if let Some(day) = day {
                        storage::storage_day_put(&tx, id, day, after.bytes).await?;
                    }
                    if let Some(text) = text {
                        history::site_event(&tx, id, now, "storage", text).await?;
                    }
                    if is_full(before) == is_full(after.level) {
                        return Ok(None);
                    }
                    Ok::<_, Error>(Some(self.domains.route_changed(&tx, RouteChange::Site(id)).await?))
                })
            })
            .await?;
        if let Some(version) = version {
            self.domains.publish_routes(version, id).await;
        }
        self.follow_level(site, after.level).await
    }

    /// Suspends a site that stores far too much, and ends that when it does no longer. Compared with the site and not with
    /// the former level, so that what failed is tried again.
    async fn follow_level(&self, site: &Site, level: StorageLevel) -> Result<()> {
        let own = site.suspensions.iter().any(|known| known.note.as_deref() == Some(NOTE));
        let cx = self.core.system_context("storage");
        if level == StorageLevel::Exceeded && !own && site.lifecycle == Lifecycle::Active {
            tracing::warn!(site = %site.hostname, "a site stores more than 110 % of its limit and is suspended");
            let command = Suspend { reason: SuspensionReason::Quota, note: NOTE.to_owned() };
            self.suspend(&cx, site.id, command).await?;
        } else if level < StorageLevel::Full && own {
            self.resume(&cx, site.id, Some(SuspensionReason::Quota)).await?;
        }
        Ok(())
    }

    /// What a site stores.
    ///
    /// # Errors
    /// Not found.
    pub async fn storage(&self, cx: &RequestContext, id: SiteId) -> Result<StorageView> {
        let site = readable_site(&self.core.db, cx, id).await?;
        let known = storage::storage_get(&self.core.db, site.id).await?;
        let days = storage::storage_days_of(&self.core.db, site.id, day(cx.now) - KEPT_DAYS).await?;
        let limit = self.storage_limit(&known);
        Ok(StorageView {
            bytes: known.bytes,
            limit,
            level: known.level,
            message: (known.level > StorageLevel::Free).then(|| sentence(&known, limit)),
            volumes: known.volumes,
            measured_at: known.measured_at,
            days: days.into_iter().filter_map(|(day, bytes)| Some((date(day)?, bytes))).collect(),
        })
    }

    /// What each site stores, in bytes, as far as it was measured; for staff.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn storage_of_all(&self, cx: &RequestContext) -> Result<Vec<(SiteId, u64)>> {
        cx.require(Role::Support)?;
        Ok(storage::storage_of_all(&self.core.db).await?)
    }

    /// Changes how much a site may store: 0 for no limit, `None` for the operator's limit for all sites.
    ///
    /// # Errors
    /// Without the role admin; not found.
    pub async fn set_storage_limit(&self, cx: &RequestContext, id: SiteId, disk: Option<u64>) -> Result<StorageView> {
        cx.require(Role::Admin)?;
        let site = readable_site(&self.core.db, cx, id).await?;
        let before = storage::storage_get(&self.core.db, id).await?;
        let mut after = Storage { disk, ..before.clone() };
        after.level = StorageLevel::of(after.bytes, self.storage_limit(&after));
        let event = &cx.audit("site.storage_limit", id, serde_json::json!({ "bytes": disk }));
        self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?;
        self.save_storage(&site, before.level, &after, None).await?;
        self.storage(cx, id).await
    }

    /// In bytes; 0: none.
    fn storage_limit(&self, known: &Storage) -> u64 {
        known.disk.unwrap_or(self.core.settings.site_disk.0)
    }
}

impl MeasurementPace {
    fn due(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn set(&self, due: Instant) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(due);
    }
}

/// For the site's owner.
fn sentence(known: &Storage, limit: u64) -> String {
    let bytes = Bytes(known.bytes).rounded();
    let used = format!("{bytes} of {}", Bytes(limit).rounded());
    match known.level {
        StorageLevel::Free => format!("Storage has room again: {bytes} are in use."),
        StorageLevel::High => format!("Storage is 80 % full: {used}."),
        StorageLevel::NearlyFull => format!("Storage is 90 % full: {used}. When it is full, uploads are refused."),
        StorageLevel::Full => {
            format!(
                "Storage is full: {used}. Uploads are refused until files are deleted. Above 110 % the site is suspended."
            )
        }
        StorageLevel::Exceeded => format!("Storage is far above its limit: {used}. The site is suspended."),
    }
}

/// Days since the epoch.
fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(24 * 3600)
}

fn date(day: i64) -> Option<jiff::civil::Date> {
    Some(Timestamp::from_second(day * 24 * 3600).ok()?.to_zoned(jiff::tz::TimeZone::UTC).date())
}
