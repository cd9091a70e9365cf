//! Plans, their versions, and prices.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use stoa_model::{
    billing::{
        money::Money,
        plan::{Plan, PlanSlug, PlanTerms, Price},
    },
    id::{PlanId, PriceId},
    text::PlanName,
};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::{plan_versions, plans, prices},
};

/// Inserts a plan with its first version.
///
/// # Errors
/// `Conflict(PlanSlug)` if another plan has its short name.
pub async fn plan_insert(tx: &Tx, plan: &Plan) -> Result<(), DbError> {
    let row = plans::Model {
        id: plan.id.uuid(),
        slug: plan.slug.as_str().to_owned(),
        blueprint: plan.blueprint.clone(),
        name: plan.name.as_str().to_owned(),
        description: plan.description.clone(),
        position: plan.position.into(),
        active: plan.is_active.into(),
        hidden: plan.is_hidden.into(),
        version: plan.version.into(),
        stripe_id: None,
        created_at: ms(plan.created_at),
    };
    plans::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    version_insert(tx, plan, plan.created_at).await
}

/// Changes everything of a plan but its short name and its blueprint. A new version number adds the version.
///
/// # Errors
/// `StaleWrite` if another version than `from` is sold.
pub async fn plan_update(tx: &Tx, plan: &Plan, from: u32, now: Timestamp) -> Result<(), DbError> {
    if plan.version != from {
        version_insert(tx, plan, now).await?;
    }
    let done = plans::Entity::update_many()
        .col_expr(plans::Column::Name, Expr::value(plan.name.as_str()))
        .col_expr(plans::Column::Description, Expr::value(plan.description.as_str()))
        .col_expr(plans::Column::Position, Expr::value(i64::from(plan.position)))
        .col_expr(plans::Column::Active, Expr::value(i64::from(plan.is_active)))
        .col_expr(plans::Column::Hidden, Expr::value(i64::from(plan.is_hidden)))
        .col_expr(plans::Column::Version, Expr::value(i64::from(plan.version)))
        .filter(plans::Column::Id.eq(plan.id.uuid()))
        .filter(plans::Column::Version.eq(i64::from(from)))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 { Err(DbError::stale_write("plans", plan.id, "of that version")) } else { Ok(()) }
}

