//! Subscriptions, and the history of what they entitled to.

use jiff::Timestamp;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select, sea_query::Expr,
};
use stoa_model::{
    billing::{
        access::{Access, Letter},
        subscription::{Provider, Subscription, SubscriptionStatus},
    },
    id::{CustomerId, PlanId, PriceId, SiteId, SubscriptionId},
    site::Lifecycle,
};
use uuid::Uuid;

use crate::{
    Conn, DbError, Tx,
    codec::{Row, clip, ms},
    db::Raw,
    entity::{customers, entitlements, sites, subscriptions},
    listing::{Window, mentions, needle},
};

/// A subscription with what was last put into effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The subscription.
    pub subscription: Subscription,
    /// What it was last found to entitle to.
    pub access: Access,
    /// The last letter about the present overdue payment.
    pub letter: Option<Letter>,
    /// When to look at it again.
    pub check_at: Option<Timestamp>,
}

/// Which subscriptions a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Only this customer's.
    pub customer: Option<CustomerId>,
    /// Only those with this status.
    pub status: Option<SubscriptionStatus>,
    /// Only those of this provider.
    pub provider: Option<Provider>,
    /// Only those with this text in their customer's name or e-mail address, or in their site's title or main name.
    pub text: Option<String>,
}

/// Inserts a subscription.
///
/// # Errors
/// `Conflict(SiteSubscription)` if the site has one that runs; `Conflict(StripeSubscription)` if it is known already.
pub async fn subscription_insert(tx: &Tx, held: &Held) -> Result<(), DbError> {
    subscriptions::Entity::insert(to_row(held).into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Replaces a subscription. Read it in the same transaction, with [`subscription_lock`].
///
/// # Errors
/// `Conflict(SiteSubscription)` if its site has another one that runs.
pub async fn subscription_update(tx: &Tx, held: &Held) -> Result<(), DbError> {
    subscriptions::Entity::update(to_row(held).into_active_model().reset_all()).exec(tx.raw()).await?;
    Ok(())
}

/// A subscription by id.
pub async fn subscription_get(c: &impl Conn, id: SubscriptionId) -> Result<Option<Held>, DbError> {
    subscriptions::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(from_row).transpose()
}

/// Reads a subscription and keeps others from changing it until the transaction ends.
pub async fn subscription_lock(tx: &Tx, id: SubscriptionId) -> Result<Option<Held>, DbError> {
    subscriptions::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx.raw()).await?.map(from_row).transpose()
}

/// A subscription by its id at Stripe.
pub async fn subscription_by_stripe_id(c: &impl Conn, id: &str) -> Result<Option<Held>, DbError> {
    let found = subscriptions::Entity::find().filter(subscriptions::Column::StripeId.eq(id));
    found.one(c.raw()).await?.map(from_row).transpose()
}

/// The subscription of a site: the one that runs, or else the last one.
pub async fn subscription_of_site(c: &impl Conn, site: SiteId) -> Result<Option<Held>, DbError> {
    Ok(subscriptions_of_sites(c, &[site]).await?.pop())
}

/// The subscription of each of these sites: the one that runs, or else the last one.
pub async fn subscriptions_of_sites(c: &impl Conn, sites: &[SiteId]) -> Result<Vec<Held>, DbError> {
    let ids = sites.iter().map(|site| site.uuid());
    let all = subscriptions::Entity::find().filter(subscriptions::Column::Site.is_in(ids));
    let mut found: Vec<Held> = Vec::new();
    for row in all.order_by_asc(subscriptions::Column::Id).all(c.raw()).await? {
        let (is_live, held) = (row.live_site.is_some(), from_row(row)?);
        match found.iter_mut().find(|known| known.subscription.site == held.subscription.site) {
            // Ids sort by time, so that the last one that isn't over, or the last of all, stays.
            Some(known) if is_live || known.subscription.status.has_ended() => *known = held,
            Some(_) => {}
            None => found.push(held),
        }
    }
    Ok(found)
}

/// A customer's subscriptions, the newest first.
pub async fn subscriptions_of(c: &impl Conn, customer: CustomerId) -> Result<Vec<Held>, DbError> {
    let all = subscriptions::Entity::find().filter(subscriptions::Column::Customer.eq(customer.uuid()));
    all.order_by_desc(subscriptions::Column::Id).all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// How many sites a customer has on a plan whose subscription isn't over.
pub async fn sites_on_plan(c: &impl Conn, customer: CustomerId, plan: PlanId) -> Result<u64, DbError> {
    let live = subscriptions::Entity::find()
        .filter(subscriptions::Column::Customer.eq(customer.uuid()))
        .filter(subscriptions::Column::Plan.eq(plan.uuid()))
        .filter(subscriptions::Column::LiveSite.is_not_null());
    Ok(live.count(c.raw()).await?)
}

/// Ids of at most `limit` subscriptions whose time to be looked at has come, the longest due first.
pub async fn subscriptions_due(c: &impl Conn, now: Timestamp, limit: u64) -> Result<Vec<SubscriptionId>, DbError> {
    let due = subscriptions::Entity::find()
        .select_only()
        .column(subscriptions::Column::Id)
        .filter(subscriptions::Column::CheckAt.lte(ms(now)))
        .order_by_asc(subscriptions::Column::CheckAt)
        .limit(limit);
    let ids: Vec<Uuid> = due.into_tuple().all(c.raw()).await?;
    Ok(ids.into_iter().map(SubscriptionId::from_uuid).collect())
}

/// Ids of subscriptions at Stripe that go on although their site is being deleted.
pub async fn subscriptions_of_leaving_sites(c: &impl Conn, limit: u64) -> Result<Vec<SubscriptionId>, DbError> {
    let leaving = sites::Entity::find().select_only().column(sites::Column::Id);
    let leaving = leaving.filter(sites::Column::State.eq(Lifecycle::Deleting.as_str())).into_query();
    let live = subscriptions::Entity::find()
        .select_only()
        .column(subscriptions::Column::Id)
        .filter(subscriptions::Column::LiveSite.in_subquery(leaving))
        .filter(subscriptions::Column::StripeId.is_not_null())
        .filter(subscriptions::Column::CancelAt.is_null())
        .limit(limit);
    let ids: Vec<Uuid> = live.into_tuple().all(c.raw()).await?;
    Ok(ids.into_iter().map(SubscriptionId::from_uuid).collect())
}

/// Ids at Stripe of the subscriptions that aren't over.
pub async fn subscriptions_at_stripe(c: &impl Conn) -> Result<Vec<String>, DbError> {
    let ended = SubscriptionStatus::ALL.iter().filter(|status| status.has_ended()).map(|status| status.as_str());
    let live = subscriptions::Entity::find()
        .select_only()
        .column(subscriptions::Column::StripeId)
        .filter(subscriptions::Column::StripeId.is_not_null())
        .filter(subscriptions::Column::Status.is_not_in(ended));
    Ok(live.into_tuple().all(c.raw()).await?)
}

/// Ids of subscriptions that are not over although their site is gone.
pub async fn subscriptions_of_deleted_sites(c: &impl Conn, limit: u64) -> Result<Vec<SubscriptionId>, DbError> {
    let gone = sites::Entity::find().select_only().column(sites::Column::Id);
    let gone = gone.filter(sites::Column::State.eq(Lifecycle::Deleted.as_str())).into_query();
    let live = subscriptions::Entity::find().select_only().column(subscriptions::Column::Id);
    let live = live.filter(subscriptions::Column::LiveSite.in_subquery(gone)).limit(limit);
    let ids: Vec<Uuid> = live.into_tuple().all(c.raw()).await?;
    Ok(ids.into_iter().map(SubscriptionId::from_uuid).collect())
}

/// A part of the filtered list, the newest first.
pub async fn subscriptions_listed(
    c: &impl Conn,
    filter: &SubscriptionFilter,
    window: Window,
) -> Result<Vec<Held>, DbError> {
    let newest = filtered(filter).order_by_desc(subscriptions::Column::Id);
    newest.offset(window.offset).limit(window.limit).all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// How many subscriptions the filter finds.
pub async fn subscriptions_counted(c: &impl Conn, filter: &SubscriptionFilter) -> Result<u64, DbError> {
    Ok(filtered(filter).count(c.raw()).await?)
}

fn filtered(filter: &SubscriptionFilter) -> Select<subscriptions::Entity> {
    let mut found = subscriptions::Entity::find();
    if let Some(customer) = filter.customer {
        found = found.filter(subscriptions::Column::Customer.eq(customer.uuid()));
    }
    if let Some(status) = filter.status {
        found = found.filter(subscriptions::Column::Status.eq(status.as_str()));
    }
    if let Some(provider) = filter.provider {
        found = found.filter(subscriptions::Column::Provider.eq(provider.as_str()));
    }
    if let Some(text) = needle(filter.text.as_deref()) {
        let payers = customers::Entity::find().select_only().column(customers::Column::Id).filter(
            Condition::any()
                .add(mentions(customers::Column::Email, &text))
                .add(mentions(customers::Column::Company, &text)),
        );
        let named = sites::Entity::find().select_only().column(sites::Column::Id).filter(
            Condition::any().add(mentions(sites::Column::Title, &text)).add(mentions(sites::Column::Hostname, &text)),
        );
        found = found.filter(
            Condition::any()
                .add(subscriptions::Column::Customer.in_subquery(payers.into_query()))
                .add(subscriptions::Column::Site.in_subquery(named.into_query())),
        );
    }
    found
}

/// What a site was entitled to during a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// The site.
    pub site: SiteId,
    /// By which subscription.
    pub subscription: SubscriptionId,
    /// On which plan.
    pub plan: PlanId,
    /// In which version of it.
    pub plan_version: u32,
    /// To what.
    pub access: Access,
    /// Why it began.
    pub cause: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None`: it is so now.
    pub to: Option<Timestamp>,
}

/// Adds what a site is entitled to from now on, and closes what it was entitled to until now.
pub async fn entitlement_begin(tx: &Tx, id: Uuid, begins: &Entitlement) -> Result<(), DbError> {
    let close = entitlements::Entity::update_many()
        .col_expr(entitlements::Column::OpenSite, Expr::value(None::<Uuid>))
        .col_expr(entitlements::Column::ToAt, Expr::value(ms(begins.from)))
        .filter(entitlements::Column::OpenSite.eq(begins.site.uuid()));
    close.exec(tx.raw()).await?;
    let row = entitlements::Model {
        id,
        site: begins.site.uuid(),
        open_site: begins.to.is_none().then(|| begins.site.uuid()),
        subscription: begins.subscription.uuid(),
        plan: begins.plan.uuid(),
        plan_version: begins.plan_version.into(),
        access: begins.access.to_string(),
        cause: clip(&begins.cause, 255),
        from_at: ms(begins.from),
        to_at: begins.to.map(ms),
    };
    entitlements::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// What a site was entitled to, the latest first.
pub async fn entitlements_of(c: &impl Conn, site: SiteId, limit: u64) -> Result<Vec<Entitlement>, DbError> {
    let all = entitlements::Entity::find().filter(entitlements::Column::Site.eq(site.uuid()));
    let latest = all.order_by_desc(entitlements::Column::Id).limit(limit).all(c.raw()).await?;
    let read = |row: entitlements::Model| {
        let read = Row { table: "entitlements", id: &row.id };
        Ok(Entitlement {
            site,
            subscription: SubscriptionId::from_uuid(row.subscription),
            plan: PlanId::from_uuid(row.plan),
            plan_version: read.number(row.plan_version)?,
            access: read.parse(&row.access)?,
            from: read.time(row.from_at)?,
            to: read.maybe_time(row.to_at)?,
            cause: row.cause,
        })
    };
    latest.into_iter().map(read).collect()
}

fn to_row(held: &Held) -> subscriptions::Model {
    let of = &held.subscription;
    let site = of.site.map(SiteId::uuid);
    subscriptions::Model {
        id: of.id.uuid(),
        customer: of.customer.uuid(),
        site,
        live_site: site.filter(|_| !of.status.has_ended()),
        plan: of.plan.uuid(),
        plan_version: of.plan_version.into(),
        price: of.price.uuid(),
        provider: of.provider.to_string(),
        stripe_id: of.stripe_id.clone(),
        status: of.status.to_string(),
        period_start: ms(of.period_start),
        period_end: of.period_end.map(ms),
        past_due_since: of.past_due_since.map(ms),
        cancel_at: of.cancel_at.map(ms),
        ended_at: of.ended_at.map(ms),
        created_at: ms(of.created_at),
        check_at: held.check_at.map(ms),
        access: held.access.to_string(),
        letter: held.letter.map(|letter| letter.to_string()),
    }
}

fn from_row(row: subscriptions::Model) -> Result<Held, DbError> {
    let id = SubscriptionId::from_uuid(row.id);
    let read = Row { table: "subscriptions", id: &id };
    Ok(Held {
        access: read.parse(&row.access)?,
        letter: row.letter.as_deref().map(|letter| read.parse(letter)).transpose()?,
        check_at: read.maybe_time(row.check_at)?,
        subscription: Subscription {
            id,
            customer: CustomerId::from_uuid(row.customer),
            site: row.site.map(SiteId::from_uuid),
            plan: PlanId::from_uuid(row.plan),
            plan_version: read.number(row.plan_version)?,
            price: PriceId::from_uuid(row.price),
            provider: read.parse(&row.provider)?,
            status: read.parse(&row.status)?,
            period_start: read.time(row.period_start)?,
            period_end: read.maybe_time(row.period_end)?,
            past_due_since: read.maybe_time(row.past_due_since)?,
            cancel_at: read.maybe_time(row.cancel_at)?,
            ended_at: read.maybe_time(row.ended_at)?,
            created_at: read.time(row.created_at)?,
            stripe_id: row.stripe_id,
        },
    })
}
