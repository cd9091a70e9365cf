//! Overview of a site: state, address, logins, actions.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use stoa_core::{Error, RequestContext, view::JobView};
use stoa_model::{id::SiteId, secret::SecretString, site::SiteState};
use stoa_sites::view::{CredentialView, OwnerView, SiteAction, SiteView, TrafficHour};

use super::{credentials::CredentialLine, suspension::SuspensionLine, traffic::day_summary::DaySummary};
use crate::{
    app::App,
    extract::permissions::AccessibleSite,
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        status::{self, Badge},
        time::{self, Moment},
    },
};

/// Heading shared by the pages of a site.
pub struct SiteHead {
    /// Its id.
    pub id: SiteId,
    /// Title.
    pub title: String,
    /// Hostname.
    pub hostname: String,
    /// Address.
    pub url: String,
    /// State.
    pub state: Badge,
    /// Health.
    pub health: Option<Badge>,
    /// Whether it runs, so that its address can be opened.
    pub open: bool,
    /// Whether its login link is available.
    pub can_log_in: bool,
    /// Whether the viewer can suspend it.
    pub can_suspend: bool,
    /// Whether it can be deleted.
    pub can_delete: bool,
    /// Day of its purge, if it is marked for deletion.
    pub purge: Option<String>,
    /// Whether the deletion can be undone.
    pub can_undelete: bool,
}

impl SiteHead {
    /// The heading of a site.
    pub fn new(site: &SiteView) -> Self {
        let may = |action| site.actions.contains(&action);
        Self {
            id: site.id,
            title: site.title.clone(),
            hostname: site.hostname.clone(),
            url: site.url.clone(),
            state: status::site(site.state),
            health: status::health(site.state, site.health),
            open: site.state.should_run(),
            can_log_in: may(SiteAction::LogIn),
            can_suspend: may(SiteAction::Suspend),
            can_delete: may(SiteAction::Delete),
            purge: site.purge_at.map(time::date),
            can_undelete: may(SiteAction::Undelete),
        }
    }
}

/// `/sites/{id}`
#[derive(Template)]
#[template(path = "sites/show.html")]
pub struct SitePage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading shared by the pages of a site.
    pub head: SiteHead,
    /// Why it is suspended.
    pub suspensions: Vec<SuspensionLine>,
    /// Whether the viewer can end its suspensions.
    pub can_resume: bool,
    /// Why it is in its state.
    pub reason: Option<String>,
    /// Whether its creation failed.
    pub failed: bool,
    /// Id of its unfinished job.
    pub job: Option<String>,
    /// Start, stop, restart, retry.
    pub actions: Vec<Action>,
    /// A warning that its storage fills up.
    pub storage: Option<String>,
    /// Facts about its images.
    pub notices: Vec<String>,
    /// Title of its blueprint.
    pub blueprint: String,
    /// Owner, for staff.
    pub owner: Option<OwnerView>,
    /// When it was ordered.
    pub created: Moment,
    /// When it was last checked.
    pub checked: Option<Moment>,
    /// Logins, for those who may see them.
    pub credentials: Option<Vec<CredentialLine>>,
    /// Latest jobs.
    pub jobs: Vec<JobLine>,
    /// Events.
    pub history: Vec<(Moment, String)>,
    /// Whether it runs, so that resource usage can be shown.
    pub usage: bool,
    /// The last 24 hours.
    pub day: DaySummary,
}

/// A button.
pub struct Action {
    /// Last segment of its URL.
    pub path: &'static str,
    /// Label.
    pub label: &'static str,
    /// Icon.
    pub icon: &'static str,
}

/// A job in a site's list.
pub struct JobLine {
    /// Its id.
    pub id: String,
    /// Title.
    pub title: String,
    /// State.
    pub state: Badge,
    /// When it was queued.
    pub at: Moment,
    /// Duration.
    pub took: Option<String>,
}

impl JobLine {
    /// The line of a job.
    pub fn new(job: &JobView, now: Timestamp) -> Self {
        let took = job.started_at.zip(job.ended_at).map(|(from, to)| to.duration_since(from).as_millis());
        Self {
            id: job.id.to_string(),
            title: job.title.clone(),
            state: status::job(job.state),
            at: time::moment(job.queued_at, now),
            took: took.and_then(|ms| u64::try_from(ms).ok()).map(time::duration),
        }
    }
}

