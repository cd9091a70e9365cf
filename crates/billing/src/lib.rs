//! Billing: plans and prices, who has subscribed to what, and what follows for sites.
//!
//! Money and running sites can't drift apart, because nothing here remembers what a site may do: [`effect`] computes it from
//! the subscription and the time ([`access`](stoa_model::billing::access::access)), writes down what it found, and puts
//! it into effect; a reconciler does the same for every subscription whose date has come.

mod change_plan;
mod checkout;
pub mod command;
mod effect;
mod mail;
mod order;
mod plan_changes;
mod plans;
pub mod stripe;
mod subscriptions;
pub mod view;

use std::{ops::Deref, sync::Arc};

use stoa_core::Core;
use stoa_integrations::stripe::Stripe;
use stoa_model::secret::SecretString;
use stoa_sites::Sites;

pub use change_plan::{ChangeLine, ChangePreview, Changed};
pub use order::{Placed, RegisteredOrder};
pub use stoa_db::billing::subscriptions::SubscriptionFilter;

/// The operator's account at Stripe.
pub struct StripeAccount {
    /// Makes calls.
    pub client: Stripe,
    /// What its webhooks are signed with; several while one is replaced.
    pub webhook_secrets: Vec<SecretString>,
}

/// The billing service. Cheap to clone.
#[derive(Clone)]
pub struct Billing(Arc<Inner>);

/// What all methods share.
pub struct Inner {
    core: Core,
    sites: Sites,
    stripe: Option<Stripe>,
    webhook_secrets: Vec<SecretString>,
}

impl Deref for Billing {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Billing {
    /// A service over these areas; with Stripe, it collects what customers order.
    pub fn new(core: Core, sites: Sites, stripe: Option<StripeAccount>) -> Self {
        let (stripe, webhook_secrets) = match stripe {
            Some(StripeAccount { client, webhook_secrets }) => (Some(client), webhook_secrets),
            None => (None, Vec::new()),
        };
        Self(Arc::new(Inner { core, sites, stripe, webhook_secrets }))
    }
}
