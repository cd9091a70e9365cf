//! The sites of all customers.

use askama::Template;
use axum::{extract::State, response::Response};

use super::list::{PageQuery, SiteCard};
use crate::{
    app::App,
    extract::{
        body::Query,
        permissions::{StaffMember, can_change_sites},
    },
    http_error::HttpError,
    ui::{self, frame::Frame},
};

/// Sites per page.
const PAGE_SIZE: u32 = 50;

/// `/staff/sites`
#[derive(Template)]
#[template(path = "sites/staff_list.html")]
pub struct SitesPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The sites, newest first.
    pub sites: Vec<SiteCard>,
    /// Cursor of the next page.
    pub next: Option<String>,
    /// Whether the viewer may order a store for a customer.
    pub may_order: bool,
}

/// `GET /staff/sites`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<PageQuery>,
) -> Result<Response, HttpError> {
    let page = app.control.sites.list(&cx, query.site(), PAGE_SIZE).await?;
    let sites = page.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    Ok(ui::ok(&SitesPage { frame, sites, next: page.next, may_order: can_change_sites(&cx) }))
}
