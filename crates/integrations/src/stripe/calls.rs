//! The calls that we make.

use jiff::Timestamp;
use stoa_model::billing::plan::Interval;

use super::{
    client::Stripe,
    error::{StripeError, StripeFailure},
    form::Form,
    objects::{
        Event, Invoice, InvoicePayment, List, Preview, Price, Product, Reference, Refund, Session, Subscription,
    },
};

/// The most that Stripe lists at once.
const PAGE: usize = 100;

/// Who pays in a session.
#[derive(Debug, Clone, Copy)]
pub enum SessionFor<'a> {
    /// A customer of Stripe, by id.
    Customer(&'a str),
    /// Somebody who becomes one, by e-mail address.
    Email(&'a str),
}

/// A checkout session to make.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// Our id of the order. Session and subscription carry it.
    pub checkout: String,
    /// Who pays.
    pub payer: SessionFor<'a>,
    /// The price, by its id at Stripe.
    pub price: &'a str,
    /// Days before the first payment.
    pub trial_days: u16,
    /// Where to return after the payment.
    pub success_url: String,
    /// Where to return without one.
    pub cancel_url: String,
    /// Until when it can be paid: 30 minutes to 24 hours from now.
    pub expires_at: Timestamp,
}

/// Another price for a subscription.
#[derive(Debug, Clone, Copy)]
pub struct PlanChange<'a> {
    /// The subscription.
    pub subscription: &'a str,
    /// Its item.
    pub item: &'a str,
    /// The new price, by its id at Stripe.
    pub price: &'a str,
    /// When it is computed to change.
    pub at: Timestamp,
}

impl Stripe {
    /// Makes a customer.
    ///
    /// # Errors
    /// See [`StripeError`], as for all calls.
    pub async fn create_customer(&self, ours: &str, email: &str, name: &str, key: &str) -> Result<String, StripeError> {
        let form = Form::default().with("email", email).with("name", name).with("metadata[customer]", ours);
        Ok(self.post::<Reference>("/v1/customers", &form, key).await?.id)
    }

    /// Whether there is such a customer.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn has_customer(&self, id: &str) -> Result<bool, StripeError> {
        match self.get::<Reference>(&format!("/v1/customers/{id}"), &Form::default()).await {
            Ok(found) => Ok(!found.deleted),
            Err(error) if error.failure == StripeFailure::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a session.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn create_session(&self, new: &NewSession<'_>, key: &str) -> Result<Session, StripeError> {
        let (who, payer) = match new.payer {
            SessionFor::Customer(id) => ("customer", id),
            SessionFor::Email(email) => ("customer_email", email),
        };
        let form = Form::default()
            .with("mode", "subscription")
            .with(who, payer)
            .with("client_reference_id", &new.checkout)
            .with("line_items[0][price]", new.price)
            .with("line_items[0][quantity]", 1)
            .with("metadata[checkout]", &new.checkout)
            .with("subscription_data[metadata][checkout]", &new.checkout)
            .with("subscription_data[billing_mode][type]", "flexible")
            .maybe("subscription_data[trial_period_days]", Some(new.trial_days).filter(|days| *days > 0))
            .with("allow_promotion_codes", true)
            .with("success_url", &new.success_url)
            .with("cancel_url", &new.cancel_url)
            .with("expires_at", new.expires_at.as_second());
        self.post("/v1/checkout/sessions", &form, key).await
    }

    /// A session.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn session(&self, id: &str) -> Result<Session, StripeError> {
        self.get(&format!("/v1/checkout/sessions/{id}"), &Form::default()).await
    }

    /// Ends a session that is open.
    ///
    /// # Errors
    /// As for all calls; refused if it is not open.
    pub async fn expire_session(&self, id: &str, key: &str) -> Result<Session, StripeError> {
        self.post(&format!("/v1/checkout/sessions/{id}/expire"), &Form::default(), key).await
    }