async fn version_insert(tx: &Tx, plan: &Plan, now: Timestamp) -> Result<(), DbError> {
    let terms = serde_json::to_string(&plan.terms).map_err(|error| DbError::Other(error.into()))?;
    let version =
        plan_versions::Model { plan: plan.id.uuid(), version: plan.version.into(), terms, created_at: ms(now) };
    plan_versions::Entity::insert(version.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A plan as it is sold.
pub async fn plan_get(c: &impl Conn, id: PlanId) -> Result<Option<Plan>, DbError> {
    let found = plans::Entity::find_by_id(id.uuid()).one(c.raw()).await?;
    Ok(with_terms(c, found.into_iter().collect()).await?.pop())
}

/// Reads a plan as it is sold, and keeps others from changing it until the transaction ends.
pub async fn plan_lock(tx: &Tx, id: PlanId) -> Result<Option<Plan>, DbError> {
    let found = plans::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx.raw()).await?;
    Ok(with_terms(tx, found.into_iter().collect()).await?.pop())
}

/// A plan by its short name.
pub async fn plan_by_slug(c: &impl Conn, slug: &PlanSlug) -> Result<Option<Plan>, DbError> {
    let found = plans::Entity::find().filter(plans::Column::Slug.eq(slug.as_str())).one(c.raw()).await?;
    Ok(with_terms(c, found.into_iter().collect()).await?.pop())
}

/// All plans, in the order of the price list.
pub async fn plan_list(c: &impl Conn) -> Result<Vec<Plan>, DbError> {
    let rows = plans::Entity::find().order_by_asc(plans::Column::Blueprint).order_by_asc(plans::Column::Position);
    with_terms(c, rows.order_by_asc(plans::Column::Id).all(c.raw()).await?).await
}

/// What a version of a plan grants.
pub async fn plan_terms(c: &impl Conn, plan: PlanId, version: u32) -> Result<Option<PlanTerms>, DbError> {
    let found = plan_versions::Entity::find_by_id((plan.uuid(), i64::from(version))).one(c.raw()).await?;
    found.map(|row| Row { table: "plan_versions", id: &plan }.json(&row.terms)).transpose()
}

/// What each version of each plan grants.
pub async fn all_terms(c: &impl Conn) -> Result<Vec<((PlanId, u32), PlanTerms)>, DbError> {
    let read = |row: plan_versions::Model| {
        let plan = PlanId::from_uuid(row.plan);
        let read = Row { table: "plan_versions", id: &plan };
        Ok(((plan, read.number(row.version)?), read.json(&row.terms)?))
    };
    plan_versions::Entity::find().all(c.raw()).await?.into_iter().map(read).collect()
}

async fn with_terms(c: &impl Conn, rows: Vec<plans::Model>) -> Result<Vec<Plan>, DbError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = rows.iter().map(|row| row.id);
    let versions = plan_versions::Entity::find().filter(plan_versions::Column::Plan.is_in(ids)).all(c.raw()).await?;
    let terms_of =
        |row: &plans::Model| versions.iter().find(|version| version.plan == row.id && version.version == row.version);
    let read = |row: plans::Model| {
        let id = PlanId::from_uuid(row.id);
        let read = Row { table: "plans", id: &id };
        let terms = terms_of(&row).ok_or_else(|| read.bad("its version is missing"))?;
        Ok(Plan {
            id,
            slug: read.parse(&row.slug)?,
            blueprint: row.blueprint,
            name: PlanName::parse(&row.name).map_err(|why| read.bad(why))?,
            description: row.description,
            position: read.number(row.position)?,
            is_active: row.active != 0,
            is_hidden: row.hidden != 0,
            version: read.number(row.version)?,
            terms: read.json(&terms.terms)?,
            created_at: read.time(row.created_at)?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Inserts a price.
pub async fn price_insert(tx: &Tx, price: &Price) -> Result<(), DbError> {
    let row = prices::Model {
        id: price.id.uuid(),
        plan: price.plan.uuid(),
        amount: price.money.minor,
        currency: price.money.currency.code().to_owned(),
        period: price.interval.to_string(),
        stripe_id: price.stripe_id.clone(),
        created_at: ms(price.created_at),
        archived_at: price.archived_at.map(ms),
    };
    prices::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Ends the sale of a price.
pub async fn price_archive(tx: &Tx, id: PriceId, now: Timestamp) -> Result<(), DbError> {
    let archive = prices::Entity::update_many().col_expr(prices::Column::ArchivedAt, Expr::value(ms(now)));
    archive
        .filter(prices::Column::Id.eq(id.uuid()))
        .filter(prices::Column::ArchivedAt.is_null())
        .exec(tx.raw())
        .await?;
    Ok(())
}

/// A price by id.
pub async fn price_get(c: &impl Conn, id: PriceId) -> Result<Option<Price>, DbError> {
    prices::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(price).transpose()
}

/// A price by its id at Stripe.
pub async fn price_by_stripe_id(c: &impl Conn, id: &str) -> Result<Option<Price>, DbError> {
    prices::Entity::find().filter(prices::Column::StripeId.eq(id)).one(c.raw()).await?.map(price).transpose()
}

/// All prices, the oldest first; the archived ones too.
pub async fn price_list(c: &impl Conn) -> Result<Vec<Price>, DbError> {
    prices::Entity::find().order_by_asc(prices::Column::Id).all(c.raw()).await?.into_iter().map(price).collect()
}

/// Writes down the id that a price has at Stripe.
pub async fn price_at_stripe(tx: &Tx, id: PriceId, stripe_id: &str) -> Result<(), DbError> {
    let known = prices::Entity::update_many().col_expr(prices::Column::StripeId, Expr::value(stripe_id));
    known.filter(prices::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

fn price(row: prices::Model) -> Result<Price, DbError> {
    let id = PriceId::from_uuid(row.id);
    let read = Row { table: "prices", id: &id };
    Ok(Price {
        id,
        plan: PlanId::from_uuid(row.plan),
        money: Money { minor: row.amount, currency: read.parse(&row.currency)? },
        interval: read.parse(&row.period)?,
        stripe_id: row.stripe_id,
        created_at: read.time(row.created_at)?,
        archived_at: read.maybe_time(row.archived_at)?,
    })
}
