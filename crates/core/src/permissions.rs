//! Who may do what. Every command checks its actor here, whoever called it; a route checks before (`stoa_web`'s
//! extractors), so that a page is refused before it is read.
//!
//! Another customer's site is *not found*, never *forbidden*, so that its existence is not disclosed.

use stoa_db::{Db, Tx, jobs, sites};
use stoa_model::{
    account::{Actor, Role},
    id::{CustomerId, SiteId},
    job::JobKind,
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

/// The site, if the actor may change it: its owner, or staff with at least the role admin.
///
/// # Errors
/// As [`readable_site`]; [`Error::Forbidden`] for support.
pub async fn writable_site(db: &Db, cx: &RequestContext, id: SiteId) -> Result<Site> {
    let site = readable_site(db, cx, id).await?;
    if cx.actor.customer().is_none() {
        cx.require(Role::Admin)?;
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
