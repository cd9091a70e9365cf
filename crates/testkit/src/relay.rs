//! A mail server for sites' mail that answers as a test wants.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use stoa_integrations::mail_relay::{MailRelay, OutgoingMail, RelayError};

/// A message that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayedMail {
    /// The sender of the envelope; empty for `<>`.
    pub sender: String,
    /// The recipient of the envelope.
    pub recipient: String,
    /// Header and body.
    pub content: String,
}

/// The mail server of a [`TestPlatform`](crate::TestPlatform). None is configured until [`FakeRelay::configure`].
#[derive(Debug, Default)]
pub struct FakeRelay(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_configured: bool,
    errors: VecDeque<RelayError>,
    sent: Vec<RelayedMail>,
}

impl FakeRelay {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on there is a mail server.
    pub fn configure(&self) {
        self.state().is_configured = true;
    }

    /// The next messages are not accepted, for these reasons.
    pub fn fail(&self, errors: impl IntoIterator<Item = RelayError>) {
        self.state().errors.extend(errors);
    }

    /// What was accepted, oldest first.
    pub fn sent(&self) -> Vec<RelayedMail> {
        self.state().sent.clone()
    }
}

#[async_trait]
impl MailRelay for FakeRelay {
    fn delivers(&self) -> bool {
        self.state().is_configured
    }

    async fn relay(&self, mail: OutgoingMail<'_>) -> Result<String, RelayError> {
        let mut state = self.state();
        if !state.is_configured {
            return Err(RelayError::NotConfigured);
        }
        if let Some(error) = state.errors.pop_front() {
            return Err(error);
        }
        state.sent.push(RelayedMail {
            sender: mail.sender.map(ToString::to_string).unwrap_or_default(),
            recipient: mail.recipient.to_string(),
            content: String::from_utf8_lossy(mail.content).into_owned(),
        });
        Ok("250 2.0.0 queued".to_owned())
    }
}
