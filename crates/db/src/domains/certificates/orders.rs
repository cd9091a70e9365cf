//! Certificate orders by subject: the pending ACME order, the last problem, and when to try again. Every
//! attempt is also recorded, because certificate authorities limit their number.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, UpdateMany,
    sea_query::{Expr, OnConflict},
};
use stoa_model::{certificate::CertName, id::CustomerId, secret::Sealed};

pub use super::acme_accounts::{acme_account_get, acme_account_put};
use crate::{
    Conn, DbError, Tx,
    codec::{MAX_TEXT_BYTES, Row, clip, ms},
    db::Raw,
    entity::{certificate_orders, certificate_tries, domains, hostnames, sites},
};

/// State of obtaining one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateOrder {
    /// The first of its names, and the key: there is one row per subject.
    pub subject: CertName,
    /// All names to be certified.
    pub names: Vec<CertName>,
    /// Consecutive failures.
    pub failures: u32,
    /// Earliest time of the next attempt.
    pub next_at: Timestamp,
    /// The last problem, worded for the customer.
    pub problem: Option<String>,
    /// The last problem, for the operator.
    pub detail: Option<String>,
    /// URL of the pending ACME order.
    pub order_url: Option<String>,
    /// Private key of the pending order.
    pub key: Option<Sealed>,
    /// Since when there has been a problem; without one, when the row last changed.
    pub updated_at: Timestamp,
}

/// Outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// An order was placed.
    Ordered,
    /// The authority rejected it.
    Failed,
    /// The authority issued a certificate.
    Issued,
}

impl Attempt {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Failed => "failed",
            Self::Issued => "issued",
        }
    }
}

/// The order of a subject. A row that can't be read is logged and treated as absent; the next attempt
/// overwrites it.
pub async fn order_get(c: &impl Conn, subject: &CertName) -> Result<Option<CertificateOrder>, DbError> {
    let row = certificate_orders::Entity::find_by_id(subject.to_string()).one(c.raw()).await?;
    Ok(row.and_then(readable))
}

/// The orders of these subjects, as [`order_get`] reads them.
pub async fn orders_of(c: &impl Conn, subjects: &[CertName]) -> Result<Vec<CertificateOrder>, DbError> {
    let names = subjects.iter().map(ToString::to_string);
    let found = certificate_orders::Entity::find().filter(certificate_orders::Column::Subject.is_in(names));
    Ok(found.all(c.raw()).await?.into_iter().filter_map(readable).collect())
}

/// Like [`order_get`], and locks the row until the transaction ends.
pub async fn order_lock(tx: &Tx, subject: &CertName) -> Result<Option<CertificateOrder>, DbError> {
    let row = certificate_orders::Entity::find_by_id(subject.to_string()).lock_exclusive().one(tx.raw()).await?;
    Ok(row.and_then(readable))
}

/// All orders by subject. A row that can't be read is logged and left out, so that it doesn't block the
/// others.
pub async fn orders_all(c: &impl Conn) -> Result<Vec<CertificateOrder>, DbError> {
    let all = certificate_orders::Entity::find().order_by_asc(certificate_orders::Column::Subject);
    Ok(all.all(c.raw()).await?.into_iter().filter_map(readable).collect())
}

fn readable(row: certificate_orders::Model) -> Option<CertificateOrder> {
    from_row(row).inspect_err(|error| tracing::error!(%error, "skipped a certificate order that can't be read")).ok()
}

