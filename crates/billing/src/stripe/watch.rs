//! Finds what no event has told: events that were not delivered, subscriptions that differ, orders whose time is over.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use stoa_core::{Error, Result};
use stoa_db::{
    billing::{
        stripe::{event_is_known, events_prune},
        subscriptions::{subscription_by_stripe_id, subscriptions_at_stripe},
    },
    meta::{meta_get, meta_set},
};

use super::{mismatches::Mismatch, sync::SyncObject, unavailable};
use crate::Billing;

/// When the events were last compared, in milliseconds since 1970.
const EVENTS_SEEN: &str = "stripe/events_seen";
/// When the subscriptions were last compared.
const SUBSCRIPTIONS_SEEN: &str = "stripe/subscriptions_seen";
/// So much earlier than the last time, so that an event which Stripe wrote down late isn't missed.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);
/// How often all subscriptions are compared.
const SUBSCRIPTIONS_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// As long as Stripe keeps events.
const EVENTS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Billing {
    /// Compares with Stripe: events each hour, subscriptions each day, owed sites always.
    ///
    /// # Errors
    /// If Stripe or the database does not answer.
    pub async fn reconcile_stripe(&self) -> Result<()> {
        if !self.has_stripe() {
            return Ok(());
        }
        self.make_owed_sites().await?;
        self.find_missed_events().await?;
        let now = self.core.clock.now();
        if self.seen(SUBSCRIPTIONS_SEEN).await?.is_none_or(|at| now.duration_since(at) >= SUBSCRIPTIONS_EVERY) {
            self.compare_subscriptions().await?;
            self.set_seen(SUBSCRIPTIONS_SEEN, now).await?;
        }
        Ok(())
    }

    async fn seen(&self, key: &str) -> Result<Option<Timestamp>> {
        let stored = meta_get(&self.core.db, key).await?;
        Ok(stored.and_then(|text| text.parse().ok()).and_then(|ms| Timestamp::from_millisecond(ms).ok()))
    }

    async fn set_seen(&self, key: &str, at: Timestamp) -> Result<()> {
        let value = &at.as_millisecond().to_string();
        Ok(self.core.db.write(|tx| Box::pin(async move { meta_set(&tx, key, value).await })).await?)
    }

    async fn find_missed_events(&self) -> Result<()> {
        let now = self.core.clock.now();
        let since = self.seen(EVENTS_SEEN).await?.unwrap_or(now) - OVERLAP;
        let mut missed = 0;
        for event in self.stripe()?.events_since(since).await.map_err(unavailable)?.iter().rev() {
            if !event_is_known(&self.core.db, &event.id).await? && self.note_event(event).await? {
                missed += 1;
            }
        }
        if missed > 0 {
            tracing::warn!(missed, "Stripe had events that were not delivered; is the webhook's address right?");
        }
        self.set_seen(EVENTS_SEEN, now).await?;
        let prune = self.core.db.write(|tx| Box::pin(async move { events_prune(&tx, now - EVENTS_KEPT).await }));
        prune.await?;
        Ok(())
    }

    /// Every subscription, on both sides.
    async fn compare_subscriptions(&self) -> Result<()> {
        let all = self.stripe()?.subscriptions().await.map_err(unavailable)?;
        let mut of_order: HashMap<&str, &str> = HashMap::new();
        for at in all.iter().rev() {
            let known = subscription_by_stripe_id(&self.core.db, &at.id).await?;
            let checkout = at.metadata.get("checkout").map(String::as_str);
            if known.is_none() && checkout.is_none() {
                continue;
            }
            let is_over = matches!(at.status.as_str(), "canceled" | "incomplete_expired" | "incomplete");
            if let Some(first) = checkout.filter(|_| !is_over).and_then(|order| of_order.insert(order, &at.id)) {
                let text = format!(
                    "Two subscriptions at Stripe are of one order: {first} and {}. Cancel the one without a site in Stripe's \
                     dashboard, and give its payment back.",
                    at.id
                );
                self.alarm(&Mismatch::double(&at.id, text)).await?;
            }
            if let Err(error) = self.sync_stripe(&SyncObject::Subscription(at.id.clone())).await {
                tracing::warn!(subscription = at.id, error = error.for_operator(), "can't be compared with Stripe");
            }
            if let Some(held) = subscription_by_stripe_id(&self.core.db, &at.id).await? {
                for invoice in self.stripe()?.paid_invoices(&at.id).await.map_err(unavailable)? {
                    self.note_invoice(&held, &invoice).await?;
                }
            }
        }
        for id in subscriptions_at_stripe(&self.core.db).await? {
            if !all.iter().any(|at| at.id == id) {
                self.sync_subscription(&id).await?;
            }
        }
        Ok::<_, Error>(())
    }
}
