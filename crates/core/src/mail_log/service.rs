//! What staff see of the mail log and the suppression list, and what they can do.

use jiff::SignedDuration;
use stoa_db::{
    Page,
    core::mails::{self, MailFilter},
    history,
    tasks::{self, Task},
};
use stoa_integrations::mail::Email;
use stoa_model::{
    account::Role,
    id::{MailId, TaskId},
    mail::{MailEntry, MailState, Suppression},
    text::EmailAddress,
};

use crate::{
    Core, Error, RequestContext, Result, Wakeup,
    tasks::mail::email_task,
    view::{Listing, PageNumber},
};

/// How long entries are kept: they contain addresses of people.
const LOG_AGE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Tasks that were given up, read at once.
const TASK_BATCH: u64 = 100;

/// An e-mail on its page.
#[derive(Debug, Clone)]
pub struct MailDetail {
    /// Its entry.
    pub entry: MailEntry,
    /// Whether its receiver is on the suppression list.
    pub is_suppressed: bool,
    /// Whether it can be sent again from here.
    pub can_resend: bool,
}

/// The mail log. Cheap to clone.
#[derive(Clone)]
pub struct MailLog {
    core: Core,
}

impl MailLog {
    /// A service over this core.
    pub fn new(core: Core) -> Self {
        Self { core }
    }

    /// A part of the log, newest first and without bodies, and how many the text finds in each state; for staff.
    ///
    /// # Errors
    /// Below the role support.
    pub async fn search(
        &self,
        cx: &RequestContext,
        filter: MailFilter,
        page: PageNumber,
    ) -> Result<(Listing<MailEntry>, Vec<(MailState, u64)>)> {
        cx.require(Role::Support)?;
        let of_all_states = MailFilter { state: None, ..filter.clone() };
        let states = mails::mails_by_state(&self.core.db, &of_all_states).await?;
        let counted = states.iter().filter(|(state, _)| filter.state.is_none_or(|wanted| wanted == *state));
        let total = counted.map(|(_, n)| n).sum();
        let items = mails::mails_listed(&self.core.db, &filter, page.window()).await?;
        Ok((Listing { items, total, page }, states))
    }

    /// One e-mail, for staff.
    ///
    /// # Errors
    /// Below the role support; no such e-mail.
    pub async fn get(&self, cx: &RequestContext, id: MailId) -> Result<MailDetail> {
        cx.require(Role::Support)?;
        let entry = mails::mail_get(&self.core.db, id).await?.ok_or(Error::NotFound("e-mail"))?;
        let is_suppressed = mails::suppression_get(&self.core.db, &entry.to).await?.is_some();
        let can_resend = match entry.state {
            MailState::Queued | MailState::Deferred => false,
            MailState::Sent | MailState::Suppressed => !entry.is_secret,
            MailState::Failed => !entry.is_secret || self.given_up_task(&entry.key).await?.is_some(),
        };
        Ok(MailDetail { entry, is_suppressed, can_resend })
    }

    /// Sends an e-mail again: the same one if its task was given up, else a copy. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; no such e-mail; conflict if it is not finished, or can't be repeated because its links are not
    /// kept.
    pub async fn resend(&self, cx: &RequestContext, id: MailId) -> Result<()> {
        cx.require(Role::Admin)?;
        let MailDetail { entry, can_resend, .. } = self.get(cx, id).await?;
        if !can_resend {
            let why = if entry.is_secret {
                "This e-mail has a secret link, which is not kept. Ask the person to request a new one."
            } else {
                "This e-mail is still being sent."
            };
            return Err(Error::Conflict(why.into()));
        }
        let given_up = self.given_up_task(&entry.key).await?;
        let event = &cx.audit("mail.resend", id, serde_json::json!({ "to": entry.to, "subject": entry.subject }));
        let copy = &email_task(&copy_of(&entry, cx.now.as_millisecond()), cx.now);
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let is_reopened = match given_up {
                        Some(task) => tasks::task_reopen(&tx, task, cx.now).await?,
                        None => false,
                    };
                    if !is_reopened {
                        tasks::task_insert(&tx, &copy.task, Some(&copy.key)).await?;
                    }
                    Ok::<_, Error>(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// A part of the suppression list, newest first, for staff.
    ///
    /// # Errors
    /// Below the role support.
    pub async fn suppressions(
        &self,
        cx: &RequestContext,
        text: Option<&str>,
        page: PageNumber,
    ) -> Result<Listing<Suppression>> {
        cx.require(Role::Support)?;
        let items = mails::suppressions_listed(&self.core.db, text, page.window()).await?;
        let total = mails::suppressions_counted(&self.core.db, text).await?;
        Ok(Listing { items, total, page })
    }

    /// Sends to this address again. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; not found if the address is not on the list.
    pub async fn remove_suppression(&self, cx: &RequestContext, address: &EmailAddress) -> Result<()> {
        cx.require(Role::Admin)?;
        let event = &cx.audit("mail.suppression.remove", address, serde_json::json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if !mails::suppression_remove(&tx, address).await? {
                        return Err(Error::NotFound("address on the suppression list"));
                    }
                    Ok(history::audit(&tx, event).await?)
                })
            })
            .await
    }

    /// Whether staff would not get their alerts: the reason, if so.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn staff_suppression(&self) -> Result<Option<Suppression>> {
        match &self.core.settings.staff_mail {
            Some(address) => Ok(mails::suppression_get(&self.core.db, address).await?),
            None => Ok(None),
        }
    }

    /// Deletes old entries.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn prune(&self, now: jiff::Timestamp) -> Result<()> {
        while mails::mails_prune(&self.core.db, now - LOG_AGE).await? > 0 {}
        Ok(())
    }

    /// The task that was given up and would send the e-mail with this key.
    async fn given_up_task(&self, key: &str) -> Result<Option<TaskId>> {
        let mut page = Page::first(TASK_BATCH);
        loop {
            let failed = tasks::tasks_failed(&self.core.db, page).await?;
            let sends = |task: &&Task| task.payload.get("key").and_then(|found| found.as_str()) == Some(key);
            if let Some(task) = failed.iter().find(sends) {
                return Ok(Some(task.id));
            }
            match failed.last() {
                Some(last) if failed.len() as u64 == TASK_BATCH => page = Page::after(last.id, TASK_BATCH),
                _ => return Ok(None),
            }
        }
    }
}

/// The same e-mail as a new one: servers drop a second one with the same Message-ID.
fn copy_of(entry: &MailEntry, at_ms: i64) -> Email {
    Email {
        key: format!("{}/again/{at_ms}", entry.key),
        kind: entry.kind,
        to: entry.to.clone(),
        subject: entry.subject.clone(),
        text: entry.text.clone(),
        html: entry.html.clone(),
    }
}
