//! E-mails. HTML bodies are escaped here. E-mails never contain secrets.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use stoa_integrations::mail::{Email, Failure, Mailer};
use stoa_model::{
    job::{Job, JobKind, JobState},
    text::EmailAddress,
};

use super::{QueuedTask, RetryPolicy, TaskError, TaskSpec};
use crate::{Settings, reconciler::ReconcilerHealth};

/// When an e-mail that could not be sent is tried again: for five days, as RFC 5321, section 4.5.4.1 recommends.
pub const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(60),
    longest: Duration::from_secs(4 * 3600),
    give_up_after: Duration::from_secs(5 * 24 * 3600),
};

/// Sends an e-mail.
pub struct SendMail(pub Mailer);

#[async_trait]
impl TaskSpec for SendMail {
    const KIND: &'static str = "mail";
    const RETRY: RetryPolicy = RETRY;
    type Payload = Email;

    fn title(&self, email: &Email) -> String {
        format!("E-mail to {}: {}", email.to, email.subject)
    }

    async fn execute(&self, email: Email) -> Result<(), TaskError> {
        send(&self.0, &email).await
    }
}

/// Sends an e-mail.
///
/// # Errors
/// `Retry` if it may be sent later, else `Permanent`.
pub async fn send(mailer: &Mailer, email: &Email) -> Result<(), TaskError> {
    let Err(error) = mailer.send(email).await else { return Ok(()) };
    Err(match error.failure() {
        Failure::Temporary => TaskError::Retry(error.to_string()),
        Failure::Permanent | Failure::BadRecipient => TaskError::Permanent(error.to_string()),
    })
}

/// A task that sends this e-mail.
pub fn email_task(email: &Email, now: Timestamp) -> QueuedTask {
    QueuedTask::new::<SendMail>(email, format!("mail/{}", email.key), now)
}

/// A task that sends these paragraphs, as text and as HTML; those that are `links` become links. `key` makes two
/// notices of the same event one.
pub fn notice(
    key: String,
    to: EmailAddress,
    subject: String,
    paragraphs: &[String],
    links: &[String],
    now: Timestamp,
) -> QueuedTask {
    email_task(&Email { key, to, subject, text: paragraphs.join("\n\n"), html: html(paragraphs, links) }, now)
}

/// The alert to staff about a stuck or failed job; `None` in other states or if no staff address is configured.
pub(crate) fn job_alarm(
    core: &crate::Core,
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
    let page = format!("{}/jobs/{}", core.portal_url(), job.id);
    let advice = match state {
        JobState::Stuck => {
            "An undo failed. Look at the job, fix the cause, then resume it; or abandon it and clean up by hand."
        }
        _ => "Everything that it did was undone. The customer can try again with one click.",
    };
    let paragraphs = [
        format!("Job {} on {}: {}", job.id, job.site, job.kind.title()),
        detail.unwrap_or("No reason is known.").to_owned(),
        advice.to_owned(),
        page.clone(),
    ];
    let email = Email {
        key: format!("job/{}/{state}/{}", job.id, now.as_second()),
        to,
        subject,
        text: paragraphs.join("\n\n"),
        html: html(&paragraphs, &[page]),
    };
    Some(email_task(&email, now))
}

/// The alert to staff about a reconciler that keeps failing; `None` if no staff address is configured.
pub(crate) fn reconciler_alarm(
    settings: &Settings,
    name: &str,
    health: &ReconcilerHealth,
    now: Timestamp,
) -> Option<QueuedTask> {
    let to = settings.staff_mail.clone()?;
    let since = health.failing_since.unwrap_or(now);
    let paragraphs = [
        format!(
            "The reconciler \"{name}\" has failed since {since}. What it maintains may be out of date until it succeeds."
        ),
        format!("Its last error: {}", health.error.as_deref().unwrap_or("none is known")),
        "Run `stoa doctor` and look at the server's log. It is retried automatically.".to_owned(),
    ];
    let email = Email {
        key: format!("reconciler/{name}/{}", since.as_second()),
        to,
        subject: format!("Failing: {name}"),
        text: paragraphs.join("\n\n"),
        html: html(&paragraphs, &[]),
    };
    Some(email_task(&email, now))
}

/// Paragraphs as HTML; a paragraph that is one of `links` becomes a link.
pub fn html(paragraphs: &[String], links: &[String]) -> String {
    let mut out = String::from("<!doctype html><html><body>");
    for paragraph in paragraphs {
        let text = escape(paragraph);
        if links.contains(paragraph) {
            out.push_str(&format!("<p><a href=\"{text}\">{text}</a></p>"));
        } else {
            out.push_str(&format!("<p>{text}</p>"));
        }
    }
    out + "</body></html>"
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_escapes_hostile_names() {
        let out = html(&["Hello <script>alert('x')</script> & \"Co\",".to_owned()], &[]);
        assert!(!out.contains("<script>"), "{out}");
        assert!(out.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;Co&quot;,"), "{out}");
    }
}
