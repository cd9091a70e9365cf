//! Billing: plans and prices, who has subscribed to what, and what follows for sites.
//!
//! Money and running sites can't drift apart, because nothing here remembers what a site may do: [`effect`] computes it from
//! the subscription and the time ([`access`](stoa_model::billing::access::access)), writes down what it found, and puts
//! it into effect; a reconciler does the same for every subscription whose date has come.

mod checkout;
pub mod command;
mod effect;
mod mail;
mod order;
mod plan_changes;
mod plans;
mod subscriptions;
pub mod view;

use std::{ops::Deref, sync::Arc};

use stoa_core::Core;
use stoa_sites::Sites;

pub use order::{Placed, RegisteredOrder};
pub use stoa_db::billing::subscriptions::SubscriptionFilter;

/// The billing service. Cheap to clone.
#[derive(Clone)]
pub struct Billing(Arc<Inner>);

/// What all methods share.
pub struct Inner {
    core: Core,
    sites: Sites,
}

impl Deref for Billing {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Billing {
    /// A service over these areas.
    pub fn new(core: Core, sites: Sites) -> Self {
        Self(Arc::new(Inner { core, sites }))
    }
}
