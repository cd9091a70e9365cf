//! The staff's start page: what needs attention, the health of the platform, the number of sites.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_control::Control;
use stoa_core::{
    RequestContext,
    view::{Finding, Verdict},
};
use stoa_model::{job::JobState, status::StatusGroup};

use super::jobs::staff_list::StaffJob;
use crate::{
    app::App,
    extract::permissions::StaffMember,
    http_error::HttpError,
    pages::domains::staff_certificates,
    ui::{
        self,
        frame::Frame,
        number,
        status::{self, Badge},
    },
};

/// `/staff`
#[derive(Template)]
#[template(path = "core/staff_overview.html")]
pub struct OverviewPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Number of sites by group: label, number, address of the list.
    pub counts: Vec<(&'static str, String, String)>,
    /// Number of all sites.
    pub total: u64,
    /// Stuck jobs.
    pub stuck: Vec<StaffJob>,
    /// Latest failed jobs.
    pub failed: Vec<StaffJob>,
    /// Number of names whose certificates need attention.
    pub certificates: usize,
    /// The doctor's findings that need attention, worst first.
    pub problems: Vec<FindingLine>,
    /// Number of checks that passed.
    pub passed: usize,
}

/// A finding, as shown.
pub struct FindingLine {
    /// Verdict.
    pub verdict: Badge,
    /// What was checked.
    pub check: String,
    /// What was found.
    pub found: String,
    /// How to fix it, in parts: text, and whether it is code.
    pub remedy: Vec<(String, bool)>,
}

impl From<Finding> for FindingLine {
    fn from(finding: Finding) -> Self {
        let Finding { check, verdict, found, remedy } = finding;
        let parts = |text: String| text.split('`').enumerate().map(|(n, part)| (part.to_owned(), n % 2 == 1)).collect();
        Self { verdict: status::verdict(verdict), check, found, remedy: remedy.map(parts).unwrap_or_default() }
    }
}

impl OverviewPage {
    /// Builds the page.
    pub fn new(frame: Frame, summary: &PlatformSummary, (stuck, failed): (Vec<StaffJob>, Vec<StaffJob>)) -> Self {
        let counted = |group: StatusGroup| summary.groups.iter().find(|(of, _)| *of == group).map_or(0, |(_, n)| *n);
        let tile = |group: &StatusGroup| {
            let href = format!("/staff/sites?status={group}");
            (status::group(*group), number::count(counted(*group)), href)
        };
        let (problems, passed) = summary.findings();
        Self {
            frame,
            counts: StatusGroup::ALL.iter().map(tile).collect(),
            total: summary.groups.iter().map(|(_, n)| n).sum(),
            stuck,
            failed,
            certificates: summary.certificates,
            problems,
            passed: passed.len(),
        }
    }
}

/// What the page sums up over the whole platform.
#[derive(Clone)]
pub struct PlatformSummary {
    /// Number of sites by group.
    pub groups: Vec<(StatusGroup, u64)>,
    /// Number of names whose certificates need attention.
    pub certificates: usize,
    /// The doctor's findings.
    pub findings: Vec<Finding>,
}

impl PlatformSummary {
    /// The findings that need attention, worst first, and the others.
    pub fn findings(&self) -> (Vec<FindingLine>, Vec<FindingLine>) {
        let mut findings = self.findings.clone();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
        let (passed, problems): (Vec<_>, Vec<_>) = findings.into_iter().partition(|f| f.verdict == Verdict::Good);
        let lines = |all: Vec<Finding>| all.into_iter().map(FindingLine::from).collect();
        (lines(problems), lines(passed))
    }

    pub(super) async fn compute(control: Arc<Control>) -> stoa_core::Result<Self> {
        let cx = control.core.system_context("overview");
        let certificates = control.domains.list_certificates(&cx).await?;
        Ok(Self {
            groups: control.sites.groups(&cx).await?,
            certificates: staff_certificates::count_needing_attention(&certificates, cx.now),
            // A doctor that fails is a finding too, not a reason to hide the rest of the page.
            findings: control.doctor(&cx).await.unwrap_or_else(|error| vec![doctor_failure(&error)]),
        })
    }
}

/// `GET /staff`
pub async fn show(State(app): State<App>, StaffMember(cx): StaffMember, frame: Frame) -> Result<Response, HttpError> {
    let summary = app.summary.get(cx.now, || PlatformSummary::compute(app.control.clone())).await?;
    let stuck = jobs(&app, &cx, JobState::Stuck).await?;
    let failed = jobs(&app, &cx, JobState::Failed).await?;
    Ok(ui::ok(&OverviewPage::new(frame, &summary, (stuck, failed))))
}

async fn jobs(app: &App, cx: &RequestContext, state: JobState) -> Result<Vec<StaffJob>, HttpError> {
    let page = app.control.jobs.list(cx, Some(state), None, 5).await?;
    Ok(page.items.into_iter().map(|job| StaffJob::new(job, cx.now)).collect())
}

fn doctor_failure(error: &stoa_core::Error) -> Finding {
    let found = error.to_string();
    Finding { check: "Doctor".into(), verdict: Verdict::Bad, found, remedy: Some("Run `stoa doctor` there.".into()) }
}
