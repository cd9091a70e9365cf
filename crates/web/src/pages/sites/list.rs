//! The dashboard: a customer's sites.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_core::view::PageNumber;
use stoa_model::{id::SiteId, status::StatusGroup};
use stoa_sites::view::{BlueprintView, OwnerView, SiteAction, SiteFilter, SiteSort, SiteView};

use crate::{
    app::App,
    extract::{body::Query, permissions::LoggedIn},
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        list::{Filters, ListUrl, Pager},
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
    pub finder: Option<Finder>,
    /// Where one is in the list.
    pub pager: Option<Pager>,
    /// Whether a job is in progress, so that the page refreshes itself.
    pub busy: bool,
}

/// What a list of sites is searched and filtered by.
pub struct Finder {
    /// Text searched for.
    pub text: String,
    /// Choices to keep.
    pub hidden: Vec<(&'static str, String)>,
    /// Filters by status.
    pub filters: Filters,
    /// The orders: value, label, whether it is the current one.
    pub sorts: Vec<(&'static str, &'static str, bool)>,
    /// The types: value, label, whether it is the current one; empty if there is nothing to choose.
    pub types: Vec<(String, String, bool)>,
    /// Whether anything is searched or filtered.
    pub is_filtered: bool,
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

    /// The search box and the filters of the list at `path`.
    pub fn finder(&self, path: &str, groups: &[(StatusGroup, u64)], all: u64, types: &[BlueprintView]) -> Finder {
        let url = self.url(path);
        let counted = |group: StatusGroup| groups.iter().find(|(of, _)| *of == group).map_or(0, |(_, n)| *n);
        let of_group = |group: &StatusGroup| (group.as_str(), status::group(*group), counted(*group));
        let filters = std::iter::once(("", "All", all)).chain(StatusGroup::ALL.iter().map(of_group));
        let current = self.filter().group.map_or("", StatusGroup::as_str);
        let sorts = [("", "Newest first"), ("oldest", "Oldest first"), ("title", "By title")];
        let types = types.iter().map(|view| {
            let is_current = view.name == self.blueprint;
            (view.name.clone(), view.title.clone(), is_current)
        });
        Finder {
            text: self.q.clone(),
            hidden: url.hidden(&["q", "sort", "type"]),
            filters: Filters::new("Status", &url, "status", current, filters),
            sorts: sorts.map(|(value, label)| (value, label, value == self.sort)).to_vec(),
            types: types.collect(),
            is_filtered: url.is_filtered(),
        }
    }
}

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
    let finder = query.finder("/dashboard", &found.groups, found.all, &[]);
    let is_long = found.all >= MIN_SEARCHED || finder.is_filtered;
    let pager = Pager::new(&found.sites, &url, false);
    let busy = found.sites.items.iter().any(|site| site.job.is_some());
    let sites = found.sites.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    let (finder, pager) = (is_long.then_some(finder), is_long.then_some(pager));
    Ok(ui::ok(&DashboardPage { frame, sites, finder, pager, busy }))
}
