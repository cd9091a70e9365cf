//! Which certificates are due, one try to get each of them, and what is written down when it fails.
//!
//! The row of an order is changed by two: by the try that is under way, and by whoever asks for
//! another one sooner. So each reads it under a lock, and changes only what is his.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    DbError,
    certificate_orders::{self, Attempt, CertificateOrder},
};
use stoa_model::certificate::CertName;

use super::{
    allowance::pause,
    wanted::Wanted,
    words::{Failure, is_asked},
};
use crate::{Control, Result, random, settings::AcmeSettings};

/// No pause is longer: an authority may say seven days, and a little is added. What says more was
/// written while the clock was ahead.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(8 * 24);

fn waits(order: &CertificateOrder, now: Timestamp) -> bool {
    order.next_at > now && order.next_at <= now + LONGEST
}

impl Wanted {
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

impl Control {
    pub(super) async fn certificates_due(&self, wanted: &[Wanted]) -> Result<Vec<Wanted>> {
        let (now, orders) = (self.clock.now(), certificate_orders::orders_all(&self.db).await?);
        let waiting: HashSet<CertName> = orders.into_iter().filter(|o| waits(o, now)).map(|o| o.subject).collect();
        let shelf = self.shelf.all();
        let due = wanted.iter().filter(|w| !waiting.contains(&w.subject) && !shelf.has_lasting(w, now));
        Ok(due.cloned().collect())
    }

    /// Gets one certificate, unless somebody is at it already or was a moment ago, and writes down what
    /// came of it; whether that was done.
    pub(super) async fn certificate_try(&self, wanted: &Wanted, acme: &AcmeSettings) -> bool {
        let Some(_mine) = self.ordering.begin(&wanted.subject) else { return false };
        let done = self.certificate_try_due(wanted, acme).await;
        if let Err(error) = &done {
            tracing::error!(subject = %wanted.subject, error = error.for_operator(), "how a certificate's order stands could not be read or written down");
        }
        done.is_ok()
    }

    async fn certificate_try_due(&self, wanted: &Wanted, acme: &AcmeSettings) -> Result<()> {
        let now = self.clock.now();
        let known =
            certificate_orders::order_get(&self.db, &wanted.subject).await?.unwrap_or_else(|| wanted.untried(now));
        if waits(&known, now) || self.shelf.all().has_lasting(wanted, now) {
            return Ok(());
        }
        let Err(failure) = self.certificate_obtain(wanted, acme, &known).await else { return Ok(()) };
        tracing::warn!(subject = %wanted.subject, why = failure.detail, "no certificate yet");
        self.certificate_failed(wanted, failure, &known).await
    }

    /// Lets what is paused be tried again at once, unless the authority itself asked for the pause.
    pub(crate) async fn certificate_hasten(&self, subject: &CertName) -> Result<()> {
        let now = self.clock.now();
        let body = async |tx: &stoa_db::Tx| {
            let order = certificate_orders::order_lock(tx, subject).await?;
            if order.is_some_and(|order| !order.detail.as_deref().is_some_and(is_asked)) {
                certificate_orders::order_due(tx, subject, now).await?;
            }
            Ok::<_, DbError>(())
        };
        Ok(self.db.write(|tx| Box::pin(async move { body(&tx).await })).await?)
    }

    /// A pause of its own counts as no failure: what is only waited for was not refused, and the first
    /// refusal after it shall not cost a day.
    async fn certificate_failed(&self, wanted: &Wanted, failure: Failure, known: &CertificateOrder) -> Result<()> {
        let now = self.clock.now();
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
        Ok(self.db.write(|tx| Box::pin(async move { body(&tx).await })).await?)
    }
}