    /// Where a customer changes cards and sees invoices, for a short time.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn portal(&self, customer: &str, return_url: &str, key: &str) -> Result<String, StripeError> {
        #[derive(serde::Deserialize)]
        struct Portal {
            url: String,
        }
        let form = Form::default().with("customer", customer).with("return_url", return_url);
        Ok(self.post::<Portal>("/v1/billing_portal/sessions", &form, key).await?.url)
    }

    /// A subscription.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn subscription(&self, id: &str) -> Result<Subscription, StripeError> {
        self.get(&format!("/v1/subscriptions/{id}"), &Form::default()).await
    }

    /// All subscriptions, those that have ended too.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, StripeError> {
        self.all("/v1/subscriptions", || Form::default().with("status", "all"), |of: &Subscription| &of.id).await
    }

    /// Ends a subscription with its period, or lets it go on.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn set_cancelled(&self, id: &str, ends: bool, key: &str) -> Result<Subscription, StripeError> {
        let form = Form::default().with("cancel_at_period_end", ends);
        // A date that the portal has set goes with it.
        let form = if ends { form } else { form.with("cancel_at", "") };
        self.post(&format!("/v1/subscriptions/{id}"), &form, key).await
    }

    /// Ends a subscription now, without giving money back.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn cancel_now(&self, id: &str, key: &str) -> Result<Subscription, StripeError> {
        self.delete(&format!("/v1/subscriptions/{id}"), key).await
    }

    /// What another price would cost: the next invoice with what is computed for the rest of the period.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn preview_change(&self, of: &PlanChange<'_>, key: &str) -> Result<Preview, StripeError> {
        let form = Form::default()
            .with("subscription", of.subscription)
            .with("subscription_details[items][0][id]", of.item)
            .with("subscription_details[items][0][price]", of.price)
            .with("subscription_details[proration_behavior]", "always_invoice")
            .with("subscription_details[proration_date]", of.at.as_second());
        self.post("/v1/invoices/create_preview", &form, key).await
    }

    /// Changes the price of a subscription, and charges the difference at once.
    ///
    /// # Errors
    /// As for all calls; refused if the payment fails, and then nothing is changed.
    pub async fn change_price(&self, of: &PlanChange<'_>, key: &str) -> Result<Subscription, StripeError> {
        let form = Form::default()
            .with("items[0][id]", of.item)
            .with("items[0][price]", of.price)
            .with("proration_behavior", "always_invoice")
            .with("proration_date", of.at.as_second())
            .with("payment_behavior", "error_if_incomplete");
        self.post(&format!("/v1/subscriptions/{}", of.subscription), &form, key).await
    }

    /// An invoice.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn invoice(&self, id: &str) -> Result<Invoice, StripeError> {
        self.get(&format!("/v1/invoices/{id}"), &Form::default()).await
    }

    /// The invoices of a subscription that are to be paid.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn open_invoices(&self, subscription: &str) -> Result<Vec<Invoice>, StripeError> {
        let query = || Form::default().with("subscription", subscription).with("status", "open");
        self.all("/v1/invoices", query, |invoice: &Invoice| &invoice.id).await
    }

    /// All invoices that were paid for a subscription.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn paid_invoices(&self, subscription: &str) -> Result<Vec<Invoice>, StripeError> {
        let query = || Form::default().with("subscription", subscription).with("status", "paid");
        self.all("/v1/invoices", query, |invoice: &Invoice| &invoice.id).await
    }

    /// A refund.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn refund(&self, id: &str) -> Result<Refund, StripeError> {
        self.get(&format!("/v1/refunds/{id}"), &Form::default()).await
    }

    /// What a payment has paid for.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn invoice_payments(&self, payment_intent: &str) -> Result<Vec<InvoicePayment>, StripeError> {
        let query =
            Form::default().with("payment[type]", "payment_intent").with("payment[payment_intent]", payment_intent);
        Ok(self.get::<List<InvoicePayment>>("/v1/invoice_payments", &query).await?.data)
    }

    /// Events since a time, the newest first. Stripe keeps them for 30 days.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn events_since(&self, since: Timestamp) -> Result<Vec<Event>, StripeError> {
        let query = || Form::default().with("created[gte]", since.as_second());
        self.all("/v1/events", query, |event: &Event| &event.id).await
    }

    /// A product; `None` if there is none.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn product(&self, id: &str) -> Result<Option<Product>, StripeError> {
        found(self.get(&format!("/v1/products/{id}"), &Form::default()).await)
    }

    /// Makes a product with this id.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn create_product(&self, id: &str, name: &str, slug: &str, key: &str) -> Result<Product, StripeError> {
        let form = Form::default().with("id", id).with("name", name).with("metadata[plan]", slug);
        self.post("/v1/products", &form, key).await
    }

    /// Changes name and state of a product.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn update_product(&self, id: &str, name: &str, active: bool, key: &str) -> Result<Product, StripeError> {
        let form = Form::default().with("name", name).with("active", active);
        self.post(&format!("/v1/products/{id}"), &form, key).await
    }

    /// A price; `None` if there is none.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn price(&self, id: &str) -> Result<Option<Price>, StripeError> {
        found(self.get(&format!("/v1/prices/{id}"), &Form::default()).await)
    }

    /// All prices of a product, the archived ones too.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn prices(&self, product: &str) -> Result<Vec<Price>, StripeError> {
        self.all("/v1/prices", || Form::default().with("product", product), |price: &Price| &price.id).await
    }

    /// Makes a price. `lookup` is our id of it.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn create_price(
        &self,
        product: &str,
        (minor, currency): (i64, &str),
        interval: Interval,
        lookup: &str,
        key: &str,
    ) -> Result<Price, StripeError> {
        let form = Form::default()
            .with("product", product)
            .with("currency", currency.to_ascii_lowercase())
            .with("unit_amount", minor)
            .with("recurring[interval]", interval)
            .with("lookup_key", lookup);
        self.post("/v1/prices", &form, key).await
    }

    /// Ends or begins the sale of a price; its amount can't be changed.
    ///
    /// # Errors
    /// As for all calls.
    pub async fn set_price_active(&self, id: &str, active: bool, key: &str) -> Result<Price, StripeError> {
        self.post(&format!("/v1/prices/{id}"), &Form::default().with("active", active), key).await
    }

    /// All of a list, page by page.
    async fn all<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        query: impl Fn() -> Form,
        id: impl Fn(&T) -> &String,
    ) -> Result<Vec<T>, StripeError> {
        let mut found: Vec<T> = Vec::new();
        loop {
            let query = query().with("limit", PAGE).maybe("starting_after", found.last().map(&id));
            let page: List<T> = self.get(path, &query).await?;
            let is_over = !page.has_more || page.data.is_empty();
            found.extend(page.data);
            if is_over {
                return Ok(found);
            }
        }
    }
}

fn found<T>(answer: Result<T, StripeError>) -> Result<Option<T>, StripeError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.failure == StripeFailure::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
