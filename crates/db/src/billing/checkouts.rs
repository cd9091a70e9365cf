//! Checkouts: orders that wait for their first payment, with their names reserved meanwhile.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use serde_json::Value;
use stoa_model::{
    host::Hostname,
    id::{CheckoutId, CustomerId, PlanId, PriceId, SiteId},
    text::EmailAddress,
};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::checkouts,
};

/// How far a checkout has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutState {
    /// It waits for its payment.
    Open,
    /// It was paid.
    Paid,
    /// It was given up, by the customer or because its time was over.
    Expired,
}

impl fmt::Display for CheckoutState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Expired => "expired",
        })
    }
}

impl FromStr for CheckoutState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Open, Self::Paid, Self::Expired]
            .into_iter()
            .find(|state| state.to_string() == text)
            .ok_or_else(|| format!("{text:?} is no state of a checkout"))
    }
}

/// An order that waits for its first payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkout {
    /// Its id.
    pub id: CheckoutId,
    /// Who orders; `None` for somebody without an account, who gets one once they have paid.
    pub customer: Option<CustomerId>,
    /// Their e-mail address.
    pub email: EmailAddress,
    /// The name that is reserved.
    pub hostname: Hostname,
    /// What was ordered; secrets in it are sealed.
    pub order: Value,
    /// The plan.
    pub plan: PlanId,
    /// Its version.
    pub plan_version: u32,
    /// The price.
    pub price: PriceId,
    /// How far it has come.
    pub state: CheckoutState,
    /// Id of the session at Stripe.
    pub session: Option<String>,
    /// Where the customer pays.
    pub url: Option<String>,
    /// The site that came of it.
    pub site: Option<SiteId>,
    /// When it began.
    pub created_at: Timestamp,
    /// Until when the name is reserved.
    pub expires_at: Timestamp,
}

