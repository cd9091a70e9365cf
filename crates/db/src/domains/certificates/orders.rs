//! How getting a certificate stands, per subject: what goes wrong, when it is tried again, and the
//! order that is under way. Beside it every try is counted, as authorities limit them.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    UpdateMany,
    sea_query::{Expr, OnConflict},
};
use stoa_model::{certificate::CertName, secret::Sealed};

pub use super::acme_accounts::{acme_account_get, acme_account_put};
use crate::{
    Conn, DbError, Tx,
    codec::{REPORT, Row, ms, words},
    db::Raw,
    entity::{certificate_orders, certificate_tries},
};

/// How getting one certificate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateOrder {
    /// The first of its names; there is one order per subject.
    pub subject: CertName,
    /// All names that it shall be for.
    pub names: Vec<CertName>,
    /// Failures in a row.
    pub failures: u32,
    /// Not to be tried again before this time.
    pub next_at: Timestamp,
    /// What is wrong, in words for the customer.
    pub problem: Option<String>,
    /// What is wrong, for the operator.
    pub detail: Option<String>,
    /// Where the order lies at the authority, while one is under way.
    pub order_url: Option<String>,
    /// The private key of the order that is under way.
    pub key: Option<Sealed>,
    /// Since when there is a problem; without one, when this was last changed.
    pub updated_at: Timestamp,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// An order was made.
    Ordered,
    /// The authority refused.
    Failed,
    /// It issued a certificate.
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

/// How getting the certificate of this subject stands. What can't be read is logged and counts as
/// nothing: it is written anew by the next try.
///
/// # Errors
/// If the database doesn't answer.
pub async fn order_get(c: &impl Conn, subject: &CertName) -> Result<Option<CertificateOrder>, DbError> {
    let row = certificate_orders::Entity::find_by_id(subject.to_string()).one(c.raw()).await?;
    Ok(row.and_then(readable))
}

/// As [`order_get`]; nobody else changes it until this transaction ends.
///
/// # Errors
/// If the database doesn't answer.
pub async fn order_lock(tx: &Tx, subject: &CertName) -> Result<Option<CertificateOrder>, DbError> {
    let row = certificate_orders::Entity::find_by_id(subject.to_string()).lock_exclusive().one(tx.raw()).await?;
    Ok(row.and_then(readable))
}

/// All of them by subject. One that can't be read is logged and left out: it must not take the
/// others down.
///
/// # Errors
/// If the database doesn't answer.
pub async fn orders_all(c: &impl Conn) -> Result<Vec<CertificateOrder>, DbError> {
    let all = certificate_orders::Entity::find().order_by_asc(certificate_orders::Column::Subject);
    Ok(all.all(c.raw()).await?.into_iter().filter_map(readable).collect())
}

fn readable(row: certificate_orders::Model) -> Option<CertificateOrder> {
    from_row(row).inspect_err(|error| tracing::error!(%error, "how a certificate's order stands is left out")).ok()
}

/// Stores how it stands, in place of what was stored for this subject.
///
/// # Errors
/// If the database doesn't answer.
pub async fn order_put(tx: &Tx, order: &CertificateOrder) -> Result<(), DbError> {
    use certificate_orders::Column;
    let row = certificate_orders::Model {
        subject: order.subject.to_string(),
        names: serde_json::json!(order.names).to_string(),
        failures: order.failures.into(),
        next_at: ms(order.next_at),
        problem: order.problem.as_deref().map(|text| words(text, REPORT)),
        detail: order.detail.as_deref().map(|text| words(text, REPORT)),
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
    let over = OnConflict::column(Column::Subject).update_columns(replaced).to_owned();
    let insert = certificate_orders::Entity::insert(row.into_active_model()).on_conflict(over);
    insert.exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Sets when it is tried again, and nothing else; whether there is such a subject.
///
/// # Errors
/// If the database doesn't answer.
pub async fn order_due(tx: &Tx, subject: &CertName, at: Timestamp) -> Result<bool, DbError> {
    let due = update(subject).col_expr(certificate_orders::Column::NextAt, Expr::value(ms(at)));
    Ok(due.exec(tx.raw()).await?.rows_affected > 0)
}

/// Forgets the order that is under way, if there is one, and nothing else that is known.
///
/// # Errors
/// If the database doesn't answer.
pub async fn order_lost(tx: &Tx, subject: &CertName) -> Result<(), DbError> {
    use certificate_orders::Column;
    let none = || Expr::value(None::<String>);
    update(subject).col_expr(Column::OrderUrl, none()).col_expr(Column::SealedKey, none()).exec(tx.raw()).await?;
    Ok(())
}

fn update(subject: &CertName) -> UpdateMany<certificate_orders::Entity> {
    certificate_orders::Entity::update_many().filter(certificate_orders::Column::Subject.eq(subject.to_string()))
}

/// Forgets a subject, if it is there; its tries stay counted.
///
/// # Errors
/// If the database doesn't answer.
pub async fn order_forget(tx: &Tx, subject: &CertName) -> Result<(), DbError> {
    certificate_orders::Entity::delete_by_id(subject.to_string()).exec(tx.raw()).await?;
    Ok(())
}

/// Counts a try.
///
/// # Errors
/// If the database doesn't answer.
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

/// How many tries of this subject, or of all, had this outcome at `since` or later.
///
/// # Errors
/// If the database doesn't answer.
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

/// Forgets the tries before `from`, and those after `to`, which were counted while the clock was ahead.
///
/// # Errors
/// If the database doesn't answer.
pub async fn tries_prune(tx: &Tx, from: Timestamp, to: Timestamp) -> Result<(), DbError> {
    let over = Condition::any()
        .add(certificate_tries::Column::AtMs.lt(ms(from)))
        .add(certificate_tries::Column::AtMs.gt(ms(to)));
    certificate_tries::Entity::delete_many().filter(over).exec(tx.raw()).await?;
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
