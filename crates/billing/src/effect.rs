//! Puts into effect what subscriptions entitle to. What a site may do is computed from its subscription and the time, and
//! never remembered elsewhere; each step can be repeated, so that a process that dies in between leaves only work for the
//! next one.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use stoa_core::{Error, RequestContext, Result, Wakeup, random};
use stoa_db::{
    accounts,
    billing::subscriptions::{
        Entitlement, Held, entitlement_begin, subscription_get, subscription_lock, subscription_update,
        subscriptions_due, subscriptions_of_deleted_sites, subscriptions_of_leaving_sites,
    },
    history, sites, tasks,
};
use stoa_model::{
    billing::{
        access::{Access, AccessFacts, DunningPeriods, access, letter, next_change, owed_since},
        subscription::{Provider, Subscription, SubscriptionStatus},
    },
    id::SubscriptionId,
    site::{Lifecycle, SuspensionReason},
};
use stoa_sites::command::Suspend;

use crate::{Billing, mail};

/// A site that can't be changed right now, because a job works on it, is looked at again after this time.
const BUSY_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// How many subscriptions one run looks at.
const BATCH: u64 = 500;

/// What decides about the access of a subscription.
pub(crate) fn facts(of: &Subscription) -> AccessFacts {
    AccessFacts {
        provider: of.provider,
        status: of.status,
        period_end: of.period_end,
        past_due_since: of.past_due_since,
        cancel_at: of.cancel_at,
    }
}

/// See [`access`].
pub(crate) fn access_at(facts: &AccessFacts, periods: &DunningPeriods, now: Timestamp) -> Access {
    access(facts, periods, now)
}

impl Billing {
    /// Puts into effect what has changed by the time alone: payments that are late, subscriptions that end, sites that are
    /// gone.
    ///
    /// # Errors
    /// If the database does not answer. A site that can't be changed is tried again.
    pub async fn reconcile_subscriptions(&self) -> Result<()> {
        let cx = self.core.system_context("subscriptions");
        for id in subscriptions_of_deleted_sites(&self.core.db, BATCH).await? {
            if let Err(error) = self.end(&cx, id, "the site was deleted").await {
                tracing::warn!(subscription = %id, error = error.for_operator(), "a subscription can't be ended; will retry");
            }
        }
        for id in subscriptions_of_leaving_sites(&self.core.db, BATCH).await? {
            if let Err(error) = self.stop_charging(&cx, id).await {
                tracing::warn!(subscription = %id, error = error.for_operator(), "a subscription can't be cancelled; will retry");
            }
        }
        for id in subscriptions_due(&self.core.db, cx.now, BATCH).await? {
            if let Err(error) = self.put_into_effect(&cx, id, "time").await {
                tracing::warn!(subscription = %id, error = error.for_operator(), "a subscription can't be put into effect; will retry");
            }
        }
        Ok(())
    }

