//! Orders that wait for their first payment. Their addresses are reserved meanwhile; nothing else exists yet.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stoa_core::{Error, RequestContext, Result, random};
use stoa_db::{
    Constraint, DbError, accounts,
    billing::{
        checkouts::{
            Checkout, CheckoutState, checkout_get, checkout_insert, checkout_lock, checkout_of_hostname,
            checkout_update, checkouts_delete_of, checkouts_of, checkouts_open, checkouts_overdue,
        },
        payments::Payment,
        plans,
    },
    history, sites,
};
use stoa_model::{
    account::{Actor, Role},
    billing::subscription::{Provider, SubscriptionStatus},
    field::Invalid,
    host::Hostname,
    id::{CheckoutId, CustomerId, PaymentId, SiteId, SubscriptionId},
    member::Permission,
    secret::{ExposeSecret, Sealed, SecretString},
    site::Site,
    text::EmailAddress,
};
use stoa_sites::{command::OrderSite, view::Ordered};

use crate::{Billing, command::MarkPaid, order::Purchase, plans::Choice, view::CheckoutView};

/// How long an address is reserved for an order that the operator collects the payment of.
const MANUAL_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Orders of a customer that wait for their payment: each reserves an address.
const MAX_OPEN_ORDERS: u64 = 3;
/// The longest reference of a payment, in characters.
const MAX_REFERENCE_CHARS: usize = 120;

/// An order as it is kept until it is paid.
#[derive(Serialize, Deserialize)]
struct KeptOrder {
    site: OrderSite,
    /// The administrator's password, if the customer has chosen one.
    password: Option<Sealed>,
    /// The site that the plan is for, if there is one already; then the rest says nothing.
    #[serde(default)]
    existing: Option<SiteId>,
}

impl Billing {
    /// Reserves the address of an order until it is paid. The same order again continues the one that waits.
    pub(crate) async fn begin_checkout(
        &self,
        cx: &RequestContext,
        command: &OrderSite,
        choice: Choice,
    ) -> Result<CheckoutView> {
        let customer = cx.customer()?;
        cx.require_permission(Permission::ManageMoney)?;
        let account = accounts::customer_get(&self.core.db, customer).await?.ok_or(Error::NotFound("customer"))?;
        let Choice { plan, price } = &choice;
        let hostname = self.sites.ensure_orderable(cx, command, customer, plan.terms.memory).await?;
        if let Some(known) = checkout_of_hostname(&self.core.db, &hostname).await?
            && known.customer == Some(customer)
        {
            if known.price == price.id && known.expires_at > cx.now {
                return Ok(CheckoutView::of(&known, plan, price));
            }
            self.give_up(cx, known.id, "ordered again").await?;
        }
        if checkouts_of(&self.core.db, customer, true).await?.len() as u64 >= MAX_OPEN_ORDERS {
            return Err(Error::Conflict(format!(
                "You have {MAX_OPEN_ORDERS} orders that wait for their payment. Pay or cancel one of them under Billing first."
            )));
        }
        self.core.count_order(customer).await?;
        let id = CheckoutId::from_uuid(random::uuid_at(cx.now));
        let password = (!command.admin_password.expose_secret().is_empty())
            .then(|| self.core.key.seal(&password_context(id), &command.admin_password));
        let kept = KeptOrder { site: command.clone(), password, existing: None };
        let checkout = self.new_checkout(cx, id, (customer, account.email), hostname, &choice, &kept)?;
        let (made, event) = (
            &checkout,
            &cx.audit("checkout.begin", id, json!({ "hostname": checkout.hostname, "price": price.to_string() })),
        );
        let inserted = self.core.db.write(|tx| {
            Box::pin(async move {
                // Again, as somebody may have got it since it was checked.
                if sites::hostname_taken(&*tx, &made.hostname).await? {
                    return Err(DbError::Conflict(Constraint::Hostname));
                }
                checkout_insert(&tx, made).await?;
                history::audit(&tx, event).await
            })
        });
        match inserted.await {
            Err(DbError::Conflict(Constraint::ReservedHostname)) => {
                Err(Invalid::new("subdomain", "Somebody is ordering this address right now. Choose another one.")
                    .into())
            }
            inserted => Ok(inserted.map(|()| CheckoutView::of(&checkout, plan, price))?),
        }
    }

    fn new_checkout(
        &self,
        cx: &RequestContext,
        id: CheckoutId,
        (customer, email): (CustomerId, EmailAddress),
        hostname: Hostname,
        Choice { plan, price }: &Choice,
        kept: &KeptOrder,
    ) -> Result<Checkout> {
        Ok(Checkout {
            id,
            customer: Some(customer),
            email,
            hostname,
            order: serde_json::to_value(kept).map_err(Error::internal)?,
            plan: plan.id,
            plan_version: plan.version,
            price: price.id,
            state: CheckoutState::Open,
            session: None,
            url: None,
            site: None,
            created_at: cx.now,
            expires_at: cx.now + if self.has_stripe() { crate::stripe::SESSION_LIFETIME } else { MANUAL_LIFETIME },
        })
    }

