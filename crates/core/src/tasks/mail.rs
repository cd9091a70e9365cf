//! E-mails, as tasks: sent at least once, retried for days, and noted in the mail log. What is queued contains no secrets.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use stoa_integrations::mail::{Email, Failure, Mailer};
use stoa_model::mail::MailState;

use super::{QueuedTask, RetryPolicy, TaskError, TaskSpec};
use crate::{
    Core, Settings,
    email::EmailDraft,
    mail_log::{self, Suppressed},
};

/// When an e-mail that could not be sent is tried again: for five days, as RFC 5321, section 4.5.4.1 recommends.
pub const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(60),
    longest: Duration::from_secs(4 * 3600),
    give_up_after: Duration::from_secs(5 * 24 * 3600),
};

/// Sends an e-mail.
pub struct SendMail {
    core: Core,
    mailer: Mailer,
}

impl SendMail {
    /// Sends through `mailer`.
    pub fn new(core: Core, mailer: Mailer) -> Self {
        Self { core, mailer }
    }
}

#[async_trait]
impl TaskSpec for SendMail {
    const KIND: &'static str = "mail";
    const RETRY: RetryPolicy = RETRY;
    type Payload = Email;

    fn title(&self, email: &Email) -> String {
        format!("E-mail to {}: {}", email.to, email.subject)
    }

    async fn execute(&self, email: Email) -> Result<(), TaskError> {
        send(&self.core, &self.mailer, &email, None).await
    }

    async fn on_given_up(&self, email: Email, error: &str) {
        mail_log::settle(&self.core, &email.key, MailState::Failed, error).await;
    }
}

/// Sends an e-mail, unless it was sent, and notes in the mail log what became of it. `kept`: what the log keeps of it, if
/// its links are secret.
///
/// A recipient whose mailbox doesn't exist gets no further e-mail; this is an end, not a failure that somebody can repair.
///
/// # Errors
/// `Retry` if it may be sent later, else `Permanent`.
pub async fn send(core: &Core, mailer: &Mailer, email: &Email, kept: Option<&Email>) -> Result<(), TaskError> {
    let retry = |error: crate::Error| TaskError::Retry(error.for_operator());
    if mail_log::is_sent(core, &email.key).await.map_err(retry)? {
        return Ok(());
    }
    if let Some(Suppressed(reason)) = mail_log::suppressed(core, &email.to).await.map_err(retry)? {
        mail_log::note_attempt(core, email, kept, MailState::Suppressed).await.map_err(retry)?;
        mail_log::settle(core, &email.key, MailState::Suppressed, &reason).await;
        return Ok(());
    }
    mail_log::note_attempt(core, email, kept, MailState::Queued).await.map_err(retry)?;
    let error = match mailer.send(email).await {
        Ok(answer) => {
            mail_log::settle(core, &email.key, MailState::Sent, &answer).await;
            return Ok(());
        }
        Err(error) => error,
    };
    let text = error.to_string();
    match error.failure() {
        Failure::Temporary => {
            mail_log::settle(core, &email.key, MailState::Deferred, &text).await;
            Err(TaskError::Retry(text))
        }
        Failure::Permanent => {
            mail_log::settle(core, &email.key, MailState::Failed, &text).await;
            Err(TaskError::Permanent(text))
        }
        Failure::BadRecipient => {
            mail_log::suppress(core, &email.to, &text).await.map_err(retry)?;
            mail_log::settle(core, &email.key, MailState::Failed, &text).await;
            Ok(())
        }
    }
}

/// A task that sends this e-mail.
pub fn email_task(email: &Email, now: Timestamp) -> QueuedTask {
    QueuedTask::new::<SendMail>(email, format!("mail/{}", email.key), now)
}

impl EmailDraft {
    /// A task that sends it.
    pub fn task(&self, settings: &Settings, now: Timestamp) -> QueuedTask {
        email_task(&self.render(settings), now)
    }
}
