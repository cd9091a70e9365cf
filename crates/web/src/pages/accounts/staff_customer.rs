//! One customer, for staff: who they are, and their sites.

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_core::view::PageNumber;
use stoa_model::{account::Role, id::CustomerId};
use stoa_sites::view::{SiteFilter, SiteSort};

use super::staff_customers::CustomerLine;
use crate::{
    app::App,
    extract::{id::Id, permissions::StaffMember},
    http_error::HttpError,
    pages::sites::list::SiteCard,
    ui::{self, frame::Frame},
};

/// `/staff/customers/{id}`
#[derive(Template)]
#[template(path = "accounts/staff_customer.html")]
pub struct CustomerPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The customer.
    pub customer: CustomerLine,
    /// The newest of their sites.
    pub sites: Vec<SiteCard>,
    /// Whether the viewer may read the audit log.
    pub can_audit: bool,
}

/// `GET /staff/customers/{id}`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<CustomerId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    let customer = app.control.accounts.get_customer(&cx, id).await?;
    let filter = SiteFilter { customer: Some(id), ..SiteFilter::default() };
    let found = app.control.sites.search(&cx, filter, SiteSort::Newest, PageNumber::default()).await?;
    let customer = CustomerLine::new(customer, found.all, cx.now);
    let sites = found.sites.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    Ok(ui::ok(&CustomerPage { frame, customer, sites, can_audit: cx.actor.has_role(Role::Admin) }))
}