    /// Begins the order of a plan for a site that there is already: on a free plan, or on none any more. The same order
    /// again continues the one that waits.
    pub(crate) async fn begin_checkout_for(
        &self,
        cx: &RequestContext,
        site: &Site,
        choice: &Choice,
    ) -> Result<CheckoutView> {
        let customer = cx.customer()?;
        cx.require_permission(Permission::ManageMoney)?;
        let account = accounts::customer_get(&self.core.db, customer).await?.ok_or(Error::NotFound("customer"))?;
        if let Some(known) = checkout_of_hostname(&self.core.db, &site.hostname).await? {
            if known.price == choice.price.id && known.expires_at > cx.now {
                return Ok(CheckoutView::of(&known, &choice.plan, &choice.price));
            }
            self.give_up(cx, known.id, "ordered again").await?;
        }
        self.core.count_order(customer).await?;
        let id = CheckoutId::from_uuid(random::uuid_at(cx.now));
        let kept = KeptOrder { site: OrderSite::default(), password: None, existing: Some(site.id) };
        let payer = (customer, account.email);
        let checkout = self.new_checkout(cx, id, payer, site.hostname.clone(), choice, &kept)?;
        let detail = json!({ "site": site.id, "price": choice.price.to_string() });
        let (made, event) = (&checkout, &cx.audit("checkout.begin", id, detail));
        let insert = self.core.db.write(|tx| {
            Box::pin(async move {
                checkout_insert(&tx, made).await?;
                Ok::<_, Error>(history::audit(&tx, event).await?)
            })
        });
        insert.await?;
        Ok(CheckoutView::of(&checkout, &choice.plan, &choice.price))
    }

    /// The site that an order is for, if there is one already.
    pub(crate) fn existing_site(checkout: &Checkout) -> Option<SiteId> {
        serde_json::from_value::<KeptOrder>(checkout.order.clone()).ok()?.existing
    }

    /// An order that waits for its payment, or waited: the customer's own, or any for staff.
    ///
    /// # Errors
    /// Not found, also for another customer's.
    pub async fn checkout(&self, cx: &RequestContext, id: CheckoutId) -> Result<CheckoutView> {
        let found = checkout_get(&self.core.db, id).await?.ok_or(Error::NotFound("order"))?;
        match cx.actor {
            Actor::Customer(own) if found.customer != Some(own) => return Err(Error::NotFound("order")),
            Actor::Customer(_) => {}
            Actor::Nobody | Actor::Staff(..) | Actor::System => cx.require(Role::Support)?,
        }
        self.checkout_view(&found).await
    }

    /// The customer's orders that wait for their payment.
    ///
    /// # Errors
    /// If the actor is not a customer.
    pub async fn open_checkouts(&self, cx: &RequestContext) -> Result<Vec<CheckoutView>> {
        self.checkout_views(checkouts_of(&self.core.db, cx.customer()?, true).await?).await
    }

    /// All orders that wait for their payment, the oldest first. Requires the role support.
    ///
    /// # Errors
    /// Without the role.
    pub async fn all_open_checkouts(&self, cx: &RequestContext) -> Result<Vec<CheckoutView>> {
        cx.require(Role::Support)?;
        self.checkout_views(checkouts_open(&self.core.db, 200).await?).await
    }

    async fn checkout_views(&self, all: Vec<Checkout>) -> Result<Vec<CheckoutView>> {
        let mut views = Vec::new();
        for checkout in all {
            views.push(self.checkout_view(&checkout).await?);
        }
        Ok(views)
    }

    async fn checkout_view(&self, checkout: &Checkout) -> Result<CheckoutView> {
        let Choice { plan, price } = self.choice_of(checkout).await?;
        Ok(CheckoutView::of(checkout, &plan, &price))
    }

    /// What was chosen, in the version that was sold then.
    pub(crate) async fn choice_of(&self, checkout: &Checkout) -> Result<Choice> {
        let db = &self.core.db;
        let mut plan = plans::plan_get(db, checkout.plan).await?.ok_or(Error::NotFound("plan"))?;
        plan.terms = plans::plan_terms(db, plan.id, checkout.plan_version).await?.ok_or(Error::NotFound("plan"))?;
        plan.version = checkout.plan_version;
        let price = plans::price_get(db, checkout.price).await?.ok_or(Error::NotFound("price"))?;
        Ok(Choice { plan, price })
    }

    /// Gives an order up that waits for its payment: its address is free again. The customer's own, or any for admins.
    ///
    /// # Errors
    /// Not found; it is paid already.
    pub async fn cancel_checkout(&self, cx: &RequestContext, id: CheckoutId) -> Result<()> {
        self.checkout(cx, id).await?;
        match cx.actor {
            Actor::Customer(_) => cx.require_permission(Permission::ManageMoney)?,
            Actor::Nobody | Actor::Staff(..) | Actor::System => cx.require(Role::Admin)?,
        }
        self.give_up(cx, id, "cancelled").await
    }

