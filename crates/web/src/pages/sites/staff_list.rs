//! The sites of all customers.

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_core::{RequestContext, view::PageNumber};

use super::list::{Finder, SiteCard, SitesQuery};
use crate::{
    app::App,
    extract::{
        body::Query,
        permissions::{StaffMember, can_change_sites},
    },
    http_error::HttpError,
    ui::{self, frame::Frame, list::Pager},
};

const PATH: &str = "/staff/sites";

/// `/staff/sites`
#[derive(Template)]
#[template(path = "sites/staff_list.html")]
pub struct SitesPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The sites.
    pub sites: Vec<SiteCard>,
    /// The list's search box and filters.
    pub finder: Finder,
    /// Where one is in the list.
    pub pager: Pager,
    /// Whether the viewer may order a store for a customer.
    pub may_order: bool,
}

/// `GET /staff/sites`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<SitesQuery>,
) -> Result<Response, HttpError> {
    if query.is_csv() {
        return csv(&app, &cx, &query).await;
    }
    let found = app.control.sites.search(&cx, query.filter(), query.order(), query.page()).await?;
    let blueprints = app.control.sites.list_blueprints(&cx).await?;
    let finder = query.finder(PATH, &found.groups, found.all, &blueprints);
    let pager = Pager::new(&found.sites, &query.url(PATH), true);
    let sites = found.sites.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    Ok(ui::ok(&SitesPage { frame, sites, finder, pager, may_order: can_change_sites(&cx) }))
}

async fn csv(app: &App, cx: &RequestContext, query: &SitesQuery) -> Result<Response, HttpError> {
    let (mut rows, mut page) = (Vec::new(), PageNumber::default());
    loop {
        let found = app.control.sites.search(cx, query.filter(), query.order(), page).await?.sites;
        if found.items.is_empty() {
            break;
        }
        rows.extend(found.items.into_iter().map(|site| {
            let (company, email) = site.owner.map(|owner| (owner.company, owner.email)).unwrap_or_default();
            let id = site.id.to_string();
            let (status, created) = (site.status.to_string(), site.created_at.to_string());
            vec![id, site.title, site.hostname, site.blueprint, status, company, email, created]
        }));
        page = page.following();
    }
    Ok(ui::list::csv("sites", &["id", "title", "hostname", "type", "status", "owner", "email", "created"], &rows))
}
