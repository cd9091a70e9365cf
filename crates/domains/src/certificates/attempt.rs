//! Which certificates are due, one attempt to obtain each, and the record of its failure.
//!
//! Both the attempt in progress and a request to retry sooner change the row of an order. So each reads it under a
//! lock, and changes only its own columns.

use crate::Domains;
use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    DbError,
    certificate_orders::{self, Attempt, CertificateOrder},
};
use stoa_model::certificate::CertName;

use super::{
    failure::{Failure, is_requested_by_authority, refused_at},
    issuance_limits::retry_delay,
    spec::CertificateSpec,
};
use stoa_core::{Result, random, random::short_hash, settings::AcmeSettings};

/// Maximum delay before the next attempt: an authority may ask for seven days, and we add some jitter. A later time
/// was written while the clock was ahead, and is ignored.
pub(super) const MAX_RETRY_DELAY: SignedDuration = SignedDuration::from_hours(8 * 24);

fn is_waiting(order: &CertificateOrder, now: Timestamp) -> bool {
    order.next_at > now && order.next_at <= now + MAX_RETRY_DELAY
}

/// The name of the lease under which a certificate is ordered. A hash, because names of leases are short.
pub(super) fn order_lease(subject: &CertName) -> String {
    format!("order {}", short_hash(&subject.to_string()))
}

impl CertificateSpec {
    /// Its order before the first attempt.
    fn new_order(&self, now: Timestamp) -> CertificateOrder {
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
        let waiting: HashSet<CertName> = orders.into_iter().filter(|o| is_waiting(o, now)).map(|o| o.subject).collect();
        let cached = self.certificate_cache.all();
        let due = wanted.iter().filter(|w| !waiting.contains(&w.subject) && !cached.has_current(w, now));
        Ok(due.cloned().collect())
    }

    /// Tries to obtain one certificate, unless an attempt is in progress or was just made, and records the outcome.
    /// Returns whether the outcome was recorded.
    pub(super) async fn try_certificate(&self, wanted: &CertificateSpec, acme: &AcmeSettings) -> bool {
        let done = match self.core.leases.acquire_exclusive(&order_lease(&wanted.subject)).await {
            Ok(Some(lease)) => tokio::select! {
                // Another process may be ordering it by now.
                () = lease.lost.cancelled() => return false,
                tried = self.try_due_certificate(wanted, acme) => tried,
            },
            Ok(None) => return false,
            Err(error) => Err(error),
        };
        if let Err(error) = &done {
            tracing::error!(subject = %wanted.subject, error = error.for_operator(), "cannot read or record the state of a certificate order");
        }
        done.is_ok()
    }

    /// Whether a process is ordering this certificate.
    pub(super) async fn is_being_ordered(&self, subject: &CertName) -> Result<bool> {
        self.core.leases.is_held(&order_lease(subject)).await
    }

    async fn try_due_certificate(&self, wanted: &CertificateSpec, acme: &AcmeSettings) -> Result<()> {
        let now = self.core.clock.now();
        let known = certificate_orders::order_get(&self.core.db, &wanted.subject)
            .await?
            .unwrap_or_else(|| wanted.new_order(now));
        if is_waiting(&known, now) || self.certificate_cache.all().has_current(wanted, now) {
            return Ok(());
        }
        let Err(mut failure) = self.obtain_certificate(wanted, acme, &known).await else { return Ok(()) };
        // Whatever fails meanwhile, such as our own connection, the addresses of a refusal are known until it is over.
        if let (Some(addresses), None) = (known.detail.as_deref().and_then(refused_at), refused_at(&failure.detail))
            && !is_requested_by_authority(&failure.detail)
        {
            failure = failure.refused_at(addresses);
        }
        tracing::warn!(subject = %wanted.subject, why = failure.detail, "cannot obtain a certificate yet");
        self.record_failure(wanted, failure, &known).await
    }

    /// Ends the delay before the next attempt, unless the authority requested it.
    pub(crate) async fn retry_now(&self, subject: &CertName) -> Result<()> {
        let now = self.core.clock.now();
        let body = async |tx: &stoa_db::Tx| {
            let order = certificate_orders::order_lock(tx, subject).await?;
            if order.is_some_and(|order| !order.detail.as_deref().is_some_and(is_requested_by_authority)) {
                certificate_orders::order_due(tx, subject, now).await?;
            }
            Ok::<_, DbError>(())
        };
        Ok(self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await?)
    }

    /// A failure with its own delay is not counted: it is not a refusal, and must not lengthen the delay after the
    /// first refusal.
    async fn record_failure(&self, wanted: &CertificateSpec, failure: Failure, known: &CertificateOrder) -> Result<()> {
        let now = self.core.clock.now();
        let failures = known.failures.saturating_add(u32::from(failure.wait.is_none()));
        let mut jitter = [0];
        random::fill(&mut jitter);
        let wait = failure.wait.unwrap_or_else(|| retry_delay(failures, failure.refused));
        let wait = match self.remaining(wanted, now) {
            Some(remaining) if !is_requested_by_authority(&failure.detail) => remaining.bound(wait),
            _ => wait,
        };
        let next_at = now + wait + wait / 10 * i32::from(jitter[0]) / 255;
        let failure = &failure;
        let body = async |tx: &stoa_db::Tx| {
            if failure.refused {
                certificate_orders::try_note(tx, &wanted.subject, now, Attempt::Failed).await?;
            }
            let current = certificate_orders::order_lock(tx, &wanted.subject).await?.unwrap_or_else(|| known.clone());
            // A retry that was requested since this attempt began need not wait, unless the authority requires it.
            let retry_requested = !is_requested_by_authority(&failure.detail)
                && current.next_at.as_millisecond() != known.next_at.as_millisecond();
            let order = CertificateOrder {
                names: wanted.names.clone(),
                failures,
                next_at: if retry_requested { current.next_at.min(next_at) } else { next_at },
                problem: Some(failure.message.clone()),
                detail: Some(failure.detail.clone()),
                updated_at: if current.problem.is_some() { current.updated_at } else { now },
                ..current
            };
            certificate_orders::order_put(tx, &order).await
        };
        Ok(self.core.db.write(|tx| Box::pin(async move { body(&tx).await })).await?)
    }
}