    /// Gives an order up, once nobody can pay it at Stripe any more.
    async fn give_up(&self, cx: &RequestContext, id: CheckoutId, why: &str) -> Result<()> {
        let checkout = checkout_get(&self.core.db, id).await?.ok_or(Error::NotFound("order"))?;
        if checkout.state == CheckoutState::Open {
            self.close_session(&checkout).await?;
        }
        self.expire(cx, id, why).await
    }

    pub(crate) async fn expire(&self, cx: &RequestContext, id: CheckoutId, why: &str) -> Result<()> {
        let event = &cx.audit("checkout.expire", id, json!({ "why": why }));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let mut checkout = checkout_lock(&tx, id).await?.ok_or(Error::NotFound("order"))?;
                    match checkout.state {
                        CheckoutState::Expired => return Ok(()),
                        CheckoutState::Paid => return Err(Error::Conflict("This order is paid already.".into())),
                        CheckoutState::Open => checkout.state = CheckoutState::Expired,
                    }
                    checkout_update(&tx, &checkout).await?;
                    Ok(history::audit(&tx, event).await?)
                })
            })
            .await
    }

    /// Forgets the orders of a customer whose account is closed. Subscriptions and payments are kept.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn forget_checkouts(&self, customer: CustomerId) -> Result<()> {
        let forgotten = self.core.db.write(|tx| Box::pin(async move { checkouts_delete_of(&tx, customer).await }));
        Ok(forgotten.await?)
    }

    /// Gives up the orders whose time is over.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn expire_checkouts(&self) -> Result<()> {
        let cx = self.core.system_context("checkouts");
        for checkout in checkouts_overdue(&self.core.db, cx.now, 100).await? {
            if let Err(error) = self.give_up(&cx, checkout.id, "its time was over").await {
                tracing::warn!(order = %checkout.id, error = error.for_operator(), "an order can't be given up; will retry");
            }
        }
        Ok(())
    }

    /// Writes down that the operator has received the first payment of an order, and creates its site. Requires the role
    /// admin.
    ///
    /// # Errors
    /// Without the role; not found; given up or paid already; no room, in which case nothing is written down.
    pub async fn mark_checkout_paid(&self, cx: &RequestContext, id: CheckoutId, command: MarkPaid) -> Result<Ordered> {
        cx.require(Role::Admin)?;
        let reference = parse_reference(&command.reference)?;
        let checkout = checkout_get(&self.core.db, id).await?.ok_or(Error::NotFound("order"))?;
        if Self::existing_site(&checkout).is_some() {
            let text = "This order moves a site to a plan that Stripe charges. It is paid there only.";
            return Err(Error::Conflict(text.into()));
        }
        // So that it isn't paid at Stripe as well.
        self.close_session(&checkout).await?;
        let choice = self.choice_of(&checkout).await?;
        let (interval, money) = (choice.price.interval, choice.price.money);
        let customer = checkout.customer.ok_or(Error::NotFound("customer"))?;
        let period_end = interval.end(cx.now);
        let payment = first_payment(cx, customer, reference, cx.now, period_end, money);
        let purchase = Purchase {
            choice,
            provider: Provider::Manual,
            status: SubscriptionStatus::Active,
            period_end: Some(period_end),
            subscription: None,
            checkout: Some(id),
            payment: Some(payment),
            cause: "paid",
            periods: self.core.settings.billing.dunning,
        };
        let command = self.kept_order(&checkout, customer)?;
        self.order_purchase(cx, command, None, &purchase).await
    }

    /// The order of a checkout, for this customer.
    pub(crate) fn kept_order(&self, checkout: &Checkout, customer: CustomerId) -> Result<OrderSite> {
        let kept: KeptOrder = serde_json::from_value(checkout.order.clone()).map_err(Error::internal)?;
        let admin_password = match &kept.password {
            Some(sealed) => self.core.key.open(&password_context(checkout.id), sealed).map_err(Error::internal)?,
            None => SecretString::default(),
        };
        Ok(OrderSite { admin_password, customer: Some(customer), ..kept.site })
    }
}

fn password_context(id: CheckoutId) -> String {
    format!("checkout/{id}/admin_password")
}

/// What staff write down to find a payment again; it may be empty.
pub(crate) fn parse_reference(text: &str) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > MAX_REFERENCE_CHARS || text.chars().any(char::is_control) {
        return Err(
            Invalid::new("reference", format!("Use one line of at most {MAX_REFERENCE_CHARS} characters.")).into()
        );
    }
    Ok(text.to_owned())
}

fn first_payment(
    cx: &RequestContext,
    customer: CustomerId,
    reference: String,
    period_start: Timestamp,
    period_end: Timestamp,
    money: stoa_model::billing::money::Money,
) -> Payment {
    let id = random::uuid_at(cx.now);
    Payment {
        id: PaymentId::from_uuid(id),
        // Both are set when it is written down.
        subscription: SubscriptionId::from_uuid(id),
        customer,
        money,
        provider: Provider::Manual,
        reference,
        stripe_id: None,
        actor: cx.actor.to_string(),
        period_start,
        period_end: Some(period_end),
        paid_at: cx.now,
    }
}
