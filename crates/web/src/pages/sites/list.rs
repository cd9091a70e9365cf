//! A customer's sites: the dashboard.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_control::view::{OwnerView, SiteAction, SiteView};
use stoa_model::id::SiteId;

use crate::{
    app::App,
    extract::{body::Query, rights::LoggedIn},
    fault::Fault,
    ui::{
        self,
        frame::Frame,
        status::{self, Badge},
        time::{self, Moment},
    },
};

/// How many sites a page of the list holds.
pub const PAGE: u32 = 24;

/// `/dashboard`
#[derive(Template)]
#[template(path = "sites/list.html")]
pub struct DashboardPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The sites, newest first.
    pub sites: Vec<SiteCard>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Whether something is under way, so that the page looks again by itself.
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
    /// Blueprint in words.
    pub blueprint: String,
    /// Its owner, for staff.
    pub owner: Option<OwnerView>,
    /// Address to open, if there is something to see.
    pub open: Option<String>,
    /// State.
    pub state: Badge,
    /// Health.
    pub health: Option<Badge>,
    /// Why, in words.
    pub reason: Option<String>,
    /// Its unfinished job.
    pub job: Option<String>,
    /// Whether its administration can be entered with one click.
    pub can_log_in: bool,
    /// When it was ordered.
    pub created: Moment,
}

impl SiteCard {
    /// What a list shows of a site.
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

/// Where a page of a list begins.
#[derive(Deserialize)]
pub struct Before {
    /// Id of the last item of the page before.
    #[serde(default)]
    pub before: Option<String>,
}

impl Before {
    /// The id; a broken one begins at the top.
    pub fn site(&self) -> Option<SiteId> {
        self.before.as_deref().and_then(|id| id.parse().ok())
    }
}

/// `GET /dashboard`
pub async fn show(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    Query(before): Query<Before>,
) -> Result<Response, Fault> {
    if frame.is_staff() {
        return Ok(ui::see_other("/staff"));
    }
    let page = app.control.site_list(&cx, before.site(), PAGE).await?;
    let busy = page.items.iter().any(|site| site.job.is_some());
    let sites = page.items.into_iter().map(|site| SiteCard::new(site, cx.now)).collect();
    Ok(ui::ok(&DashboardPage { frame, sites, next: page.next, busy }))
}