/// Data of a site's page.
pub struct SiteData {
    /// The site.
    pub site: SiteView,
    /// Its logins, for those who may see them.
    pub credentials: Option<Vec<CredentialView>>,
    /// Its jobs.
    pub jobs: Vec<JobView>,
    /// Events: time, kind, text.
    pub history: Vec<(Timestamp, String, String)>,
    /// Traffic of the last 24 hours.
    pub traffic: Vec<TrafficHour>,
    /// A warning that its storage fills up.
    pub storage: Option<String>,
}

/// How many of the newest jobs the page lists.
const SHOWN_JOBS: u64 = 5;

impl SitePage {
    /// The page, with one login revealed if asked for.
    pub fn new(frame: Frame, data: SiteData, revealed: Option<(u32, SecretString)>, now: Timestamp) -> Self {
        let SiteData { site, credentials, jobs, history, traffic, storage } = data;
        let line = |c: CredentialView| CredentialLine::new(c, revealed.as_ref());
        Self {
            frame,
            head: SiteHead::new(&site),
            suspensions: site.suspensions.iter().map(|s| SuspensionLine::new(s, now)).collect(),
            can_resume: site.actions.contains(&SiteAction::Resume),
            failed: site.state == SiteState::Failed,
            job: site.job.map(|job| job.to_string()),
            actions: site.actions.iter().filter_map(button).collect(),
            created: time::moment(site.created_at, now),
            checked: site.health_at.filter(|_| site.state.should_run()).map(|at| time::moment(at, now)),
            credentials: credentials.map(|all| all.into_iter().map(line).collect()),
            jobs: jobs.iter().map(|job| JobLine::new(job, now)).collect(),
            history: history.into_iter().take(12).map(|(at, _, text)| (time::moment(at, now), text)).collect(),
            usage: site.state.should_run(),
            day: DaySummary::new(&traffic),
            reason: site.reason,
            storage,
            notices: site.notices,
            blueprint: site.blueprint_title,
            owner: site.owner,
        }
    }
}

/// Buttons for the everyday actions; logging in, deleting and suspending are elsewhere.
fn button(action: &SiteAction) -> Option<Action> {
    let (label, icon) = match action {
        SiteAction::Start => ("Start", "play"),
        SiteAction::Stop => ("Stop", "stop"),
        SiteAction::Restart => ("Restart", "restart"),
        SiteAction::Retry => ("Try again", "restart"),
        SiteAction::Suspend | SiteAction::Resume | SiteAction::Delete | SiteAction::Undelete | SiteAction::LogIn => {
            return None;
        }
    };
    Some(Action { path: action.as_str(), label, icon })
}

/// `GET /sites/{id}`
pub async fn show(State(app): State<App>, access: AccessibleSite, frame: Frame) -> Result<Response, HttpError> {
    page(&app, access, frame, None).await
}

/// The page of a site, with one login revealed if asked for.
pub(super) async fn page(
    app: &App,
    AccessibleSite { cx, site }: AccessibleSite,
    frame: Frame,
    revealed: Option<(u32, SecretString)>,
) -> Result<Response, HttpError> {
    let data = load(app, &cx, site).await?;
    Ok(ui::ok(&SitePage::new(frame, data, revealed, cx.now)))
}

async fn load(app: &App, cx: &RequestContext, site: SiteView) -> Result<SiteData, HttpError> {
    let id = site.id;
    // Support staff can't see logins.
    let credentials = match app.control.sites.list_credentials(cx, id).await {
        Err(Error::Forbidden(_)) => None,
        credentials => Some(credentials?),
    };
    let jobs = app.control.jobs.list_of_site(cx, id, SHOWN_JOBS).await?;
    let history = app.control.sites.history(cx, id).await?;
    let traffic = app.control.sites.traffic(cx, id, 24).await?;
    let storage = app.control.sites.storage_warning(cx, id).await?;
    Ok(SiteData { site, credentials, jobs, history, traffic, storage })
}
