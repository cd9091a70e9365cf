//! What happened to a site: its jobs and its events in one list, newest first.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use stoa_core::view::JobView;

use super::show::{JobLine, SiteHead};
use crate::{
    app::App,
    extract::permissions::AccessibleSite,
    http_error::HttpError,
    ui::{
        self,
        frame::Frame,
        time::{self, Moment},
    },
};

/// Jobs that the page lists at most; the history keeps as many events.
const MAX_JOBS: u64 = 100;

/// `/sites/{id}/activity`
#[derive(Template)]
#[template(path = "sites/activity.html")]
pub struct ActivityPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading shared by the pages of a site.
    pub head: SiteHead,
    /// The activity, newest first.
    pub activity: Vec<ActivityLine>,
}

/// A job or an event.
pub enum ActivityLine {
    /// A job.
    Job(JobLine),
    /// An event: when, and what.
    Event(Moment, String),
}

/// Kinds of events that only repeat what a job in the same list says.
const TOLD_BY_JOBS: &[&str] = &["created", "failed", "started", "stopped", "restarted", "updated", "address"];

/// Jobs and events in one list, newest first.
pub fn merge(jobs: &[JobView], history: Vec<(Timestamp, String, String)>, now: Timestamp) -> Vec<ActivityLine> {
    let jobs = jobs.iter().map(|job| (job.queued_at, ActivityLine::Job(JobLine::new(job, now))));
    let events = history
        .into_iter()
        .filter(|(_, kind, _)| !TOLD_BY_JOBS.contains(&kind.as_str()))
        .map(|(at, _, text)| (at, ActivityLine::Event(time::moment(at, now), text)));
    let mut all: Vec<_> = jobs.chain(events).collect();
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.into_iter().map(|(_, line)| line).collect()
}

/// `GET /sites/{id}/activity`
pub async fn show(State(app): State<App>, access: AccessibleSite, frame: Frame) -> Result<Response, HttpError> {
    let AccessibleSite { cx, site } = access;
    let jobs = app.control.jobs.list_of_site(&cx, site.id, MAX_JOBS).await?;
    let history = app.control.sites.history(&cx, site.id).await?;
    let activity = merge(&jobs, history, cx.now);
    Ok(ui::ok(&ActivityPage { frame, head: SiteHead::new(&site), activity }))
}
