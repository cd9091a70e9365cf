//! The sites of all customers.

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_core::RequestContext;
use stoa_sites::view::SiteView;

use super::list::{SORTS, SiteCard, SitesQuery};
use crate::{
    app::App,
    extract::{
        body::Query,
        permissions::{StaffMember, can_change_sites},
    },
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        list::{Filters, Finder, Pager, csv_of_all},
    },
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
    /// The list's search box.
    pub finder: Finder,
    /// Filters by status.
    pub filters: Filters,
    /// Whether anything is searched or filtered.
    pub is_filtered: bool,
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
    let url = query.url(PATH);
    let found = app.control.sites.search(&cx, query.filter(), query.order(), query.page()).await?;
    let blueprints = app.control.sites.list_blueprints(&cx).await?;
    let types = blueprints.iter().map(|view| (view.name.as_str(), view.title.as_str()));
    let finder = Finder::new(&url, "Search by name, domain, owner")
        .menu(&url, "type", "Type", [("", "All types")].into_iter().chain(types))
        .menu(&url, "sort", "Order", SORTS);
    let filters = query.filters(&url, &found.groups, found.all);
    let pager = Pager::new(&found.sites, &url, true);
    let sites = found.sites.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    let (is_filtered, may_order) = (url.is_filtered(), can_change_sites(&cx));
    Ok(ui::ok(&SitesPage { frame, sites, finder, filters, is_filtered, pager, may_order }))
}

async fn csv(app: &App, cx: &RequestContext, query: &SitesQuery) -> Result<Response, HttpError> {
    let find = async |page| Ok(app.control.sites.search(cx, query.filter(), query.order(), page).await?.sites);
    let row = |site: SiteView| {
        let (company, email) = site.owner.map(|owner| (owner.company, owner.email)).unwrap_or_default();
        let id = site.id.to_string();
        let (status, created) = (site.status.to_string(), site.created_at.to_string());
        vec![id, site.title, site.hostname, site.blueprint, status, company, email, created]
    };
    let head = ["id", "title", "hostname", "type", "status", "owner", "email", "created"];
    csv_of_all("sites", &head, find, row).await
}
