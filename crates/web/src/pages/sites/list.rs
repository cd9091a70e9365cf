//! The dashboard: a customer's sites.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_model::id::SiteId;
use stoa_sites::view::{OwnerView, SiteAction, SiteView};

use crate::{
    app::App,
    extract::{body::Query, permissions::LoggedIn},
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        status::{self, Badge},
        time::{self, Moment},
    },
};

/// Sites per page.
pub const PAGE_SIZE: u32 = 24;

/// `/dashboard`
#[derive(Template)]
#[template(path = "sites/list.html")]
pub struct DashboardPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The sites, newest first.
    pub sites: Vec<SiteCard>,
    /// Cursor of the next page.
    pub next: Option<String>,
    /// Whether a job is in progress, so that the page refreshes itself.
    pub busy: bool,
}

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
    /// URL to open, if the site runs.
    pub open: Option<String>,
    /// State.
    pub state: Badge,
    /// Health.
    pub health: Option<Badge>,
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
            state: status::site(site.state),
            health: status::health(site.state, site.health),
            job: site.job.map(|job| job.to_string()),
            can_log_in: site.actions.contains(&SiteAction::LogIn),
            created: time::moment(site.created_at, now),
            id: site.id,
            title: site.title,
            hostname: site.hostname,
            blueprint: site.blueprint_title,
            owner: site.owner,
            reason: site.reason,
        }
    }
}

/// Page of a list.
#[derive(Deserialize)]
pub struct PageQuery {
    /// Id of the last item of the previous page.
    #[serde(default)]
    pub before: Option<String>,
}

impl PageQuery {
    /// The id; an invalid one means the first page.
    pub fn site(&self) -> Option<SiteId> {
        self.before.as_deref().and_then(|id| id.parse().ok())
    }
}

/// `GET /dashboard`
pub async fn show(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    Query(query): Query<PageQuery>,
) -> Result<Response, HttpError> {
    if frame.is_staff() {
        return Ok(ui::see_other("/staff"));
    }
    let page = app.control.sites.list(&cx, query.site(), PAGE_SIZE).await?;
    let busy = page.items.iter().any(|site| site.job.is_some());
    let sites = page.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    Ok(ui::ok(&DashboardPage { frame, sites, next: page.next, busy }))
}
