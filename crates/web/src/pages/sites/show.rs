//! Overview of a site: state, address, logins, actions.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::{SignedDuration, Timestamp};
use stoa_core::{Error, RequestContext, view::JobView};
use stoa_model::{id::SiteId, secret::SecretString, site::SiteState, status::SiteStatus};
use stoa_sites::{
    DATA_MISSING,
    view::{CredentialView, NextStepView, OwnerView, SiteAction, SiteView, StorageView, TrafficHour},
};

use super::{
    activity::{self, ActivityLine},
    credentials::CredentialLine,
    suspension::SuspensionLine,
    traffic::day_summary::DaySummary,
};
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
    /// Status.
    pub status: Badge,
    /// Start, stop, restart, retry.
    pub actions: Vec<Action>,
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
            status: status::site(site.status),
            actions: site.actions.iter().filter_map(button).collect(),
            open: site.state.should_run(),
            can_log_in: may(SiteAction::LogIn),
            can_suspend: may(SiteAction::Suspend),
            can_delete: may(SiteAction::Delete),
            purge: site.purge_at.map(time::date),
            can_undelete: may(SiteAction::Undelete),
        }
    }

    /// Whether the page at `path` belongs to this tab. A form with errors is shown at its own address.
    pub fn is_tab(&self, tab: &str, path: &str) -> bool {
        let of = match path.trim_start_matches('/').split('/').nth(2) {
            Some("traffic") => "traffic",
            Some("usage") => "usage",
            Some("logs") => "logs",
            Some("mail") => "mail",
            Some("activity") => "activity",
            Some("domains" | "certificate" | "address") => "domains",
            Some("settings" | "delete" | "suspend" | "limits") => "settings",
            _ => "overview",
        };
        tab == of
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
    /// Why it does not respond, and what is done about it.
    pub outage: Option<Outage>,
    /// Id of its unfinished job.
    pub job: Option<String>,
    /// A warning that its storage fills up.
    pub storage: Option<String>,
    /// Whether its mail waits until there is a mail server.
    pub mail_waits: bool,
    /// Facts about its images.
    pub notices: Vec<String>,
    /// Title of its blueprint.
    pub blueprint: String,
    /// Owner, for staff.
    pub owner: Option<OwnerView>,
    /// Owner's id.
    pub customer: String,
    /// When it was ordered.
    pub created: Moment,
    /// When it was last checked.
    pub checked: Option<Moment>,
    /// Logins, for those who may see them.
    pub credentials: Option<Vec<CredentialLine>>,
    /// The latest jobs and events.
    pub activity: Vec<ActivityLine>,
    /// Whether it runs, so that resource usage can be shown.
    pub usage: bool,
    /// What it stores, if it was measured.
    pub stored: Option<String>,
    /// What its owner does first.
    pub next_steps: Vec<NextStepLine>,
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
    /// What it stores.
    pub storage: StorageView,
    /// What its owner does first.
    pub next_steps: Vec<NextStepView>,
    /// Whether its mail waits until there is a mail server.
    pub mail_waits: bool,
}

/// Something that the owner of a new store does first.
pub struct NextStepLine {
    /// What to do.
    pub title: String,
    /// Page of the application, reached through the one-click login.
    pub path: Option<String>,
    /// Address of the page, if no login is needed.
    pub href: Option<String>,
}

/// How long a store counts as new.
const NEW_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

fn next_steps(site: &SiteView, steps: Vec<NextStepView>, now: Timestamp) -> Vec<NextStepLine> {
    if !site.state.should_run() || now.duration_since(site.created_at) > NEW_FOR {
        return Vec::new();
    }
    let can_log_in = site.actions.contains(&SiteAction::LogIn);
    let line = |step: NextStepView| NextStepLine {
        href: (!can_log_in).then(|| format!("{}{}", site.url, step.path)),
        path: can_log_in.then_some(step.path),
        title: step.title,
    };
    let domain = NextStepLine {
        title: "Connect your own domain".into(),
        path: None,
        href: Some(format!("/sites/{}/domains", site.id)),
    };
    steps.into_iter().map(line).chain([domain]).collect()
}

/// Why a site does not respond.
pub struct Outage {
    /// Since when.
    pub since: Option<Moment>,
    /// What is wrong.
    pub what: String,
    /// What the platform does, or its owner can do.
    pub then: &'static str,
}

impl Outage {
    fn new(data: &SiteData, now: Timestamp) -> Option<Self> {
        let since = data.site.health_at.map(|at| time::moment(at, now));
        // Observations of the ordinary kind are told by the status; others say more.
        let latest = data.history.iter().find(|(_, kind, _)| kind == "health");
        let special = latest.map(|(_, _, text)| text).filter(|text| text.contains(DATA_MISSING));
        let (what, then) = match (data.site.status, special) {
            (SiteStatus::Offline, Some(text)) => {
                (text.clone(), "It starts automatically as soon as the data is back. Please contact support.")
            }
            (SiteStatus::Offline, None) => {
                ("A service of this store has stopped.".to_owned(), "We are restarting it automatically.")
            }
            (SiteStatus::NotResponding, _) => (
                "The store is running, but it doesn't pass its health check.".to_owned(),
                "Check the logs. If it doesn't recover within a few minutes, restart it.",
            ),
            _ => return None,
        };
        Some(Self { since, what, then })
    }
}

/// How many of the newest jobs and events the page lists.
const SHOWN_ACTIVITY: usize = 8;

impl SitePage {
    /// The page, with one login revealed if asked for.
    pub fn new(frame: Frame, data: SiteData, revealed: Option<(u32, SecretString)>, now: Timestamp) -> Self {
        let outage = Outage::new(&data, now);
        let SiteData { site, credentials, jobs, history, traffic, storage, next_steps: steps, mail_waits } = data;
        let line = |c: CredentialView| CredentialLine::new(c, revealed.as_ref());
        Self {
            frame,
            head: SiteHead::new(&site),
            suspensions: site.suspensions.iter().map(|s| SuspensionLine::new(s, now)).collect(),
            can_resume: site.actions.contains(&SiteAction::Resume),
            failed: site.state == SiteState::Failed,
            outage,
            job: site.job.map(|job| job.to_string()),
            customer: site.customer.to_string(),
            created: time::moment(site.created_at, now),
            checked: site.health_at.filter(|_| site.state.should_run()).map(|at| time::moment(at, now)),
            credentials: credentials.map(|all| all.into_iter().map(line).collect()),
            activity: activity::merge(&jobs, history, now).into_iter().take(SHOWN_ACTIVITY).collect(),
            next_steps: next_steps(&site, steps, now),
            stored: storage.measured_at.map(|_| time::bytes(storage.bytes)),
            usage: site.state.should_run(),
            day: DaySummary::new(&traffic),
            reason: site.reason,
            storage: storage.message,
            mail_waits,
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
        Err(Error::Forbidden(_) | Error::MemberRole(_)) => None,
        credentials => Some(credentials?),
    };
    let jobs = app.control.jobs.list_of_site(cx, id, SHOWN_ACTIVITY as u64).await?;
    let history = app.control.sites.history(cx, id).await?;
    let traffic = app.control.sites.traffic(cx, id, 24).await?;
    let storage = app.control.sites.storage(cx, id).await?;
    // A blueprint that is gone has no advice; the rest of the page stays.
    let next_steps = app.control.sites.list_next_steps(cx, id).await.unwrap_or_default();
    let mail_waits = site.state.should_run() && app.control.sites.mail_waits(cx, id).await?;
    Ok(SiteData { site, credentials, jobs, history, traffic, storage, next_steps, mail_waits })
}
