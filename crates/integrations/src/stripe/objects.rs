//! Stripe's objects, with the fields that we need. A field that is missing is an error: what Stripe moves must not pass
//! as nothing. Values of open lists, such as a status, are texts, as Stripe adds to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A page of a list.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct List<T> {
    pub data: Vec<T>,
    pub has_more: bool,
}

/// An id, or the object with that id where it was expanded.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    maybe_id(deserializer)?.ok_or_else(|| serde::de::Error::custom("an id is missing"))
}

fn maybe_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(id) => Ok(Some(id)),
        object => object["id"]
            .as_str()
            .map(|id| Some(id.to_owned()))
            .ok_or_else(|| serde::de::Error::custom("neither an id nor an object with one")),
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::from_second(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn maybe_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let seconds = Option::<i64>::deserialize(deserializer)?;
    seconds.map(Timestamp::from_second).transpose().map_err(serde::de::Error::custom)
}

/// What was attached to an object when it was made.
pub type Metadata = BTreeMap<String, String>;

/// Something that has only an id for us.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Reference {
    pub id: String,
    #[serde(default)]
    pub deleted: bool,
}

/// A checkout session (<https://docs.stripe.com/api/checkout/sessions/object>).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// `open`, `complete` or `expired`.
    pub status: String,
    /// `unpaid`, `paid` or `no_payment_required`.
    pub payment_status: String,
    /// Where to pay, while it is open.
    pub url: Option<String>,
    /// Our id of the order.
    pub client_reference_id: Option<String>,
    /// Who pays.
    #[serde(deserialize_with = "maybe_id")]
    pub customer: Option<String>,
    /// The subscription that came of it.
    #[serde(deserialize_with = "maybe_id")]
    pub subscription: Option<String>,
}

impl Session {
    /// Whether its money has come, or none is due yet.
    pub fn is_paid(&self) -> bool {
        self.status == "complete" && matches!(self.payment_status.as_str(), "paid" | "no_payment_required")
    }
}

/// A subscription (<https://docs.stripe.com/api/subscriptions/object>).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Its status, in Stripe's words.
    pub status: String,
    /// Who pays.
    #[serde(deserialize_with = "id")]
    pub customer: String,
    /// What was attached when it was made.
    pub metadata: Metadata,
    /// Whether it ends with its period.
    pub cancel_at_period_end: bool,
    /// When it will end, if that is decided.
    #[serde(deserialize_with = "maybe_time")]
    pub cancel_at: Option<Timestamp>,
    /// When it ended.
    #[serde(deserialize_with = "maybe_time")]
    pub ended_at: Option<Timestamp>,
    /// When it was made.
    #[serde(deserialize_with = "time")]
    pub created: Timestamp,
    #[serde(rename = "items")]
    item_list: Items,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Items {
    data: Vec<SubscriptionItem>,
}

/// What is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SubscriptionItem {
    /// Its id.
    pub id: String,
    /// The price.
    pub price: Price,
    /// Begin of the period that is paid or due.
    #[serde(deserialize_with = "time")]
    pub current_period_start: Timestamp,
    /// Its end.
    #[serde(deserialize_with = "time")]
    pub current_period_end: Timestamp,
}

impl Subscription {
    /// The one thing that ours are about; `None` if somebody has added another one at Stripe.
    pub fn item(&self) -> Option<&SubscriptionItem> {
        match self.item_list.data.as_slice() {
            [item] => Some(item),
            _ => None,
        }
    }

    /// When it will end, however that was decided.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.cancel_at.or_else(|| self.item().filter(|_| self.cancel_at_period_end).map(|item| item.current_period_end))
    }
}

/// A price (<https://docs.stripe.com/api/prices/object>).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Price {
    /// Its id.
    pub id: String,
    /// Whether it can be bought.
    pub active: bool,
    /// Its product.
    #[serde(deserialize_with = "id")]
    pub product: String,
    /// Code of the currency, in lower case.
    pub currency: String,
    /// The amount in smallest units; `None` for amounts with fractions of them.
    pub unit_amount: Option<i64>,
    /// Our id of the price.
    pub lookup_key: Option<String>,
}

/// A product (<https://docs.stripe.com/api/products/object>).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: String,
    /// Its name on invoices.
    pub name: String,
    /// Whether it is sold.
    pub active: bool,
    /// What was attached to it.
    pub metadata: Metadata,
}

