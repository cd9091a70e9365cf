//! Which certificates are due, one try to get each of them, and what is written down when it fails.
//!
//! The row of an order is changed by two: by the try that is under way, and by whoever asks for
//! another one sooner. So each reads it under a lock, and changes only what is his.

use crate::Domains;
use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    DbError,
    certificate_orders::{self, Attempt, CertificateOrder},
};
use stoa_model::certificate::CertName;

use super::{
    failure::{Failure, is_asked},
    issuance_limits::pause,
    spec::CertificateSpec,
};
use stoa_core::{Result, random, settings::AcmeSettings};

/// No pause is longer: an authority may say seven days, and a little is added. What says more was
/// written while the clock was ahead.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(8 * 24);

fn waits(order: &CertificateOrder, now: Timestamp) -> bool {
    order.next_at > now && order.next_at <= now + LONGEST
}

impl CertificateSpec {
    /// How its order stands before anything was tried.
    fn untried(&self, now: Timestamp) -> CertificateOrder {
        CertificateOrder {
            subject: self.subject.clone(),
            names: self.names.clone(),
            failures: 0,
            next_at: now,
            problem: None,
            detail: None,
            order_url: None,
            key: None,
            updated_at: now,
        }
    }
}

impl Domains {
    pub(super) async fn due_certificates(&self, wanted: &[CertificateSpec]) -> Result<Vec<CertificateSpec>> {
        let (now, orders) = (self.core.clock.now(), certificate_orders::orders_all(&self.core.db).await?);
        let waiting: HashSet<CertName> = orders.into_iter().filter(|o| waits(o, now)).map(|o| o.subject).collect();
        let shelf = self.certificate_cache.all();
        let due = wanted.iter().filter(|w| !waiting.contains(&w.subject) && !shelf.has_lasting(w, now));
        Ok(due.cloned().collect())
    }

    /// Gets one certificate, unless somebody is at it already or was a moment ago, and writes down what
    /// came of it; whether that was done.
    pub(super) async fn try_certificate(&self, wanted: &CertificateSpec, acme: &AcmeSettings) -> bool {
        let Some(_mine) = self.order_locks.begin(&wanted.subject) else { return false };
        let done = self.try_due_certificate(wanted, acme).await;
        if let Err(error) = &done {
            tracing::error!(subject = %wanted.subject, error = error.for_operator(), "how a certificate's order stands could not be read or written down");
        }
        done.is_ok()
    }

    async fn try_due_certificate(&self, wanted: &CertificateSpec, acme: &AcmeSettings) -> Result<()> {
        let now = self.core.clock.now();
        let known =
            certificate_orders::order_get(&self.core.db, &wanted.subject).await?.unwrap_or_else(|| wanted.untried(now));
        if waits(&known, now) || self.certificate_cache.all().has_lasting(wanted, now) {
            return Ok(());
        }
        let Err(failure) = self.obtain_certificate(wanted, acme, &known).await else { return Ok(()) };
        tracing::warn!(subject = %wanted.subject, why = failure.detail, "no certificate yet");
        self.record_failure(wanted, failure, &known).await
    }

    /// Lets what is paused be tried again at once, unless the authority itself asked for the pause.
    pub(crate) async fn retry_now(&self, subject: &CertName) -> Result<()> {
        let now = self.core.clock.now();
        let body = async |tx: &stoa_db::Tx| {
            let order = certificate_orders::order_lock(tx, subject).await?;
            if order.is_some_and(|order| !order.detail.as_deref().is_some_and(is_asked)) {
                certificate_orders::order_due(tx, subject, now).await?;
            }
            Ok::<_, DbError>(())
        };
        Ok(self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await?)
    }

    /// A pause of its own counts as no failure: what is only waited for was not refused, and the first
    /// refusal after it shall not cost a day.
    async fn record_failure(&self, wanted: &CertificateSpec, failure: Failure, known: &CertificateOrder) -> Result<()> {
        let now = self.core.clock.now();
        let failures = known.failures.saturating_add(u32::from(failure.wait.is_none()));
        let mut chance = [0];
        random::fill(&mut chance);
        let wait = failure.wait.unwrap_or_else(|| pause(failures, failure.refused));
        let next_at = now + wait + wait / 10 * i32::from(chance[0]) / 255;
        let failure = &failure;
        let body = async |tx: &stoa_db::Tx| {
            if failure.refused {
                certificate_orders::try_note(tx, &wanted.subject, now, Attempt::Failed).await?;
            }
            let stands = certificate_orders::order_lock(tx, &wanted.subject).await?.unwrap_or_else(|| known.clone());
            // Who has asked for another try since this one began need not wait, if the authority lets him.
            let is_hurried =
                !is_asked(&failure.detail) && stands.next_at.as_millisecond() != known.next_at.as_millisecond();
            let order = CertificateOrder {
                names: wanted.names.clone(),
                failures,
                next_at: if is_hurried { stands.next_at.min(next_at) } else { next_at },
                problem: Some(failure.words.clone()),
                detail: Some(failure.detail.clone()),
                updated_at: if stands.problem.is_some() { stands.updated_at } else { now },
                ..stands
            };
            certificate_orders::order_put(tx, &order).await
        };
        Ok(self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await?)
    }
}
