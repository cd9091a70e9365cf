//! Rights as types. The service layer checks again, beside the data; these make sure that no
//! handler shows a page to somebody it isn't for.

use axum::{extract::FromRequestParts, http::request::Parts};
use stoa_control::{
    RequestContext,
    view::{DomainView, SiteView},
};
use stoa_model::{
    account::{Actor, Role},
    id::{DomainId, SiteId},
};

use super::id::Id;
use crate::{
    app::App,
    fault::{Fault, Kind},
    middleware::visit::Visit,
};

/// Anybody: no proof, only the context.
pub struct Caller(pub RequestContext);

/// A customer or somebody of the staff.
pub struct LoggedIn(pub RequestContext);

/// A customer.
pub struct Customer(pub RequestContext);

/// Somebody of the staff, with any role.
pub struct StaffMember(pub RequestContext);

/// Somebody of the staff who may change things: admin and up.
pub struct Administrator(pub RequestContext);

/// A site within the reach of who asks: the customer's own, or any for staff.
pub struct OwnSite {
    /// The context.
    pub cx: RequestContext,
    /// The site.
    pub site: SiteView,
}

/// A domain of a site within the reach of who asks.
pub struct OwnDomain {
    /// The context.
    pub cx: RequestContext,
    /// The domain.
    pub domain: DomainView,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let visit = Visit::of(&parts.extensions);
        match visit.broken {
            Some(fault) => Err(fault),
            None => Ok(Self(visit.request_context(app))),
        }
    }
}

impl FromRequestParts<App> for LoggedIn {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let Caller(cx) = Caller::from_request_parts(parts, app).await?;
        match cx.actor {
            Actor::Customer(_) | Actor::Staff(..) => Ok(Self(cx)),
            Actor::Nobody | Actor::System => Err(Fault::unauthenticated()),
        }
    }
}

impl FromRequestParts<App> for Customer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let LoggedIn(cx) = LoggedIn::from_request_parts(parts, app).await?;
        match cx.actor {
            Actor::Customer(_) => Ok(Self(cx)),
            _ => Err(Fault::new(Kind::Forbidden, "This page is for customers.")),
        }
    }
}

impl FromRequestParts<App> for StaffMember {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let LoggedIn(cx) = LoggedIn::from_request_parts(parts, app).await?;
        cx.require(Role::Support)?;
        Ok(Self(cx))
    }
}

impl FromRequestParts<App> for Administrator {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let StaffMember(cx) = StaffMember::from_request_parts(parts, app).await?;
        cx.require(Role::Admin)?;
        Ok(Self(cx))
    }
}

impl FromRequestParts<App> for OwnSite {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let LoggedIn(cx) = LoggedIn::from_request_parts(parts, app).await?;
        let Id(id): Id<SiteId> = Id::from_request_parts(parts, app).await?;
        let site = offered(&cx, app.control.site_get(&cx, id).await?);
        Ok(Self { cx, site })
    }
}

impl FromRequestParts<App> for OwnDomain {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let LoggedIn(cx) = LoggedIn::from_request_parts(parts, app).await?;
        let Id(id): Id<DomainId> = Id::from_request_parts(parts, app).await?;
        let domain = app.control.domain_get(&cx, id).await?;
        Ok(Self { cx, domain })
    }
}

/// Whether somebody may do more with sites than look at them.
pub fn may_change(cx: &RequestContext) -> bool {
    cx.actor.customer().is_some() || cx.actor.has_role(Role::Admin)
}

/// The site with the actions that are open to who asks: nobody is offered a button that is refused.
pub fn offered(cx: &RequestContext, mut site: SiteView) -> SiteView {
    if !may_change(cx) {
        site.actions.clear();
    }
    site
}
