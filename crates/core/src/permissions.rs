//! Who may do what. Every command checks its actor here, whoever called it; a route checks before (`stoa_web`'s
//! extractors), so that a page is refused before it is read.
//!
//! Another customer's site is *not found*, never *forbidden*, so that its existence is not disclosed.

use stoa_db::{Conn, Db, Tx, billing::subscriptions::subscription_of_site, jobs, sites, users};
use stoa_model::{
    account::{Actor, Role},
    billing::access::Access,
    id::{CustomerId, SiteId},
    job::JobKind,
    member::Permission,
    site::{Lifecycle, Site},
};

use crate::{Error, RequestContext, Result, Settings};

impl RequestContext {
    /// The customer who sent the command.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the actor is not a customer.
    pub fn customer(&self) -> Result<CustomerId> {
        self.actor.customer().ok_or(Error::Unauthenticated("Please log in."))
    }

    /// Requires that the actor has at least this role.
    ///
    /// # Errors
    /// `Unauthenticated` without an actor, `Forbidden` for an actor below the role.
    pub fn require(&self, minimum: Role) -> Result<()> {
        match self.actor {
            Actor::Nobody => Err(Error::Unauthenticated("Please log in.")),
            _ if self.actor.has_role(minimum) => Ok(()),
            _ => Err(Error::Forbidden(minimum.as_str())),
        }
    }

    /// Whether the person's role in their organization allows these actions.
    pub fn may(&self, permission: Permission) -> bool {
        self.member.is_none_or(|member| member.role.allows(permission))
    }

    /// Requires that the person's role in their organization allows these actions.
    ///
    /// # Errors
    /// [`Error::MemberRole`] if it doesn't.
    pub fn require_permission(&self, permission: Permission) -> Result<()> {
        match self.member {
            Some(member) if !member.role.allows(permission) => Err(Error::MemberRole(member.role.label())),
            _ => Ok(()),
        }
    }
}

/// Whether the person behind a command, or the founder of the customer without one, has not verified their address.
/// Customers whom only the previous release knows count as verified.
pub async fn is_unverified(c: &impl Conn, cx: &RequestContext, customer: CustomerId) -> Result<bool> {
    if cx.actor.customer().is_none() {
        return Ok(false);
    }
    let user = cx.member.map_or(customer.founder(), |member| member.user);
    Ok(users::user_get(c, user).await?.is_some_and(|user| user.verified_at.is_none()))
}

/// Requires a verified address of a customer's person; `what` is what waits for it.
///
/// # Errors
/// [`Error::Conflict`] without one.
pub async fn require_verified(c: &impl Conn, cx: &RequestContext, customer: CustomerId, what: &str) -> Result<()> {
    if !is_unverified(c, cx, customer).await? {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "Verify your e-mail address first, then {what}. Open the link that we sent you, or request a new one on your \
         account page."
    )))
}

/// The site, if the actor may read it: its owner, or staff with at least the role support.
///
/// # Errors
/// [`Error::NotFound`] for another customer's or a deleted site; without a role.
pub async fn readable_site(db: &Db, cx: &RequestContext, id: SiteId) -> Result<Site> {
    let found = match cx.actor {
        Actor::Customer(customer) => sites::site_of(db, customer, id).await?,
        Actor::Nobody | Actor::Staff(..) | Actor::System => {
            cx.require(Role::Support)?;
            sites::site_get(db, id).await?
        }
    };
    found.filter(|site| site.lifecycle != Lifecycle::Deleted).ok_or(Error::NotFound("site"))
}

/// The site, if the actor may change it: its owner while nothing is overdue, or staff with at least the role admin.
///
/// # Errors
/// As [`managed_site`]; [`Error::Conflict`] for its owner while a payment is overdue for long.
pub async fn writable_site(db: &Db, cx: &RequestContext, id: SiteId) -> Result<Site> {
    let site = managed_site(db, cx, id).await?;
    if cx.actor.customer().is_some()
        && let Some(held) = subscription_of_site(db, id).await?
        && !held.access.allows_changes()
    {
        let why = match held.access {
            Access::Ended => "The subscription of this site has ended, so it can't be changed.",
            _ => "A payment for this site is overdue, so it can't be changed until it is paid. See Billing.",
        };
        return Err(Error::Conflict(why.into()));
    }
    Ok(site)
}

/// The site, if it is the actor's business, whatever was paid: its owner's, or that of staff with at least the role admin.
/// For what must always be possible, such as deleting it.
///
/// # Errors
/// As [`readable_site`]; [`Error::Forbidden`] for support; [`Error::MemberRole`] for members who only read.
pub async fn managed_site(db: &Db, cx: &RequestContext, id: SiteId) -> Result<Site> {
    let site = readable_site(db, cx, id).await?;
    match cx.actor {
        Actor::Customer(_) => cx.require_permission(Permission::ChangeSites)?,
        Actor::Nobody | Actor::Staff(..) | Actor::System => cx.require(Role::Admin)?,
    }
    Ok(site)
}

/// Fails if the site has an unfinished job.
///
/// # Errors
/// [`Error::Conflict`] then.
pub async fn ensure_idle(tx: &Tx, site: SiteId) -> Result<()> {
    ensure_no_job_but(tx, site, None).await
}

/// Fails if the site has an unfinished job of another kind than this.
///
/// # Errors
/// [`Error::Conflict`] then.
pub async fn ensure_no_job_but(tx: &Tx, site: SiteId, allowed: Option<JobKind>) -> Result<()> {
    match jobs::job_active(tx, site).await? {
        Some(job) if Some(job.kind) != allowed => {
            Err(Error::Conflict("A job is working on this site. Wait for it, or cancel it.".into()))
        }
        _ => Ok(()),
    }
}

impl Settings {
    /// The URL that the site's application is configured with. If none was set yet, the plain HTTP URL of the site's
    /// hostname.
    pub fn application_url(&self, site: &Site) -> String {
        site.url.clone().unwrap_or_else(|| self.site_url(&site.hostname, false))
    }
}
