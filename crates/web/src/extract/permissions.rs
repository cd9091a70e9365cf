//! Permissions as extractors, so that no handler can skip the check. The service layer checks again, beside the
//! data.

use axum::{extract::FromRequestParts, http::request::Parts};
use stoa_core::RequestContext;
use stoa_domains::view::DomainView;
use stoa_model::{
    account::{Actor, Role},
    id::{DomainId, SiteId},
    member::Permission,
};
use stoa_sites::view::SiteView;

use super::{id::Id, staff_reads};
use crate::{
    app::App,
    http_error::{ErrorKind, HttpError},
    middleware::auth::RequestAuth,
};

/// Anyone, logged in or not.
pub struct Caller(pub RequestContext);

/// A customer or a staff member.
pub struct LoggedIn(pub RequestContext);

/// A customer.
pub struct Customer(pub RequestContext);

/// A staff member with any role.
pub struct StaffMember(pub RequestContext);

/// A staff member who may change things: role admin or higher.
pub struct Administrator(pub RequestContext);

/// A staff member who manages staff and settings: role super_admin.
pub struct SuperAdministrator(pub RequestContext);

/// A site that the caller can access: one of the customer's own, or any for staff.
pub struct AccessibleSite {
    /// The context.
    pub cx: RequestContext,
    /// The site.
    pub site: SiteView,
}

/// A domain of a site that the caller can access.
pub struct AccessibleDomain {
    /// The context.
    pub cx: RequestContext,
    /// The domain.
    pub domain: DomainView,
}

impl FromRequestParts<App> for Caller {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let auth = RequestAuth::from_extensions(&parts.extensions);
        match auth.failure {
            Some(error) => Err(error),
            None => Ok(Self(auth.request_context(app))),
        }
    }
}

impl FromRequestParts<App> for LoggedIn {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let Caller(cx) = Caller::from_request_parts(parts, app).await?;
        match cx.actor {
            Actor::Customer(_) | Actor::Staff(..) => Ok(Self(cx)),
            Actor::Nobody | Actor::System => Err(HttpError::unauthenticated()),
        }
    }
}

impl FromRequestParts<App> for Customer {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let LoggedIn(cx) = LoggedIn::from_request_parts(parts, app).await?;
        match cx.actor {
            Actor::Customer(_) => Ok(Self(cx)),
            _ => Err(HttpError::new(ErrorKind::Forbidden, "This page is for customers.")),
        }
    }
}

impl FromRequestParts<App> for StaffMember {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let LoggedIn(cx) = LoggedIn::from_request_parts(parts, app).await?;
        cx.require(Role::Support)?;
        Ok(Self(cx))
    }
}

impl FromRequestParts<App> for Administrator {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let StaffMember(cx) = StaffMember::from_request_parts(parts, app).await?;
        cx.require(Role::Admin)?;
        Ok(Self(cx))
    }
}

impl FromRequestParts<App> for SuperAdministrator {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let StaffMember(cx) = StaffMember::from_request_parts(parts, app).await?;
        cx.require(Role::SuperAdmin)?;
        Ok(Self(cx))
    }
}

impl FromRequestParts<App> for AccessibleSite {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let LoggedIn(cx) = LoggedIn::from_request_parts(parts, app).await?;
        let Id(id): Id<SiteId> = Id::from_request_parts(parts, app).await?;
        let site = with_permitted_actions(&cx, app.control.sites.get(&cx, id).await?);
        let data = staff_reads::data_at(parts.uri.path(), site.id);
        app.control.core.audit_staff_read(&cx, site.customer, data).await?;
        Ok(Self { cx, site })
    }
}

impl FromRequestParts<App> for AccessibleDomain {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let LoggedIn(cx) = LoggedIn::from_request_parts(parts, app).await?;
        let Id(id): Id<DomainId> = Id::from_request_parts(parts, app).await?;
        let domain = app.control.domains.get_domain(&cx, id).await?;
        Ok(Self { cx, domain })
    }
}

/// Whether the caller may change the sites they can access, rather than only view them.
pub fn can_change_sites(cx: &RequestContext) -> bool {
    (cx.actor.customer().is_some() && cx.may(Permission::ChangeSites)) || cx.actor.has_role(Role::Admin)
}

/// Removes the actions that the caller is not permitted to take, so that no page offers them.
pub fn with_permitted_actions(cx: &RequestContext, mut site: SiteView) -> SiteView {
    if !can_change_sites(cx) {
        site.actions.clear();
    }
    site
}
