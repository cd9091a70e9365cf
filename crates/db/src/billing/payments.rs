//! Payments: money that came, written down once.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict};
use stoa_model::{
    billing::{money::Money, subscription::Provider},
    id::{CustomerId, PaymentId, SubscriptionId},
};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, clip, ms},
    db::Raw,
    entity::payments,
};

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// What it was for.
    pub subscription: SubscriptionId,
    /// Who has paid.
    pub customer: CustomerId,
    /// How much.
    pub money: Money,
    /// Who has collected it.
    pub provider: Provider,
    /// What staff wrote down to find it again, such as the bank's reference.
    pub reference: String,
    /// The invoice's id at Stripe.
    pub stripe_id: Option<String>,
    /// Who has written it down.
    pub actor: String,
    /// The period that it pays for.
    pub period_start: Timestamp,
    /// Its end.
    pub period_end: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Timestamp,
}

/// Writes a payment down; `false` if Stripe's invoice is written down already.
pub async fn payment_insert(tx: &Tx, payment: &Payment) -> Result<bool, DbError> {
    if let Some(id) = &payment.stripe_id {
        let known = payments::Entity::find().filter(payments::Column::StripeId.eq(id)).one(tx.raw()).await?;
        if known.is_some() {
            return Ok(false);
        }
    }
    let row = payments::Model {
        id: payment.id.uuid(),
        subscription: payment.subscription.uuid(),
        customer: payment.customer.uuid(),
        amount: payment.money.minor,
        currency: payment.money.currency.code().to_owned(),
        provider: payment.provider.to_string(),
        reference: clip(&payment.reference, 255),
        stripe_id: payment.stripe_id.clone(),
        actor: clip(&payment.actor, 64),
        period_start: ms(payment.period_start),
        period_end: payment.period_end.map(ms),
        paid_at: ms(payment.paid_at),
    };
    // Another process may be writing the same invoice down at this moment.
    let ignore = OnConflict::column(payments::Column::StripeId).do_nothing_on([payments::Column::Id]).to_owned();
    let insert = payments::Entity::insert(row.into_active_model()).on_conflict(ignore);
    insert.exec_without_returning(tx.raw()).await?;
    let mine = payments::Entity::find_by_id(payment.id.uuid()).one(tx.raw()).await?;
    Ok(mine.is_some())
}

/// A customer's payments, the latest first, at most `limit`.
pub async fn payments_of(c: &impl Conn, customer: CustomerId, limit: u64) -> Result<Vec<Payment>, DbError> {
    let all = payments::Entity::find().filter(payments::Column::Customer.eq(customer.uuid()));
    let latest = all.order_by_desc(payments::Column::Id).limit(limit).all(c.raw()).await?;
    latest.into_iter().map(payment).collect()
}

fn payment(row: payments::Model) -> Result<Payment, DbError> {
    let id = PaymentId::from_uuid(row.id);
    let read = Row { table: "payments", id: &id };
    Ok(Payment {
        id,
        subscription: SubscriptionId::from_uuid(row.subscription),
        customer: CustomerId::from_uuid(row.customer),
        money: Money { minor: row.amount, currency: read.parse(&row.currency)? },
        provider: read.parse(&row.provider)?,
        reference: row.reference,
        stripe_id: row.stripe_id,
        actor: row.actor,
        period_start: read.time(row.period_start)?,
        period_end: read.maybe_time(row.period_end)?,
        paid_at: read.time(row.paid_at)?,
    })
}