    /// Computes what a subscription entitles to now, writes it down with the letters that are due, and changes its site.
    pub(crate) async fn put_into_effect(&self, cx: &RequestContext, id: SubscriptionId, cause: &str) -> Result<()> {
        // First: what is written down of the access names the plan, whose limits must be in force by then.
        let held = subscription_get(&self.core.db, id).await?.ok_or(Error::NotFound("subscription"))?;
        self.apply_terms(cx, &held, cause).await?;
        let held = self.write_access(cx, id, cause).await?;
        self.core.bus.wake(Wakeup::Tasks);
        let done = self.change_site(&held).await?;
        let periods = self.core.settings.billing.dunning;
        let next =
            if done { next_change(&facts(&held.subscription), &periods, cx.now) } else { Some(cx.now + BUSY_PAUSE) };
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let now = subscription_lock(&tx, id).await?.ok_or(Error::NotFound("subscription"))?;
                    // Whoever has changed it meanwhile has set their own time, and looks themselves.
                    if now.check_at == Some(stored(cx.now)) {
                        subscription_update(&tx, &Held { check_at: next, ..now }).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// What is written stays due, until the site was changed as well.
    async fn write_access(&self, cx: &RequestContext, id: SubscriptionId, cause: &str) -> Result<Held> {
        let periods = &self.core.settings.billing.dunning;
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let mut held = subscription_lock(&tx, id).await?.ok_or(Error::NotFound("subscription"))?;
                    settle_status(&mut held.subscription, cx.now);
                    let facts = facts(&held.subscription);
                    let (now_access, now_letter) = (access(&facts, periods, cx.now), letter(&facts, periods, cx.now));
                    if let Some(site) = held.subscription.site.filter(|_| now_access != held.access) {
                        let begins = Entitlement {
                            site,
                            subscription: id,
                            plan: held.subscription.plan,
                            plan_version: held.subscription.plan_version,
                            access: now_access,
                            cause: cause.to_owned(),
                            from: cx.now,
                            to: None,
                        };
                        entitlement_begin(&tx, random::uuid_at(cx.now), &begins).await?;
                        let detail = json!({ "from": held.access, "to": now_access, "cause": cause, "site": site });
                        history::audit(&tx, &cx.audit("subscription.access", id, detail)).await?;
                    }
                    if let Some(due) = now_letter.filter(|due| held.letter.is_none_or(|sent| sent < *due)) {
                        let to = accounts::customer_get(&*tx, held.subscription.customer).await?;
                        let site = match held.subscription.site {
                            Some(site) => sites::site_get(&*tx, site).await?,
                            None => None,
                        };
                        if let (Some(to), Some(site)) = (to, site) {
                            let task = mail::overdue(&self.core, &held.subscription, &site, to.email, due, cx.now);
                            tasks::task_insert(&tx, &task.task, Some(&task.key)).await?;
                        }
                    }
                    (held.access, held.letter, held.check_at) = (now_access, now_letter, Some(stored(cx.now)));
                    subscription_update(&tx, &held).await?;
                    Ok::<_, Error>(held)
                })
            })
            .await
    }

    /// Stops or starts the site as the subscription says. `false` if that must wait.
    async fn change_site(&self, held: &Held) -> Result<bool> {
        let Some(id) = held.subscription.site else { return Ok(true) };
        let Some(site) = sites::site_get(&self.core.db, id).await? else { return Ok(true) };
        match site.lifecycle {
            Lifecycle::Deleted | Lifecycle::Failed => return Ok(true),
            Lifecycle::Pending | Lifecycle::Provisioning => return Ok(held.access.runs()),
            Lifecycle::Active | Lifecycle::Updating | Lifecycle::Deleting => {}
        }
        let cx = self.core.system_context("billing");
        let ours = site
            .suspensions
            .iter()
            .any(|known| known.reason == SuspensionReason::NonPayment && known.actor == cx.actor.to_string());
        let changed = match (held.access.runs(), ours) {
            (true, true) => self.sites.resume(&cx, id, Some(SuspensionReason::NonPayment)).await,
            (false, false) => {
                let note = match held.access {
                    Access::Ended => "Its subscription has ended. Its data is kept.",
                    _ => {
                        "A payment is overdue. Its data is kept, and it runs again as soon as the payment has arrived."
                    }
                };
                let command = Suspend { reason: SuspensionReason::NonPayment, note: note.into() };
                self.sites.suspend(&cx, id, command).await
            }
            (true, false) | (false, true) => return Ok(true),
        };
        match changed {
            Ok(_) => Ok(true),
            // A job works on it.
            Err(Error::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Nobody is charged for a site that is being deleted. Its subscription ends with its period, or goes on if the site is
    /// restored and the customer says so.
    async fn stop_charging(&self, cx: &RequestContext, id: SubscriptionId) -> Result<()> {
        let held = subscription_get(&self.core.db, id).await?.ok_or(Error::NotFound("subscription"))?;
        let Some(stripe_id) = held.subscription.stripe_id else { return Ok(()) };
        self.cancel_at_stripe(id, &stripe_id, true).await?;
        let event = &cx.audit("subscription.cancel", id, json!({ "cause": "the site is being deleted" }));
        Ok(self.core.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?)
    }

    /// Ends a subscription now. What Stripe collects is ended there.
    pub(crate) async fn end(&self, cx: &RequestContext, id: SubscriptionId, cause: &str) -> Result<()> {
        let held = subscription_get(&self.core.db, id).await?.ok_or(Error::NotFound("subscription"))?;
        if let (Provider::Stripe, Some(stripe_id)) = (held.subscription.provider, &held.subscription.stripe_id) {
            return self.end_at_stripe(stripe_id).await;
        }
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let mut held = subscription_lock(&tx, id).await?.ok_or(Error::NotFound("subscription"))?;
                    if held.subscription.status.has_ended() {
                        return Ok(());
                    }
                    (held.subscription.status, held.subscription.ended_at) =
                        (SubscriptionStatus::Canceled, Some(cx.now));
                    held.check_at = Some(cx.now);
                    subscription_update(&tx, &held).await?;
                    Ok::<_, Error>(
                        history::audit(&tx, &cx.audit("subscription.end", id, json!({ "cause": cause }))).await?,
                    )
                })
            })
            .await?;
        self.put_into_effect(cx, id, cause).await
    }
}

/// A time as the database keeps it, to compare it with what is read: in milliseconds.
fn stored(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// The status of what Stripe doesn't collect follows from its dates.
fn settle_status(of: &mut Subscription, now: Timestamp) {
    if of.provider == Provider::Stripe || of.status.has_ended() {
        return;
    }
    if let Some(at) = of.cancel_at.filter(|at| *at <= now) {
        (of.status, of.ended_at) = (SubscriptionStatus::Canceled, Some(at));
        return;
    }
    of.past_due_since = owed_since(&facts(of), now);
    of.status = match (of.past_due_since, of.status) {
        (Some(_), _) => SubscriptionStatus::PastDue,
        (None, SubscriptionStatus::PastDue) => SubscriptionStatus::Active,
        (None, status) => status,
    };
}
