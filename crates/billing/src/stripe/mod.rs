//! What Stripe collects. Stripe owns the facts about money; we copy them, and decide what they entitle to ourselves.
//!
//! Nothing is read from what an event says: it only says where to look. Whatever comes, in whatever order and however
//! often, ends in the same: the object is fetched again, and written down unless a later look at it already was ([`sync`]).

pub(crate) mod catalog;
mod mismatches;
mod pages;
mod paid;
mod sync;
mod watch;
mod webhook;

use stoa_core::{Error, Result};
use stoa_integrations::stripe::{Stripe, StripeError, StripeFailure};
use stoa_model::billing::money::Money;

pub use catalog::PriceDifference;
pub use mismatches::{MismatchKind, MismatchView};
pub(crate) use pages::LIFETIME as SESSION_LIFETIME;
pub use sync::SyncStripe;
pub use webhook::WebhookRefused;

use crate::Billing;

impl Billing {
    /// Whether Stripe collects what is ordered.
    pub fn has_stripe(&self) -> bool {
        self.stripe.is_some()
    }

    /// The client, if there is one.
    pub(crate) fn stripe(&self) -> Result<&Stripe> {
        self.stripe.as_ref().ok_or_else(|| Error::Conflict("Payments by card are not set up here.".into()))
    }
}

/// A failed call, for who waits for it.
pub(crate) fn unavailable(error: StripeError) -> Error {
    let message = match error.failure {
        StripeFailure::Temporary => "The payment service can't be reached right now. Please try again in a minute.",
        StripeFailure::Refused if error.code.as_deref() == Some("card_declined") => {
            return Error::Conflict("The card was declined. Use another card under Billing, and try again.".into());
        }
        StripeFailure::NotFound | StripeFailure::Key | StripeFailure::Refused | StripeFailure::Shape => {
            "The payment service refused this. We have noted it; please contact us if it stays so."
        }
    };
    tracing::warn!(error = %error, "a call to Stripe failed");
    Error::Unavailable { message: message.into(), source: error.into() }
}

/// What Stripe has; `None` if it is gone there, such as a draft that was deleted: then there is nothing to copy.
pub(crate) fn found<T>(answer: std::result::Result<T, StripeError>) -> Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.failure == StripeFailure::NotFound => {
            tracing::warn!(%error, "an object is gone at Stripe");
            Ok(None)
        }
        Err(error) => Err(unavailable(error)),
    }
}

/// An amount as Stripe says it.
pub(crate) fn money(minor: i64, currency: &str) -> Result<Money> {
    let currency = currency.parse().map_err(|error: String| Error::internal(format!("Stripe: {error}")))?;
    Ok(Money { minor, currency })
}
