//! Ordering a site. Form, API, command line and staff all end here: everything is checked and
//! decided, saved in one transaction, and answered at once; a job does the rest.

use crate::Sites;
use crate::sagas::CreatePlan;
use std::{collections::BTreeMap, sync::Arc};
use stoa_accounts::NO_PASSWORD;
use stoa_core::jobs::enqueue;

use jiff::Timestamp;
use stoa_db::{
    Constraint, DbError, Page, Tx, accounts,
    billing::checkouts::checkout_of_hostname,
    domains::resting_names::resting_name,
    history, idempotency, jobs, leases, sites,
    sites::revisions::{SiteRevision, blueprint_version_put, site_revision_put},
    sites::storage::{Storage, storage_put},
};
use stoa_model::{
    account::{Actor, Customer, Role},
    field::Invalid,
    host::{Hostname, Subdomain},
    id::{CustomerId, JobId, SiteId},
    job::JobKind,
    limits::Bytes,
    member::Permission,
    secret::{ExposeSecret, Sealed, SecretString},
    site::{Health, Lifecycle, Power, Site, SiteState},
    stack::ProjectName,
    text::{AdminUser, CompanyName, EmailAddress, SiteTitle},
};

use crate::capacity::Room;
use crate::{
    blueprints::Loaded,
    command::OrderSite,
    sagas::{
        SitePlan, place,
        plan::{Target, fresh_secrets, secret_context},
    },
    terms::OrderTerms,
    view::Ordered,
};
use stoa_core::{Error, RequestContext, Result, Wakeup, permissions::require_verified, random};

/// Sites of a customer whose address is not verified.
const SITES_WITHOUT_VERIFIED_ADDRESS: u64 = 1;

/// Why a name can't be had that an order has reserved which isn't paid yet.
pub(crate) const RESERVED: &str =
    "Somebody is ordering a site with this address right now. Choose another one, or try again in an hour.";

/// Why a name that was somebody else's can't be taken yet.
pub(crate) fn resting_message(until: Timestamp) -> String {
    format!("Another site used this address until recently. It will be free on {}.", until.strftime("%-d %B %Y"))
}

/// An order whose every field is good.
pub(crate) struct ParsedOrder {
    pub blueprint: Arc<Loaded>,
    subdomain: Subdomain,
    pub hostname: Hostname,
    title: SiteTitle,
    admin_user: AdminUser,
    admin_email: EmailAddress,
    admin_password: Option<SecretString>,
}

/// A site and its first job, ready to be saved.
pub(crate) struct MadeOrder {
    pub site: Site,
    pub job: JobId,
    blueprint: Arc<Loaded>,
    /// What the customer has chosen in place of a generated secret.
    chosen: BTreeMap<String, Sealed>,
}

impl Sites {
    /// Orders a site. With an idempotency key, the same order sent again gives the same answer and
    /// makes nothing new.
    ///
    /// # Errors
    /// All bad fields at once; no room; an address that is taken; a key used for another order.
    pub async fn order(&self, cx: &RequestContext, command: OrderSite, key: Option<String>) -> Result<Ordered> {
        self.order_on(cx, command, key, None).await
    }

