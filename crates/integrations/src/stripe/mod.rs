//! Stripe: a thin client of the calls that we make, and the check of its webhooks' signatures.
//!
//! The API version is pinned, so that Stripe's changes reach us when we say so. Every write has an idempotency key: a
//! call whose answer was lost is repeated with the same key, and takes effect once.

mod calls;
mod client;
mod error;
mod form;
mod objects;
pub mod signature;

pub use calls::{NewSession, PlanChange, SessionFor};
pub use client::{Stripe, StripeConfig};
pub use error::{StripeError, StripeFailure};
pub use objects::{
    Event, EventObject, Invoice, InvoicePayment, Preview, PreviewLine, Price, Product, Refund, Session, Subscription,
    SubscriptionItem,
};

/// The version of the API whose shapes this client knows (<https://docs.stripe.com/changelog>).
pub const API_VERSION: &str = "2026-08-26.dahlia";
/// Stripe's own address.
pub const API_URL: &str = "https://api.stripe.com";
