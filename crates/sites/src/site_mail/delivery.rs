//! Hands queued messages to the mail server. Sites take turns and each has one message under way at a time, so that a store
//! that floods the queue slows nobody but itself.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use stoa_core::{Result, Wakeup, tasks::mail::RETRY};
use stoa_db::sites::{
    self,
    mail::{Delivery, Outcome, mail_claim, mail_content, mail_finish, mail_hold, mail_sites_due},
};
use stoa_integrations::mail_relay::{OutgoingMail, RELAY_TIMEOUT, RelayError};
use stoa_model::{id::SiteId, site_mail::DeliveryState};
use tokio::{
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::limits::MailUse;
use crate::Sites;

/// Messages under way at a time, of all sites.
const CONCURRENCY: usize = 8;
/// A message is claimed for longer than an attempt takes.
const LEASE_DURATION: Duration = Duration::from_secs(2 * RELAY_TIMEOUT.as_secs());
/// What another process has queued waits at most this long.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Time between two looks whether a limit holds a site's mail still.
const HOLD_INTERVAL: SignedDuration = SignedDuration::from_secs(30);
/// The same for the lack of a mail server, which a restart changes.
const NO_SERVER_INTERVAL: SignedDuration = SignedDuration::from_mins(10);
/// How long the end of a process waits for messages under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Turns {
    /// The site that had the last turn.
    after: Option<SiteId>,
    /// Sites with a message under way.
    busy: HashSet<SiteId>,
    /// Sites whose mail is held, until the next look.
    held: HashMap<SiteId, Timestamp>,
}

impl Sites {
    /// Delivers mail until `stop`; messages that are under way then are finished.
    pub async fn deliver_mail(&self, stop: &CancellationToken) {
        let (mut turns, mut running) = (Turns::default(), JoinSet::new());
        while !stop.is_cancelled() {
            if running.len() < CONCURRENCY {
                match self.next_delivery(&mut turns).await {
                    Ok(Some(delivery)) => {
                        turns.busy.insert(delivery.mail.site);
                        let sites = self.clone();
                        running.spawn(async move { sites.deliver_guarded(delivery).await });
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(error = error.for_operator(), "cannot claim mail of a site; will retry");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = running.join_next() => turns.end(ended),
                () = self.core.bus.wakeup(Wakeup::SiteMail).notified() => {}
                () = sleep(POLL_INTERVAL) => {}
            }
        }
        let finish = async { while running.join_next().await.is_some() {} };
        let _ = timeout(STOP_TIMEOUT, finish).await;
    }

    /// The next message, claimed; `None` if there is nothing to do now.
    pub(super) async fn next_delivery(&self, turns: &mut Turns) -> Result<Option<Delivery>> {
        loop {
            let now = self.core.clock.now();
            turns.held.retain(|_, until| *until > now);
            let except: Vec<_> = turns.busy.iter().chain(turns.held.keys()).copied().collect();
            let due = mail_sites_due(&self.core.db, now, turns.after, &except, 1).await?;
            let Some(site) = due.first().copied() else {
                if turns.after.take().is_none() {
                    return Ok(None);
                }
                continue;
            };
            turns.after = Some(site);
            if let Some(reason) = self.hold_reason(site, now).await? {
                mail_hold(&self.core.db, site, &reason).await?;
                turns.held.insert(site, now + HOLD_INTERVAL);
                continue;
            }
            if let Some(delivery) = mail_claim(&self.core.db, site, now, LEASE_DURATION).await? {
                return Ok(Some(delivery));
            }
        }
    }

    /// Why mail of this site must wait.
    async fn hold_reason(&self, id: SiteId, now: Timestamp) -> Result<Option<String>> {
        let site = sites::site_get(&self.core.db, id).await?;
        if site.is_none_or(|site| !site.suspensions.is_empty()) {
            return Ok(Some("The store is suspended".into()));
        }
        Ok(MailUse::of(&self.core.db, id, now).await?.reached(&self.core.settings.site_mail))
    }

    /// One attempt, in a task of its own, so that a panic ends only that. Returns the site.
    async fn deliver_guarded(&self, delivery: Delivery) -> SiteId {
        let (sites, site, id) = (self.clone(), delivery.mail.site, delivery.mail.id);
        let attempt = tokio::spawn(async move { sites.deliver(&delivery).await });
        match attempt.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(mail = %id, error = error.for_operator(), "the result of a message is not recorded; it will be sent again");
            }
            Err(panic) => tracing::error!(mail = %id, %panic, "a message could not be sent; it will be tried again"),
        }
        site
    }

    pub(super) async fn deliver(&self, delivery: &Delivery) -> Result<()> {
        let content = mail_content(&self.core.db, delivery.mail.id).await?;
        let result = if content.is_empty() {
            Err(RelayError::Refused("The content of the message is not there any more".into()))
        } else {
            let mail = OutgoingMail {
                key: &format!("{}-{}", delivery.mail.id, delivery.ordinal),
                sender: delivery.mail.return_path.as_ref(),
                recipient: &delivery.recipient,
                content: &content,
            };
            self.relay.relay(mail).await
        };
        let now = self.core.clock.now();
        let outcome = outcome(result, delivery, now);
        tracing::info!(mail = %delivery.mail.id, site = %delivery.mail.site, state = %outcome.state, answer = outcome.answer, "mail of a site");
        if !mail_finish(&self.core.db, delivery, &outcome, now).await? {
            tracing::warn!(mail = %delivery.mail.id, "another process has taken a message over");
        }
        Ok(())
    }
}

impl Turns {
    fn end(&mut self, ended: std::result::Result<SiteId, JoinError>) {
        if let Ok(site) = ended {
            self.busy.remove(&site);
        }
    }
}

fn outcome(result: std::result::Result<String, RelayError>, delivery: &Delivery, now: Timestamp) -> Outcome {
    let (state, answer, due_at) = match result {
        Ok(answer) => (DeliveryState::Sent, answer, None),
        Err(RelayError::Refused(answer)) => (DeliveryState::Failed, answer, None),
        Err(RelayError::NotConfigured) => {
            (DeliveryState::Held, "No mail server is set up yet".to_owned(), Some(now + NO_SERVER_INTERVAL))
        }
        Err(RelayError::Deferred(answer)) => match RETRY.next(delivery.attempts, delivery.mail.created_at, now) {
            Some(due_at) => (DeliveryState::Deferred, answer, Some(due_at)),
            None => (DeliveryState::Failed, format!("Given up after five days: {answer}"), None),
        },
    };
    Outcome { state, answer, due_at }
}