    /// Like [`order`](Self::order), of a site that is bought with these terms.
    ///
    /// # Errors
    /// As [`order`](Self::order), and what [`RecordOrder`](crate::terms::RecordOrder) refuses.
    pub async fn order_on(
        &self,
        cx: &RequestContext,
        command: OrderSite,
        key: Option<String>,
        terms: Option<&OrderTerms<'_>>,
    ) -> Result<Ordered> {
        let request = random::token_hash(&serde_json::to_string(&command).map_err(Error::internal)?);
        if let Some(ordered) = self.replayed_order(cx, key.as_deref(), &request).await? {
            return Ok(ordered);
        }
        let customer = self.order_customer(cx, command.customer).await?;
        cx.require_permission(Permission::ChangeSites)?;
        let parsed = self.parse_order(&command, Some(&customer.email))?;
        self.domains.ensure_dns_name_free(&parsed.hostname).await?;
        let memory = terms.map_or(self.core.settings.main_limits.memory, |terms| terms.memory);
        let room = &self.ensure_order_possible(&parsed.blueprint, memory).await?;
        if cx.actor.customer().is_some() {
            self.ensure_customer_may_order(cx, customer.id).await?;
        }
        let made = self.prepare_order(cx, customer.id, &parsed, terms);
        let (made, key) = (&made, key.as_deref());
        let ordered = self
            .core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let ordered = self.insert_order(&tx, cx, made, room, terms).await?;
                    if let Some(key) = key {
                        let body = serde_json::to_string(&ordered).map_err(Error::internal)?;
                        let reply = idempotency::Reply { request_hash: request, status: 201, body };
                        idempotency::idempotency_put(&tx, cx.actor, key, &reply, cx.now).await?;
                    }
                    Ok(ordered)
                })
            })
            .await;
        match ordered {
            // The same request was a moment faster: its answer is ours.
            Err(error) => self.replayed_order(cx, key, &request).await?.ok_or(error),
            Ok(ordered) => {
                self.core.bus.wake(Wakeup::Jobs);
                Ok(ordered)
            }
        }
    }

    /// One account must not order all that there is.
    async fn ensure_customer_may_order(&self, cx: &RequestContext, customer: CustomerId) -> Result<()> {
        let there = self.ensure_customer_has_room(customer).await?;
        if there >= SITES_WITHOUT_VERIFIED_ADDRESS {
            require_verified(&self.core.db, cx, customer, "create another site").await?;
        }
        self.core.count_order(customer).await
    }

    /// How many sites a customer has, if they may have another one.
    async fn ensure_customer_has_room(&self, customer: CustomerId) -> Result<u64> {
        let most = u64::from(self.core.settings.sites_per_customer);
        let counts = sites::site_counts(&self.core.db, Some(customer)).await?;
        let gone = [SiteState::Deleted, SiteState::Failed, SiteState::Cancelled];
        let there: u64 = counts.iter().filter(|(state, _)| !gone.contains(state)).map(|(_, count)| count).sum();
        if most > 0 && there >= most {
            return Err(Error::Conflict(format!(
                "You have {there} sites, which is as many as an account can have; sites marked for deletion count until \
                 they are gone. Delete one that you no longer need, or write to us for more."
            )));
        }
        Ok(there)
    }

    /// The answer that this key got before, if it was to the same request.
    async fn replayed_order(
        &self,
        cx: &RequestContext,
        key: Option<&str>,
        request: &[u8; 32],
    ) -> Result<Option<Ordered>> {
        let Some(key) = key else { return Ok(None) };
        if key.is_empty() || key.len() > 128 || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Invalid::new("Idempotency-Key", "Use 1 to 128 visible ASCII characters.").into());
        }
        match idempotency::idempotency_get(&self.core.db, cx.actor, key).await? {
            None => Ok(None),
            Some(reply) if reply.request_hash == *request => {
                serde_json::from_str(&reply.body).map(Some).map_err(Error::internal)
            }
            Some(_) => Err(Error::Conflict("This idempotency key was used for another request. Use a new one.".into())),
        }
    }

    /// Whether there is such a blueprint.
    pub fn has_blueprint(&self, name: &str) -> bool {
        self.blueprints.get(name).is_some()
    }

    /// What is wrong with the fields of an order, whoever orders.
    pub fn bad_fields(&self, order: &OrderSite) -> Vec<Invalid> {
        match self.parse_order(order, None) {
            // Without an account, the administrator's address is only missing.
            Err(Error::Invalid(bad)) => bad.into_iter().filter(|bad| bad.field != "admin_email").collect(),
            _ => Vec::new(),
        }
    }

    /// Refuses an order that could not be carried out now, of a site whose main service gets this memory; else returns the
    /// name that the site would have.
    ///
    /// # Errors
    /// As [`order`](Self::order).
    pub async fn ensure_orderable(
        &self,
        cx: &RequestContext,
        command: &OrderSite,
        customer: CustomerId,
        memory: Bytes,
    ) -> Result<Hostname> {
        cx.require_permission(Permission::ChangeSites)?;
        let account = accounts::customer_get(&self.core.db, customer).await?.ok_or(Error::NotFound("customer"))?;
        let parsed = self.parse_order(command, Some(&account.email))?;
        self.domains.ensure_dns_name_free(&parsed.hostname).await?;
        if sites::hostname_taken(&self.core.db, &parsed.hostname).await? {
            return Err(DbError::Conflict(Constraint::Hostname).into());
        }
        if let Some(rest) = resting_name(&self.core.db, &parsed.hostname, cx.now).await?
            && rest.customer != customer
        {
            return Err(Invalid::new("subdomain", resting_message(rest.until)).into());
        }
        self.ensure_order_possible(&parsed.blueprint, memory).await?;
        self.ensure_customer_has_room(customer).await?;
        Ok(parsed.hostname)
    }

    /// For whom: customers order for themselves; staff for anybody, or for the operator's own
    /// account, which has their address and is made when first needed.
    async fn order_customer(&self, cx: &RequestContext, wanted: Option<CustomerId>) -> Result<Customer> {
        let id = match (cx.actor, wanted) {
            (Actor::Customer(own), Some(other)) if own != other => return Err(Error::Forbidden("admin")),
            (Actor::Customer(own), _) => own,
            (Actor::Staff(..), None) => return self.operator_account(cx).await,
            (_, Some(id)) => {
                cx.require(Role::Admin)?;
                id
            }
            (Actor::System, None) => return Err(Invalid::new("customer", "Say for which customer.").into()),
            (Actor::Nobody, None) => return Err(Error::Unauthenticated("Please log in.")),
        };
        accounts::customer_get(&self.core.db, id).await?.ok_or(Error::NotFound("customer"))
    }

    async fn operator_account(&self, cx: &RequestContext) -> Result<Customer> {
        cx.require(Role::Admin)?;
        let Actor::Staff(id, _) = cx.actor else { return Err(Error::NotFound("staff account")) };
        let staff = accounts::staff_get(&self.core.db, id).await?.ok_or(Error::NotFound("staff account"))?;
        if let Some(customer) = self.find_operator_account(&staff.email).await? {
            return Ok(customer);
        }
        let id = CustomerId::from_uuid(random::uuid_at(cx.now));
        let company = CompanyName::parse(&self.core.settings.product_name)?;
        let customer = Customer { id, email: staff.email, company, created_at: cx.now };
        let made = &customer;
        let kept = self
            .core
            .db
            .write(|tx| Box::pin(async move { accounts::customer_insert(&tx, made, NO_PASSWORD).await }))
            .await;
        match kept {
            // Another order was a moment faster.
            Err(DbError::Conflict(Constraint::CustomerEmail)) => {
                self.find_operator_account(&customer.email).await?.ok_or(Error::NotFound("customer"))
            }
            kept => Ok(kept.map(|()| customer)?),
        }
    }

    /// The account with the operator's address, if it is their own.
    async fn find_operator_account(&self, email: &EmailAddress) -> Result<Option<Customer>> {
        match accounts::customer_by_email(&self.core.db, email).await? {
            Some((customer, hash)) if hash == NO_PASSWORD => Ok(Some(customer)),
            // Somebody registered with this address: what is ordered must not become his.
            Some(_) => Err(Invalid::new("customer", "A customer has your address. Say for whom the site is.").into()),
            None => Ok(None),
        }
    }

    /// Checks every field.
    pub(crate) fn parse_order(&self, order: &OrderSite, email: Option<&EmailAddress>) -> Result<ParsedOrder> {
        let mut bad = Vec::new();
        let blueprint = self.blueprints.get(&order.blueprint).cloned();
        if blueprint.is_none() {
            bad.push(Invalid::new("blueprint", "Please choose what to create the site from."));
        }
        let base = &self.core.settings.base_domain;
        let subdomain = Subdomain::parse(&order.subdomain).and_then(|s| Ok((s.under(base)?, s)));
        let subdomain = subdomain.and_then(|found| match self.core.settings.is_portal_name(&found.0) {
            true => Err(Invalid::new("subdomain", "This name is reserved. Please choose another one.")),
            false => Ok(found),
        });
        let subdomain = subdomain.map_err(|e| bad.push(Invalid { field: "subdomain", ..e })).ok();
        let title = SiteTitle::parse_line(&order.title).map_err(|e| bad.push(e)).ok();
        let user = if order.admin_user.trim().is_empty() { "admin" } else { &order.admin_user };
        let admin_user = AdminUser::parse(user).map_err(|e| bad.push(e)).ok();
        let own = email.map_or("", EmailAddress::as_str);
        let address = if order.admin_email.trim().is_empty() { own } else { &order.admin_email };
        let admin_email =
            EmailAddress::parse(address).map_err(|e| bad.push(Invalid { field: "admin_email", ..e })).ok();
        let admin_password = admin_password(&order.admin_password).map_err(|e| bad.push(e)).ok();
        match (blueprint, subdomain, title, admin_user, admin_email, admin_password) {
            (
                Some(blueprint),
                Some((hostname, subdomain)),
                Some(title),
                Some(admin_user),
                Some(admin_email),
                Some(admin_password),
            ) => Ok(ParsedOrder { blueprint, subdomain, hostname, title, admin_user, admin_email, admin_password }),
            _ => Err(Error::Invalid(bad)),
        }
    }

    /// Decides all names.
    pub(crate) fn prepare_order(
        &self,
        cx: &RequestContext,
        customer: CustomerId,
        order: &ParsedOrder,
        terms: Option<&OrderTerms<'_>>,
    ) -> MadeOrder {
        let usual = &self.core.settings;
        let id = SiteId::from_uuid(random::uuid_at(cx.now));
        let site = Site {
            id,
            customer,
            blueprint: order.blueprint.blueprint.name.clone(),
            profiles: terms.map_or_else(Vec::new, |terms| terms.profiles_of(&order.blueprint.blueprint)),
            title: order.title.clone(),
            project: ProjectName::of(id, order.subdomain.as_str()),
            subdomain: order.subdomain.clone(),
            hostname: order.hostname.clone(),
            admin_user: order.admin_user.clone(),
            admin_email: order.admin_email.clone(),
            lease: None,
            engine: self.engines.default().name().to_owned(),
            placement: None,
            revision: 1,
            blueprint_version: Some(order.blueprint.version.clone()),
            limits: terms.map_or(usual.main_limits, |terms| terms.limits(usual.main_limits)),
            edge: terms.map_or(usual.site_edge, |terms| terms.edge),
            url: None,
            lifecycle: Lifecycle::Pending,
            power: Power::On,
            suspensions: Vec::new(),
            reason: None,
            upstream: None,
            health: Health::Unknown,
            health_at: None,
            created_at: cx.now,
            deleted_at: None,
            purge_at: None,
        };
        let password = order.admin_password.as_ref().zip(password_variable(&order.blueprint));
        let chosen = password
            .map(|(password, name)| (name.to_owned(), self.core.key.seal(&secret_context(id, name), password)))
            .into_iter()
            .collect();
        MadeOrder { site, job: JobId::from_uuid(random::uuid_at(cx.now)), blueprint: order.blueprint.clone(), chosen }
    }

    /// Saves the site, its lease and its job, all or nothing.
    pub(crate) async fn insert_order(
        &self,
        tx: &Tx,
        cx: &RequestContext,
        made: &MadeOrder,
        room: &Room,
        terms: Option<&OrderTerms<'_>>,
    ) -> Result<Ordered> {
        let site = &made.site;
        if let Some(rest) = resting_name(tx, &site.hostname, cx.now).await?
            && rest.customer != site.customer
        {
            return Err(Invalid::new("subdomain", resting_message(rest.until)).into());
        }
        if let Some(other) = checkout_of_hostname(tx, &site.hostname).await?
            && terms.and_then(|terms| terms.checkout) != Some(other.id)
        {
            return Err(Invalid::new("subdomain", RESERVED).into());
        }
        sites::site_insert(tx, site).await?;
        if let Some(terms) = terms {
            let stored = Storage { disk: Some(terms.disk.0), ..Storage::default() };
            storage_put(tx, site.id, &stored).await?;
            terms.record.record(tx, cx, site).await?;
        }
        history::site_event(tx, site.id, cx.now, "ordered", "Site created").await?;
        let detail = serde_json::json!({ "hostname": site.hostname, "blueprint": site.blueprint });
        history::audit(tx, &cx.audit("site.order", site.id, detail)).await?;
        self.enqueue_create(tx, cx, (site, &made.chosen), made.job, &made.blueprint, room).await
    }

    /// The administrator's password of the last attempt to make a site, which may be one that the customer has chosen.
    pub(crate) async fn password_of_last_attempt(
        &self,
        site: SiteId,
        loaded: &Loaded,
    ) -> Result<BTreeMap<String, Sealed>> {
        let jobs = jobs::jobs_of(&self.core.db, site, Page::first(20)).await?;
        let created = jobs.iter().find(|job| job.kind == JobKind::Create);
        let (Some(job), Some(name)) = (created, password_variable(loaded)) else { return Ok(BTreeMap::new()) };
        let plan = jobs::job_plan(&self.core.db, job.id).await?.unwrap_or_default();
        let sealed = plan["secrets"][name].as_str().map(|sealed| Sealed(sealed.to_owned()));
        Ok(sealed.map(|sealed| (name.to_owned(), sealed)).into_iter().collect())
    }

    /// Leases a network and queues the job that makes the site, if there is still room for it.
    pub(crate) async fn enqueue_create(
        &self,
        tx: &Tx,
        cx: &RequestContext,
        (site, chosen): (&Site, &BTreeMap<String, Sealed>),
        job: JobId,
        loaded: &Arc<Loaded>,
        room: &Room,
    ) -> Result<Ordered> {
        let engine = self.engine_of(site)?;
        let lease = match &room.pool {
            Some(pool) => Some(leases::lease(tx, pool, site.id).await?),
            None => None,
        };
        self.ensure_order_fits(tx, room).await?;
        // With a wildcard certificate the application gets the secure address from the beginning.
        let url = self.core.settings.site_url(&site.hostname, self.domains.is_covered(&site.hostname));
        let mut secrets = fresh_secrets(site.id, &loaded.blueprint, chosen, &self.core.key);
        secrets.extend(chosen.clone());
        let placement = place(&**engine, lease, &loaded.blueprint, None).map_err(Error::internal)?;
        let target = Target {
            pinned: loaded.clone(),
            smtp: self.smtp_facts(site, &placement)?,
            placement,
            revision: 1,
            images: room.images.clone(),
            holds_data: false,
            url,
            hostnames: vec![site.hostname.clone()],
        };
        let plan = SitePlan::of(site, job, &self.core.settings, target, secrets);
        record_revision(tx, &plan, loaded, cx.now).await?;
        enqueue(tx, cx, JobKind::Create, job, site.id, &CreatePlan(plan)).await?;
        Ok(Ordered { site: site.id, job })
    }
}

