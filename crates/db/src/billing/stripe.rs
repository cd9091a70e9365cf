//! What Stripe has said: events as they came, whose customer is whose, and who fetched an object last.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use stoa_model::id::CustomerId;

use crate::{
    Conn, DbError, Tx,
    codec::ms,
    db::Raw,
    entity::{stripe_customers, stripe_events, stripe_objects},
};

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeEvent {
    /// Stripe's id.
    pub id: String,
    /// Its type, such as `invoice.paid`.
    pub kind: String,
    /// Id of the object that it is about.
    pub object: String,
    /// When it happened.
    pub created_at: Timestamp,
}

/// Keeps an event; `false` if it came before.
pub async fn event_insert(tx: &Tx, event: &StripeEvent, now: Timestamp) -> Result<bool, DbError> {
    if stripe_events::Entity::find_by_id(event.id.as_str()).one(tx.raw()).await?.is_some() {
        return Ok(false);
    }
    let row = stripe_events::Model {
        id: event.id.clone(),
        kind: event.kind.clone(),
        object: event.object.clone(),
        created_at: ms(event.created_at),
        received_at: ms(now),
    };
    let ignore = OnConflict::column(stripe_events::Column::Id).do_nothing_on([stripe_events::Column::Id]).to_owned();
    stripe_events::Entity::insert(row.into_active_model()).on_conflict(ignore).exec_without_returning(tx.raw()).await?;
    Ok(true)
}

/// Whether an event came.
pub async fn event_is_known(c: &impl Conn, id: &str) -> Result<bool, DbError> {
    Ok(stripe_events::Entity::find_by_id(id).one(c.raw()).await?.is_some())
}

/// Deletes events that came before `before`.
pub async fn events_prune(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let old = stripe_events::Entity::delete_many().filter(stripe_events::Column::ReceivedAt.lt(ms(before)));
    Ok(old.exec(tx.raw()).await?.rows_affected)
}

/// Counts that an object is about to be fetched, and returns the number: what was fetched may be written only if
/// [`fetch_written`] says that nothing was written which somebody began to fetch later.
pub async fn fetch_begin(tx: &Tx, object: &str) -> Result<i64, DbError> {
    let ignore = OnConflict::column(stripe_objects::Column::Id).do_nothing_on([stripe_objects::Column::Id]).to_owned();
    let row = stripe_objects::Model { id: object.to_owned(), epoch: 0, written: 0 };
    let insert = stripe_objects::Entity::insert(row.into_active_model()).on_conflict(ignore);
    insert.exec_without_returning(tx.raw()).await?;
    let count = stripe_objects::Entity::update_many()
        .col_expr(stripe_objects::Column::Epoch, Expr::col(stripe_objects::Column::Epoch).add(1_i64));
    count.filter(stripe_objects::Column::Id.eq(object)).exec(tx.raw()).await?;
    let now = stripe_objects::Entity::find_by_id(object).one(tx.raw()).await?;
    Ok(now.ok_or(DbError::Missing("stripe_objects"))?.epoch)
}

/// Counts that what was fetched as number `epoch` is written in this transaction; `false` if what somebody began to fetch
/// later is written already. Who begins and dies keeps nobody from writing.
pub async fn fetch_written(tx: &Tx, object: &str, epoch: i64) -> Result<bool, DbError> {
    let write = stripe_objects::Entity::update_many()
        .col_expr(stripe_objects::Column::Written, Expr::value(epoch))
        .filter(stripe_objects::Column::Id.eq(object))
        .filter(stripe_objects::Column::Written.lt(epoch));
    Ok(write.exec(tx.raw()).await?.rows_affected == 1)
}

/// Writes down whose a customer of Stripe is; the first answer stays.
pub async fn stripe_customer_put(tx: &Tx, id: &str, customer: CustomerId, now: Timestamp) -> Result<(), DbError> {
    let row = stripe_customers::Model { stripe_id: id.to_owned(), customer: customer.uuid(), created_at: ms(now) };
    let ignore = OnConflict::column(stripe_customers::Column::StripeId)
        .do_nothing_on([stripe_customers::Column::StripeId])
        .to_owned();
    let insert = stripe_customers::Entity::insert(row.into_active_model()).on_conflict(ignore);
    insert.exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Whose a customer of Stripe is.
pub async fn customer_at_stripe(c: &impl Conn, id: &str) -> Result<Option<CustomerId>, DbError> {
    let found = stripe_customers::Entity::find_by_id(id).one(c.raw()).await?;
    Ok(found.map(|row| CustomerId::from_uuid(row.customer)))
}

/// The id at Stripe of a customer: the last of them.
pub async fn stripe_customer_of(c: &impl Conn, customer: CustomerId) -> Result<Option<String>, DbError> {
    let all = stripe_customers::Entity::find().filter(stripe_customers::Column::Customer.eq(customer.uuid()));
    let last = all.order_by_desc(stripe_customers::Column::CreatedAt).limit(1).one(c.raw()).await?;
    Ok(last.map(|row| row.stripe_id))
}