/// Inserts or replaces the order of a subject.
pub async fn order_put(tx: &Tx, order: &CertificateOrder) -> Result<(), DbError> {
    use certificate_orders::Column;
    let row = certificate_orders::Model {
        subject: order.subject.to_string(),
        names: serde_json::json!(order.names).to_string(),
        failures: order.failures.into(),
        next_at: ms(order.next_at),
        problem: order.problem.as_deref().map(|text| clip(text, MAX_TEXT_BYTES)),
        detail: order.detail.as_deref().map(|text| clip(text, MAX_TEXT_BYTES)),
        order_url: order.order_url.clone(),
        sealed_key: order.key.as_ref().map(|key| key.0.clone()),
        updated_at: ms(order.updated_at),
    };
    let replaced = [
        Column::Names,
        Column::Failures,
        Column::NextAt,
        Column::Problem,
        Column::Detail,
        Column::OrderUrl,
        Column::SealedKey,
        Column::UpdatedAt,
    ];
    let upsert = OnConflict::column(Column::Subject).update_columns(replaced).to_owned();
    let insert = certificate_orders::Entity::insert(row.into_active_model()).on_conflict(upsert);
    insert.exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Sets only the time of the next attempt, and returns whether the subject exists.
pub async fn order_due(tx: &Tx, subject: &CertName, at: Timestamp) -> Result<bool, DbError> {
    let due = update(subject).col_expr(certificate_orders::Column::NextAt, Expr::value(ms(at)));
    Ok(due.exec(tx.raw()).await?.rows_affected > 0)
}

/// Clears only the pending ACME order and its key; idempotent.
pub async fn order_lost(tx: &Tx, subject: &CertName) -> Result<(), DbError> {
    use certificate_orders::Column;
    let none = || Expr::value(None::<String>);
    update(subject).col_expr(Column::OrderUrl, none()).col_expr(Column::SealedKey, none()).exec(tx.raw()).await?;
    Ok(())
}

fn update(subject: &CertName) -> UpdateMany<certificate_orders::Entity> {
    certificate_orders::Entity::update_many().filter(certificate_orders::Column::Subject.eq(subject.to_string()))
}

/// Deletes the order of a subject; idempotent. Its attempts stay counted.
pub async fn order_forget(tx: &Tx, subject: &CertName) -> Result<(), DbError> {
    certificate_orders::Entity::delete_by_id(subject.to_string()).exec(tx.raw()).await?;
    Ok(())
}

/// Records an attempt.
pub async fn try_note(tx: &Tx, subject: &CertName, now: Timestamp, what: Attempt) -> Result<(), DbError> {
    let row = certificate_tries::ActiveModel {
        seq: NotSet,
        subject: Set(subject.to_string()),
        at_ms: Set(ms(now)),
        outcome: Set(what.as_str().to_owned()),
    };
    certificate_tries::Entity::insert(row).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Number of attempts with this outcome at or after `since`, of one subject or of all.
pub async fn tries_since(
    c: &impl Conn,
    subject: Option<&CertName>,
    what: Attempt,
    since: Timestamp,
) -> Result<u64, DbError> {
    let mut tries = certificate_tries::Entity::find()
        .filter(certificate_tries::Column::Outcome.eq(what.as_str()))
        .filter(certificate_tries::Column::AtMs.gte(ms(since)));
    if let Some(subject) = subject {
        tries = tries.filter(certificate_tries::Column::Subject.eq(subject.to_string()));
    }
    Ok(tries.count(c.raw()).await?)
}

/// Like [`tries_since`], of all names that the customer's sites have, and that the customer ever claimed.
pub async fn tries_of_customer_since(
    c: &impl Conn,
    customer: CustomerId,
    what: Attempt,
    since: Timestamp,
) -> Result<u64, DbError> {
    let claimed = domains::Entity::find()
        .select_only()
        .column(domains::Column::Name)
        .filter(domains::Column::Customer.eq(customer.uuid()));
    let of_customer = sites::Entity::find()
        .select_only()
        .column(sites::Column::Id)
        .filter(sites::Column::Customer.eq(customer.uuid()));
    let routed = hostnames::Entity::find()
        .select_only()
        .column(hostnames::Column::Hostname)
        .filter(hostnames::Column::Site.in_subquery(of_customer.into_query()));
    let subject = certificate_tries::Column::Subject;
    let tries = certificate_tries::Entity::find()
        .filter(certificate_tries::Column::Outcome.eq(what.as_str()))
        .filter(certificate_tries::Column::AtMs.gte(ms(since)))
        .filter(subject.in_subquery(claimed.into_query()).or(subject.in_subquery(routed.into_query())));
    Ok(tries.count(c.raw()).await?)
}

/// Deletes attempts before `from`, and those after `to`, which were recorded while the clock was ahead.
pub async fn tries_prune(tx: &Tx, from: Timestamp, to: Timestamp) -> Result<(), DbError> {
    let outside = Condition::any()
        .add(certificate_tries::Column::AtMs.lt(ms(from)))
        .add(certificate_tries::Column::AtMs.gt(ms(to)));
    certificate_tries::Entity::delete_many().filter(outside).exec(tx.raw()).await?;
    Ok(())
}

fn from_row(row: certificate_orders::Model) -> Result<CertificateOrder, DbError> {
    let read = Row { table: "certificate_orders", id: &row.subject };
    Ok(CertificateOrder {
        subject: read.parse(&row.subject)?,
        names: read.json(&row.names)?,
        failures: read.number(row.failures)?,
        next_at: read.time(row.next_at)?,
        problem: row.problem,
        detail: row.detail,
        order_url: row.order_url,
        key: row.sealed_key.map(Sealed),
        updated_at: read.time(row.updated_at)?,
    })
}