/// Inserts a checkout and reserves its name.
///
/// # Errors
/// `Conflict(ReservedHostname)` if another one has reserved it.
pub async fn checkout_insert(tx: &Tx, checkout: &Checkout) -> Result<(), DbError> {
    checkouts::Entity::insert(to_row(checkout).into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Replaces a checkout. Read it in the same transaction, with [`checkout_lock`].
pub async fn checkout_update(tx: &Tx, checkout: &Checkout) -> Result<(), DbError> {
    checkouts::Entity::update(to_row(checkout).into_active_model().reset_all()).exec(tx.raw()).await?;
    Ok(())
}

/// A checkout by id.
pub async fn checkout_get(c: &impl Conn, id: CheckoutId) -> Result<Option<Checkout>, DbError> {
    checkouts::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(from_row).transpose()
}

/// Reads a checkout and keeps others from changing it until the transaction ends.
pub async fn checkout_lock(tx: &Tx, id: CheckoutId) -> Result<Option<Checkout>, DbError> {
    checkouts::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx.raw()).await?.map(from_row).transpose()
}

/// The open checkout that has reserved this name.
pub async fn checkout_of_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<Checkout>, DbError> {
    let open = checkouts::Entity::find().filter(checkouts::Column::OpenHostname.eq(hostname.as_str()));
    open.one(c.raw()).await?.map(from_row).transpose()
}

/// A customer's checkouts, the newest first; only those that wait, if `open`.
pub async fn checkouts_of(c: &impl Conn, customer: CustomerId, open: bool) -> Result<Vec<Checkout>, DbError> {
    let mut found = checkouts::Entity::find().filter(checkouts::Column::Customer.eq(customer.uuid()));
    if open {
        found = found.filter(checkouts::Column::OpenHostname.is_not_null());
    }
    found.order_by_desc(checkouts::Column::Id).all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// Deletes a customer's checkouts.
pub async fn checkouts_delete_of(tx: &Tx, customer: CustomerId) -> Result<(), DbError> {
    let all = checkouts::Entity::delete_many().filter(checkouts::Column::Customer.eq(customer.uuid()));
    all.exec(tx.raw()).await?;
    Ok(())
}

/// Checkouts that wait for their payment, the oldest first, at most `limit`.
pub async fn checkouts_open(c: &impl Conn, limit: u64) -> Result<Vec<Checkout>, DbError> {
    let open = checkouts::Entity::find().filter(checkouts::Column::OpenHostname.is_not_null());
    open.order_by_asc(checkouts::Column::Id).limit(limit).all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// A checkout by its session at Stripe.
pub async fn checkout_of_session(c: &impl Conn, session: &str) -> Result<Option<Checkout>, DbError> {
    let found = checkouts::Entity::find().filter(checkouts::Column::Session.eq(session));
    found.one(c.raw()).await?.map(from_row).transpose()
}

/// Open checkouts whose time was over at `now`, at most `limit`.
pub async fn checkouts_overdue(c: &impl Conn, now: Timestamp, limit: u64) -> Result<Vec<Checkout>, DbError> {
    let open = checkouts::Entity::find()
        .filter(checkouts::Column::OpenHostname.is_not_null())
        // What is paid is owed a site.
        .filter(checkouts::Column::State.eq(CheckoutState::Open.to_string()))
        .filter(checkouts::Column::ExpiresAt.lte(ms(now)));
    open.order_by_asc(checkouts::Column::Id).limit(limit).all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// Checkouts that are paid and have no site yet, the oldest first, at most `limit`.
pub async fn checkouts_paid_without_site(c: &impl Conn, limit: u64) -> Result<Vec<Checkout>, DbError> {
    let owed = checkouts::Entity::find()
        .filter(checkouts::Column::OpenHostname.is_not_null())
        .filter(checkouts::Column::State.eq(CheckoutState::Paid.to_string()));
    owed.order_by_asc(checkouts::Column::Id).limit(limit).all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// Writes down the session at Stripe of an open checkout, which lasts as long.
pub async fn checkout_session(
    tx: &Tx,
    id: CheckoutId,
    session: &str,
    url: &str,
    until: Timestamp,
) -> Result<(), DbError> {
    let known = checkouts::Entity::update_many()
        .col_expr(checkouts::Column::Session, Expr::value(session))
        .col_expr(checkouts::Column::Url, Expr::value(url))
        .col_expr(checkouts::Column::ExpiresAt, Expr::value(ms(until)));
    known.filter(checkouts::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

fn to_row(of: &Checkout) -> checkouts::Model {
    let hostname = of.hostname.as_str().to_owned();
    checkouts::Model {
        id: of.id.uuid(),
        customer: of.customer.map(CustomerId::uuid),
        email: of.email.as_str().to_owned(),
        open_hostname: (of.site.is_none() && of.state != CheckoutState::Expired).then(|| hostname.clone()),
        hostname,
        site_order: of.order.to_string(),
        plan: of.plan.uuid(),
        plan_version: of.plan_version.into(),
        price: of.price.uuid(),
        state: of.state.to_string(),
        session: of.session.clone(),
        url: of.url.clone(),
        site: of.site.map(SiteId::uuid),
        created_at: ms(of.created_at),
        expires_at: ms(of.expires_at),
    }
}

fn from_row(row: checkouts::Model) -> Result<Checkout, DbError> {
    let id = CheckoutId::from_uuid(row.id);
    let read = Row { table: "checkouts", id: &id };
    Ok(Checkout {
        id,
        customer: row.customer.map(CustomerId::from_uuid),
        email: EmailAddress::parse(&row.email).map_err(|why| read.bad(why))?,
        hostname: read.host(&row.hostname)?,
        order: read.json(&row.site_order)?,
        plan: PlanId::from_uuid(row.plan),
        plan_version: read.number(row.plan_version)?,
        price: PriceId::from_uuid(row.price),
        state: read.parse(&row.state)?,
        session: row.session,
        url: row.url,
        site: row.site.map(SiteId::from_uuid),
        created_at: read.time(row.created_at)?,
        expires_at: read.time(row.expires_at)?,
    })
}
