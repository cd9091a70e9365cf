//! The staff's start page: what needs attention, the health of the platform, the number of sites.

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_control::Control;
use stoa_core::{
    RequestContext,
    view::{Finding, Verdict},
};
use stoa_model::{job::JobState, site::SiteState};

use super::jobs::staff_list::StaffJob;
use crate::{
    app::App,
    extract::permissions::StaffMember,
    http_error::HttpError,
    pages::domains::staff_certificates,
    ui::{
        self,
        frame::Frame,
        status::{self, Badge},
    },
};

/// `/staff`
#[derive(Template)]
#[template(path = "core/staff_overview.html")]
pub struct OverviewPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Number of sites by state.
    pub counts: Vec<(Badge, u64)>,
    /// Number of all sites.
    pub total: u64,
    /// Stuck jobs.
    pub stuck: Vec<StaffJob>,
    /// Latest failed jobs.
    pub failed: Vec<StaffJob>,
    /// Number of names whose certificates need attention.
    pub certificates: usize,
    /// The doctor's findings, worst first.
    pub findings: Vec<FindingLine>,
}

/// A finding, as shown.
pub struct FindingLine {
    /// Verdict.
    pub verdict: Badge,
    /// What was checked.
    pub check: String,
    /// What was found.
    pub found: String,
    /// How to fix it.
    pub remedy: Option<String>,
}

impl From<Finding> for FindingLine {
    fn from(finding: Finding) -> Self {
        let Finding { check, verdict, found, remedy } = finding;
        Self { verdict: status::verdict(verdict), check, found, remedy }
    }
}

impl OverviewPage {
    /// Builds the page.
    pub fn new(
        frame: Frame,
        counts: Vec<(SiteState, u64)>,
        (stuck, failed): (Vec<StaffJob>, Vec<StaffJob>),
        certificates: usize,
        mut findings: Vec<Finding>,
    ) -> Self {
        findings.sort_by_key(|f| std::cmp::Reverse(f.verdict));
        let total = counts.iter().filter(|(state, _)| *state != SiteState::Deleted).map(|(_, n)| n).sum();
        let counts = counts.into_iter().filter(|(_, n)| *n > 0).map(|(state, n)| (status::site(state), n)).collect();
        Self {
            frame,
            counts,
            total,
            stuck,
            failed,
            certificates,
            findings: findings.into_iter().map(Into::into).collect(),
        }
    }
}

/// What the page sums up over the whole platform.
#[derive(Clone)]
pub struct PlatformSummary {
    counts: Vec<(SiteState, u64)>,
    certificates: usize,
    findings: Vec<Finding>,
}

impl PlatformSummary {
    async fn compute(control: Control) -> stoa_core::Result<Self> {
        let cx = control.core.system_context("overview");
        let certificates = control.domains.list_certificates(&cx).await?;
        Ok(Self {
            counts: control.sites.counts(&cx).await?,
            certificates: staff_certificates::count_needing_attention(&certificates, cx.now),
            // A doctor that fails is a finding too, not a reason to hide the rest of the page.
            findings: control.doctor(&cx).await.unwrap_or_else(|error| vec![doctor_failure(&error)]),
        })
    }
}

/// `GET /staff`
pub async fn show(State(app): State<App>, StaffMember(cx): StaffMember, frame: Frame) -> Result<Response, HttpError> {
    let PlatformSummary { counts, certificates, findings } =
        app.summary.get(cx.now, || PlatformSummary::compute(app.control.clone())).await?;
    let stuck = jobs(&app, &cx, JobState::Stuck).await?;
    let failed = jobs(&app, &cx, JobState::Failed).await?;
    Ok(ui::ok(&OverviewPage::new(frame, counts, (stuck, failed), certificates, findings)))
}

async fn jobs(app: &App, cx: &RequestContext, state: JobState) -> Result<Vec<StaffJob>, HttpError> {
    let page = app.control.jobs.list(cx, Some(state), None, 5).await?;
    Ok(page.items.into_iter().map(|job| StaffJob::new(job, cx.now)).collect())
}

fn doctor_failure(error: &stoa_core::Error) -> Finding {
    let found = error.to_string();
    Finding { check: "Doctor".into(), verdict: Verdict::Bad, found, remedy: Some("Run `stoa doctor` there.".into()) }
}
