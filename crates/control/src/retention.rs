//! Forgets what is over: idle sessions, old idempotency keys, certificates long out of use, old history,
//! addresses that tried nothing lately.
//!
//! What a clock that is ahead deletes is gone for good. So a clock that has leapt is not believed until
//! it has gone on for a day; a machine that was off for days waits as long, which does no harm.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stoa_db::{
    certificates,
    core::{processes, retention},
    domains::{acme_challenges::acme_challenges_prune, edges::edges_prune, resting_names::resting_names_prune},
    idempotency, meta,
};

use stoa_core::Result;

use crate::Control;

/// How long an idempotency key holds.
const KEY_AGE: SignedDuration = SignedDuration::from_hours(24);
/// How long a certificate that is served no more can be looked at; its key is of no use by then.
const CERTIFICATE_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long the live log of a job is kept; its steps are kept longer.
const LIVE_LOG_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long jobs, events of sites and entries of the audit trail are kept in the database.
const HISTORY_AGE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Jobs of each site that are kept whatever their age.
const JOBS_PER_SITE: u64 = 20;
/// How long it is known how a process fared that has ended.
const STATUS_AGE: SignedDuration = SignedDuration::from_hours(1);
/// How long the response to a challenge is kept; an order takes minutes.
const CHALLENGE_AGE: SignedDuration = SignedDuration::from_hours(24);
/// So far a clock may have moved since it was last looked at; and so long it has to go on otherwise.
const LEAP: SignedDuration = SignedDuration::from_hours(24);

/// Its row in `meta`; the name is that of an earlier release.
const META_KEY: &str = "tidied";

/// When the clock was last looked at.
#[derive(Serialize, Deserialize)]
struct ClockCheck {
    last: Timestamp,
    /// It is believed from this time on.
    from: Timestamp,
}

impl Control {
    pub(crate) async fn prune(&self) -> Result<()> {
        let now = self.core.clock.now();
        let from = self.clock_believed_from(now).await?;
        if now >= from {
            self.prune_now(now).await?;
        }
        let text = &serde_json::json!(ClockCheck { last: now, from }).to_string();
        Ok(self.core.db.write(|tx| Box::pin(async move { meta::meta_set(&tx, META_KEY, text).await })).await?)
    }

    async fn prune_now(&self, now: Timestamp) -> Result<()> {
        self.accounts.prune_sessions(now).await?;
        self.core
            .db
            .write(|tx| Box::pin(async move { idempotency::idempotency_prune(&tx, now - KEY_AGE).await }))
            .await?;
        self.core.prune_rate_limits().await?;
        let body = async |tx: &stoa_db::Tx| {
            processes::reconcilers_prune(tx, now - STATUS_AGE).await?;
            processes::process_leases_prune(tx, now - STATUS_AGE).await?;
            edges_prune(tx, now - STATUS_AGE).await?;
            resting_names_prune(tx, now).await?;
            acme_challenges_prune(tx, now - CHALLENGE_AGE).await
        };
        self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await?;
        self.mail_log.prune(now).await?;
        self.prune_history(now).await?;
        let (ended, before) = (now - LEAP, now - CERTIFICATE_AGE);
        let body = async |tx: &stoa_db::Tx| {
            certificates::certificates_end(tx, ended, now).await?;
            certificates::certificates_prune(tx, before).await
        };
        self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await?;
        Ok(())
    }

    /// Deletes history, in steps that are short each.
    async fn prune_history(&self, now: Timestamp) -> Result<()> {
        let db = &self.core.db;
        while retention::job_notes_prune(db, now - LIVE_LOG_AGE).await? > 0 {}
        let before = now - HISTORY_AGE;
        while retention::jobs_prune(db, before, JOBS_PER_SITE).await? > 0 {}
        while retention::site_events_prune(db, before).await? > 0 {}
        self.sites.prune_mail(now).await?;
        while self.core.archive_audit(before).await? > 0 {}
        Ok(())
    }

    /// When the clock is believed, if it goes on as clocks do.
    async fn clock_believed_from(&self, now: Timestamp) -> Result<Timestamp> {
        let noted = meta::meta_get(&self.core.db, META_KEY).await?;
        Ok(match noted.and_then(|text| serde_json::from_str::<ClockCheck>(&text).ok()) {
            // Nothing is known of it yet.
            None => now,
            Some(ClockCheck { last, .. }) if now.duration_since(last).abs() > LEAP => {
                tracing::warn!(%last, "the clock has leapt by more than a day; nothing is tidied away until it has gone on for one");
                now + LEAP
            }
            Some(ClockCheck { from, .. }) => from,
        })
    }
}
