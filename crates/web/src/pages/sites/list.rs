//! The dashboard: a customer's sites.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_core::view::PageNumber;
use stoa_model::{id::SiteId, status::StatusGroup};
use stoa_sites::view::{OwnerView, SiteAction, SiteFilter, SiteSort, SiteView};

use crate::{
    app::App,
    extract::{body::Query, permissions::LoggedIn},
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        list::{Filters, Finder, ListUrl, Pager},
        status::{self, Badge},
        time::{self, Moment},
    },
};

/// `/dashboard`
#[derive(Template)]
#[template(path = "sites/list.html")]
pub struct DashboardPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The sites.
    pub sites: Vec<SiteCard>,
    /// The list's search box and filters; none while there are few sites.
    pub finder: Option<(Finder, Filters)>,
    /// Where one is in the list.
    pub pager: Option<Pager>,
    /// Whether a job is in progress, so that the page refreshes itself.
    pub busy: bool,
}

/// From this number of sites on, a customer's list has a search box.
const MIN_SEARCHED: u64 = 7;

/// A site in a list.
pub struct SiteCard {
    /// Its id.
    pub id: SiteId,
    /// Title.
    pub title: String,
    /// Hostname.
    pub hostname: String,
    /// Title of its blueprint.
    pub blueprint: String,
    /// Owner, for staff.
    pub owner: Option<OwnerView>,
    /// Owner's id.
    pub customer: String,
    /// URL to open, if the site runs.
    pub open: Option<String>,
    /// Status.
    pub status: Badge,
    /// Why it is in its state.
    pub reason: Option<String>,
    /// Id of its unfinished job.
    pub job: Option<String>,
    /// Whether its login link is available.
    pub can_log_in: bool,
    /// When it was ordered.
    pub created: Moment,
}

impl SiteCard {
    /// The card of a site.
    pub fn new(site: SiteView, now: Timestamp) -> Self {
        Self {
            open: site.state.should_run().then_some(site.url),
            status: status::site(site.status),
            job: site.job.map(|job| job.to_string()),
            can_log_in: site.actions.contains(&SiteAction::LogIn),
            created: time::moment(site.created_at, now),
            customer: site.customer.to_string(),
            id: site.id,
            title: site.title,
            hostname: site.hostname,
            blueprint: site.blueprint_title,
            owner: site.owner,
            reason: site.reason,
        }
    }
}

/// What was chosen in a list of sites.
#[derive(Deserialize, Default)]
pub struct SitesQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(default, rename = "type")]
    blueprint: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    format: String,
}

impl SitesQuery {
    /// The filter; what is no filter is left out.
    pub fn filter(&self) -> SiteFilter {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        SiteFilter {
            customer: None,
            group: self.status.parse().ok(),
            blueprint: given(&self.blueprint),
            text: given(self.q.trim()),
        }
    }

    /// The order.
    pub fn order(&self) -> SiteSort {
        match self.sort.as_str() {
            "title" => SiteSort::Title,
            "oldest" => SiteSort::Oldest,
            _ => SiteSort::Newest,
        }
    }

    /// The page.
    pub fn page(&self) -> PageNumber {
        PageNumber::new(self.page.parse().unwrap_or(1))
    }

    /// Whether the whole list is wanted as a file.
    pub fn is_csv(&self) -> bool {
        self.format == "csv"
    }

    /// The address of the list at `path` with these choices.
    pub fn url(&self, path: &str) -> ListUrl {
        let chosen = [
            ("q", self.q.as_str()),
            ("status", self.status.as_str()),
            ("type", self.blueprint.as_str()),
            ("sort", self.sort.as_str()),
        ];
        ListUrl::new(path, &chosen)
    }

    /// The filters by status of the list at `url`.
    pub fn filters(&self, url: &ListUrl, groups: &[(StatusGroup, u64)], all: u64) -> Filters {
        let counted = |group: StatusGroup| groups.iter().find(|(of, _)| *of == group).map_or(0, |(_, n)| *n);
        let of_group = |group: &StatusGroup| (group.as_str(), status::group(*group), counted(*group));
        let filters = std::iter::once(("", "All", all)).chain(StatusGroup::ALL.iter().map(of_group));
        let current = self.filter().group.map_or("", StatusGroup::as_str);
        Filters::new("Status", url, "status", current, filters)
    }
}

/// The orders of a list of sites, as a menu has them.
pub const SORTS: [(&str, &str); 3] = [("", "Newest first"), ("oldest", "Oldest first"), ("title", "By title")];

/// `GET /dashboard`
pub async fn show(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    Query(query): Query<SitesQuery>,
) -> Result<Response, HttpError> {
    if frame.is_staff() {
        return Ok(ui::see_other("/staff"));
    }
    let found = app.control.sites.search(&cx, query.filter(), query.order(), query.page()).await?;
    let url = query.url("/dashboard");
    let finder = Finder::new(&url, "Search by name, domain").menu(&url, "sort", "Order", SORTS);
    let filters = query.filters(&url, &found.groups, found.all);
    let is_long = found.all >= MIN_SEARCHED || url.is_filtered();
    let pager = Pager::new(&found.sites, &url, false);
    let busy = found.sites.items.iter().any(|site| site.job.is_some());
    let sites = found.sites.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    let (finder, pager) = (is_long.then_some((finder, filters)), is_long.then_some(pager));
    Ok(ui::ok(&DashboardPage { frame, sites, finder, pager, busy }))
}
