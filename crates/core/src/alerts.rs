//! Alerts to staff by e-mail: a stuck or failed job, a reconciler that keeps failing.

use jiff::Timestamp;
use stoa_model::{
    job::{Job, JobKind, JobState},
    mail::MailKind,
};

use crate::{
    Core, Settings,
    email::{EmailBody, EmailDraft, utc},
    reconciler::ReconcilerHealth,
    tasks::QueuedTask,
};

/// The alert about a stuck or failed job; `None` in other states or if no staff address is configured.
pub(crate) fn job_alert(
    core: &Core,
    job: &Job,
    state: JobState,
    detail: Option<&str>,
    now: Timestamp,
) -> Option<QueuedTask> {
    let to = core.settings.staff_mail.clone()?;
    let subject = match (state, job.kind) {
        (JobState::Stuck, _) => format!("Stuck: {} ({})", job.kind.title(), job.id),
        (JobState::Failed, JobKind::Create) => format!("Provisioning failed: {}", job.site),
        (JobState::Failed, _) => format!("Failed: {} ({})", job.kind.title(), job.id),
        _ => return None,
    };
    let advice = match state {
        JobState::Stuck => {
            "An undo failed. Look at the job, fix the cause, then resume it; or abandon it and clean up by hand."
        }
        _ => "Everything that it did was undone. The customer can try again with one click.",
    };
    let what = if state == JobState::Stuck { "is stuck" } else { "has failed" };
    let body = EmailBody::new(format!("The job \"{}\" {what}.", job.kind.title()))
        .paragraph(detail.unwrap_or("No reason is known."))
        .paragraph(advice)
        .fact("Site", job.site.to_string())
        .fact("Job", job.id.to_string())
        .button("Open the job", format!("{}/jobs/{}", core.portal_url(), job.id));
    let key = format!("job/{}/{state}/{}", job.id, now.as_second());
    let draft = EmailDraft { key, kind: MailKind::Alert, to, subject, body };
    Some(draft.task(&core.settings, now))
}

/// The alert about a reconciler that keeps failing; `None` if no staff address is configured.
pub(crate) fn reconciler_alert(
    settings: &Settings,
    name: &str,
    health: &ReconcilerHealth,
    now: Timestamp,
) -> Option<QueuedTask> {
    let to = settings.staff_mail.clone()?;
    let since = health.failing_since.unwrap_or(now);
    let body = EmailBody::new(format!(
        "The reconciler \"{name}\" has failed since {}. What it maintains may be out of date until it succeeds.",
        utc(since)
    ))
    .paragraph(format!("Its last error: {}", health.error.as_deref().unwrap_or("none is known")))
    .paragraph("We try again automatically. Run `stoa doctor`, and look at the server's log for the cause.");
    let key = format!("reconciler/{name}/{}", since.as_second());
    let draft = EmailDraft { key, kind: MailKind::Alert, to, subject: format!("Failing: {name}"), body };
    Some(draft.task(settings, now))
}
