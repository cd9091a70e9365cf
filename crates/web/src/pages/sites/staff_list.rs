//! The sites of all customers.

use askama::Template;
use axum::{extract::State, response::Response};

use super::list::{Before, SiteCard};
use crate::{
    app::App,
    extract::{
        body::Query,
        rights::{StaffMember, may_change},
    },
    fault::Fault,
    ui::{self, frame::Frame},
};

/// How many sites a page of the list holds.
const PAGE: u32 = 50;

/// `/staff/sites`
#[derive(Template)]
#[template(path = "sites/staff_list.html")]
pub struct SitesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The sites, newest first.
    pub sites: Vec<SiteCard>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Whether who looks may order a store for somebody.
    pub may_order: bool,
}

/// `GET /staff/sites`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(before): Query<Before>,
) -> Result<Response, Fault> {
    let page = app.control.site_list(&cx, before.site(), PAGE).await?;
    let sites = page.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    Ok(ui::ok(&SitesPage { frame, sites, next: page.next, may_order: may_change(&cx) }))
}
