//! The mail log: what became of each e-mail; and the addresses that nothing is sent to, because their mailbox doesn't
//! exist.

mod service;

use jiff::Timestamp;
use stoa_db::{core::mails, tasks};
use stoa_integrations::mail::Email;
use stoa_model::{
    id::MailId,
    mail::{MailEntry, MailKind, MailState, Suppression},
    text::EmailAddress,
};

pub use self::service::{MailDetail, MailLog};
use crate::{Core, Result, Wakeup, email::EmailDraft, random};
pub use stoa_db::core::mails::MailFilter;

/// Why nothing is sent to an address.
pub(crate) struct Suppressed(pub(crate) String);

/// Whether nothing is sent to this address.
pub(crate) async fn suppressed(core: &Core, address: &EmailAddress) -> Result<Option<Suppressed>> {
    if address.is_placeholder() {
        // Nobody can have such an address (RFC 2606): it stands for one that is not known.
        return Ok(Some(Suppressed("The address is a placeholder for one that is not known.".into())));
    }
    let found = mails::suppression_get(&core.db, address).await?;
    Ok(found.map(|suppression| {
        Suppressed(format!(
            "The address is on the suppression list since {:.0}: {}",
            suppression.created_at, suppression.reason
        ))
    }))
}

/// Notes that an e-mail is being sent. `kept`: what is kept of it, if its links are secret.
pub(crate) async fn note_attempt(core: &Core, email: &Email, kept: Option<&Email>, state: MailState) -> Result<()> {
    let now = core.clock.now();
    let shown = kept.unwrap_or(email);
    let entry = &MailEntry {
        id: MailId::from_uuid(random::uuid_at(now)),
        key: email.key.clone(),
        to: email.to.clone(),
        kind: email.kind,
        subject: email.subject.clone(),
        state,
        attempts: 0,
        answer: None,
        is_secret: kept.is_some(),
        text: shown.text.clone(),
        html: shown.html.clone(),
        created_at: now,
        updated_at: now,
    };
    let hash = key_hash(&email.key);
    Ok(core.db.write(|tx| Box::pin(async move { mails::mail_attempt(&tx, entry, hash).await })).await?)
}

/// Notes what became of an e-mail that the log has. That it can't be noted must not make it be sent again.
pub async fn settle(core: &Core, key: &str, state: MailState, answer: &str) {
    let (hash, now) = (key_hash(key), core.clock.now());
    let noted =
        core.db.write(|tx| Box::pin(async move { mails::mail_settle(&tx, hash, state, answer, now).await })).await;
    if let Err(error) = noted {
        tracing::warn!(key, %state, %error, "cannot note in the mail log what became of an e-mail");
    }
}

/// Whether the e-mail with this key was sent: its task may be repeated after a crash.
pub async fn is_sent(core: &Core, key: &str) -> Result<bool> {
    Ok(mails::mail_state(&core.db, key_hash(key)).await? == Some(MailState::Sent))
}

/// Whether an attempt to send the e-mail with this key was noted before.
pub async fn was_attempted(core: &Core, key: &str) -> Result<bool> {
    Ok(mails::mail_state(&core.db, key_hash(key)).await?.is_some())
}

/// The keys of the e-mails of this kind that changed since `since`, oldest first.
pub async fn keys_since(core: &Core, kind: MailKind, since: Timestamp) -> Result<Vec<String>> {
    Ok(mails::mail_keys_since(&core.db, kind, since).await?)
}

/// Queues an e-mail, unless it was sent or is on its way.
pub async fn queue_once(core: &Core, draft: &EmailDraft) -> Result<()> {
    if was_attempted(core, &draft.key).await? {
        return Ok(());
    }
    let task = &draft.task(&core.settings, core.clock.now());
    core.db.write(|tx| Box::pin(async move { tasks::task_insert(&tx, &task.task, Some(&task.key)).await })).await?;
    core.bus.wake(Wakeup::Tasks);
    Ok(())
}

/// Sends nothing to this address from now on.
pub(crate) async fn suppress(core: &Core, address: &EmailAddress, reason: &str) -> Result<()> {
    let suppression =
        &Suppression { address: address.clone(), reason: reason.to_owned(), created_at: core.clock.now() };
    Ok(core.db.write(|tx| Box::pin(async move { mails::suppression_add(&tx, suppression).await })).await?)
}

fn key_hash(key: &str) -> [u8; 32] {
    random::token_hash(key)
}