/// The variable that the administrator's password goes into.
fn password_variable(loaded: &Loaded) -> Option<&str> {
    loaded.blueprint.credentials.first().map(|credential| credential.password.as_str())
}

/// A password for a store's administrator; none if nothing was typed. The applications set no more rules of their own.
fn admin_password(typed: &SecretString) -> std::result::Result<Option<SecretString>, Invalid> {
    let text = typed.expose_secret();
    let bad = |message: &str| Err(Invalid::new("admin_password", message));
    match text.chars().count() {
        0 => Ok(None),
        1..8 => bad("Use at least 8 characters, or leave it empty and we generate one."),
        129.. => bad("Use at most 128 characters."),
        _ if text.chars().any(char::is_control) || text.trim() != text => {
            bad("Use no line breaks, and no blanks at the ends.")
        }
        _ => Ok(Some(typed.clone())),
    }
}

/// Keeps what a plan deploys: the blueprint, the images, and where the stack lies.
pub(crate) async fn record_revision(
    tx: &Tx,
    plan: &SitePlan,
    loaded: &Loaded,
    now: Timestamp,
) -> std::result::Result<(), DbError> {
    let revision = SiteRevision {
        site: plan.site,
        revision: plan.revision,
        blueprint_version: plan.blueprint_version.clone(),
        images: plan.images.clone(),
        job: Some(plan.job),
        created_at: now,
    };
    blueprint_version_put(tx, &loaded.stored(now)).await?;
    site_revision_put(tx, &revision).await?;
    if let Some(placement) = &plan.placement {
        sites::site_deployed(tx, plan.site, plan.revision, &plan.blueprint_version, placement).await?;
    }
    Ok(())
}
