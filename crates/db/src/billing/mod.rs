//! Plans, subscriptions, checkouts, payments, and what Stripe has said.

pub mod checkouts;
pub mod mismatches;
pub mod payments;
pub mod plans;
pub mod stripe;
pub mod subscriptions;
