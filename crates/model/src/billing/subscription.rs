//! Subscriptions: who pays for which site, and how far that has come. For those that Stripe charges, these are copies of
//! what Stripe says; for the others, staff write down what was paid.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{CustomerId, PlanId, PriceId, SiteId, SubscriptionId},
    site::words,
};

words! {
    /// Who collects the money.
    Provider, "payment provider" {
        /// Stripe.
        Stripe = "stripe",
        /// The operator, by invoice; staff mark payments.
        Manual = "manual",
        /// Nobody: it costs nothing.
        Free = "free",
    }
}

impl Provider {
    /// The words on screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stripe => "Stripe",
            Self::Manual => "Collected by us",
            Self::Free => "Free",
        }
    }
}

words! {
    /// How a subscription stands, in Stripe's words (<https://docs.stripe.com/api/subscriptions/object>).
    SubscriptionStatus, "status of a subscription" {
        /// The first payment is under way; nothing is owed to the customer yet.
        Incomplete = "incomplete",
        /// The first payment never came.
        IncompleteExpired = "incomplete_expired",
        /// In its trial.
        Trialing = "trialing",
        /// Paid.
        Active = "active",
        /// A payment has failed or is late.
        PastDue = "past_due",
        /// Stripe has given up collecting, and the subscription goes on.
        Unpaid = "unpaid",
        /// A trial ended without a means of payment.
        Paused = "paused",
        /// Ended.
        Canceled = "canceled",
    }
}

impl SubscriptionStatus {
    /// Whether it has ended for good.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }

    /// The word on screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Incomplete => "Waiting for the first payment",
            Self::IncompleteExpired => "Never paid",
            Self::Trialing => "Trial",
            Self::Active => "Active",
            Self::PastDue => "Payment overdue",
            Self::Unpaid => "Unpaid",
            Self::Paused => "Paused",
            Self::Canceled => "Ended",
        }
    }
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Who pays.
    pub customer: CustomerId,
    /// The site that it is for; `None` while it could not be created.
    pub site: Option<SiteId>,
    /// The plan.
    pub plan: PlanId,
    /// The plan's version that was bought.
    pub plan_version: u32,
    /// The price that was bought.
    pub price: PriceId,
    /// Who collects.
    pub provider: Provider,
    /// Its id at Stripe.
    pub stripe_id: Option<String>,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// Begin of the period that is paid or due.
    pub period_start: Timestamp,
    /// End of that period; `None` for what is free.
    pub period_end: Option<Timestamp>,
    /// Since when a payment is owed: the day the oldest unpaid invoice was due.
    pub past_due_since: Option<Timestamp>,
    /// When it will end, if that is decided.
    pub cancel_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
}