/// An invoice (<https://docs.stripe.com/api/invoices/object>).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Invoice {
    /// Its id.
    pub id: String,
    /// Its number, once it is final.
    pub number: Option<String>,
    /// `draft`, `open`, `paid`, `void` or `uncollectible`.
    pub status: Option<String>,
    /// Code of the currency, in lower case.
    pub currency: String,
    /// What was paid, in smallest units.
    pub amount_paid: i64,
    /// What is still to be paid.
    pub amount_remaining: i64,
    /// Where it can be looked at and paid.
    pub hosted_invoice_url: Option<String>,
    /// When it was made.
    #[serde(deserialize_with = "time")]
    pub created: Timestamp,
    status_transitions: Transitions,
    parent: Option<Parent>,
    lines: Lines,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Transitions {
    #[serde(deserialize_with = "maybe_time")]
    paid_at: Option<Timestamp>,
    #[serde(deserialize_with = "maybe_time")]
    finalized_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct SubscriptionDetails {
    #[serde(deserialize_with = "id")]
    subscription: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Lines {
    data: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Line {
    amount: i64,
    #[serde(default)]
    description: Option<String>,
    period: Period,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Period {
    #[serde(deserialize_with = "time")]
    start: Timestamp,
    #[serde(deserialize_with = "time")]
    end: Timestamp,
}

impl Invoice {
    /// The subscription that it is for.
    pub fn subscription(&self) -> Option<&str> {
        let details = self.parent.as_ref()?.subscription_details.as_ref()?;
        Some(&details.subscription)
    }

    /// Whether it was paid.
    pub fn is_paid(&self) -> bool {
        self.status.as_deref() == Some("paid")
    }

    /// When it was paid.
    pub fn paid_at(&self) -> Option<Timestamp> {
        self.status_transitions.paid_at
    }

    /// Since when it is to be paid.
    pub fn due_since(&self) -> Timestamp {
        self.status_transitions.finalized_at.unwrap_or(self.created)
    }

    /// The latest period that it is for.
    pub fn period(&self) -> (Timestamp, Option<Timestamp>) {
        let latest = self.lines.data.iter().map(|line| &line.period).max_by_key(|period| period.end);
        latest.map_or((self.created, None), |period| (period.start, Some(period.end)))
    }
}

/// What an invoice would say (<https://docs.stripe.com/api/invoices/create_preview>).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Preview {
    /// Code of the currency, in lower case.
    pub currency: String,
    /// The sum of its lines; negative: kept for the next invoices.
    pub total: i64,
    lines: Lines,
}

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewLine {
    /// In Stripe's words.
    pub text: String,
    /// In smallest units; negative for what is given back.
    pub amount: i64,
}

impl Preview {
    /// Its lines.
    pub fn lines(&self) -> Vec<PreviewLine> {
        let line =
            |line: &Line| PreviewLine { text: line.description.clone().unwrap_or_default(), amount: line.amount };
        self.lines.data.iter().map(line).collect()
    }
}

/// A payment of an invoice (<https://docs.stripe.com/api/invoice-payment/object>).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InvoicePayment {
    /// The invoice.
    #[serde(deserialize_with = "id")]
    pub invoice: String,
}

/// Money that was given back (<https://docs.stripe.com/api/refunds/object>).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: String,
    /// In smallest units.
    pub amount: i64,
    /// Code of the currency, in lower case.
    pub currency: String,
    /// `pending`, `succeeded`, `failed` or others.
    pub status: Option<String>,
    /// What is given back.
    #[serde(deserialize_with = "maybe_id")]
    pub payment_intent: Option<String>,
    /// When it was made.
    #[serde(deserialize_with = "time")]
    pub created: Timestamp,
}

/// An event (<https://docs.stripe.com/api/events/object>). What its object was then only says where to look.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Such as `invoice.paid`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is about real money.
    pub livemode: bool,
    /// When it happened.
    #[serde(deserialize_with = "time")]
    pub created: Timestamp,
    data: EventData,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct EventData {
    object: EventObject,
}

/// The object that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EventObject {
    /// Its id; previews have none.
    #[serde(default)]
    pub id: Option<String>,
    /// What it is, such as `invoice`.
    pub object: String,
}

impl Event {
    /// The object that it is about.
    pub fn object(&self) -> &EventObject {
        &self.data.object
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_moved_field_is_an_error_and_an_expanded_object_is_its_id() {
        let mut subscription = json!({
            "id": "sub_1", "status": "future_status", "customer": { "id": "cus_1", "object": "customer" },
            "metadata": {}, "cancel_at_period_end": true, "cancel_at": null, "ended_at": null, "created": 1,
            "items": { "data": [{
                "id": "si_1", "current_period_start": 1, "current_period_end": 2,
                "price": { "id": "price_1", "active": true, "product": "prod_1", "currency": "eur", "unit_amount": 1,
                    "lookup_key": null },
            }]},
        });
        let read: Subscription = serde_json::from_value(subscription.clone()).expect("a subscription");
        assert_eq!((read.customer.as_str(), read.ends_at().map(Timestamp::as_second)), ("cus_1", Some(2)));
        let item = &mut subscription["items"]["data"][0];
        item.as_object_mut().expect("an item").remove("current_period_end");
        let error = serde_json::from_value::<Subscription>(subscription).expect_err("a field is missing").to_string();
        assert!(error.contains("current_period_end"), "{error}");
    }
}
