//! The context that is passed with every command: who sent it, from where, and when.

use std::net::IpAddr;

use jiff::Timestamp;
use stoa_db::history::AuditEvent;
use stoa_model::{
    ability::{Abilities, Ability},
    account::Actor,
    id::TokenId,
};

use crate::{Error, Result};

/// The context of one command.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Who sent the command.
    pub actor: Actor,
    /// How they authenticated.
    pub credential: Credential,
    /// The client's address, if the command came over the network.
    pub address: Option<IpAddr>,
    /// Correlates log lines, audit events and responses.
    pub request_id: String,
    /// The time that the whole command uses.
    pub now: Timestamp,
}

/// How the sender of a command authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credential {
    /// Nobody is logged in, or the command comes from this machine.
    #[default]
    None,
    /// A browser's session.
    Session(SessionCredential),
    /// An API token.
    Token(TokenId, Abilities),
}

/// What a command needs to know about the session that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCredential {
    /// Names the session in the audit trail: the start of the hash of its token.
    pub name: String,
    /// Whether a second factor was used to log in.
    pub has_second_factor: bool,
}

impl Credential {
    /// What the audit trail says about it.
    fn name(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Session(session) => Some(format!("session {}", session.name)),
            Self::Token(id, _) => Some(id.to_string()),
        }
    }

    /// Requires that a token, if one was used, has this ability.
    ///
    /// # Errors
    /// [`Error::MissingAbility`] otherwise.
    pub fn require_ability(&self, ability: Ability) -> Result<()> {
        match self {
            Self::Token(_, abilities) if !abilities.has(ability) => Err(Error::MissingAbility(ability)),
            Self::Token(..) | Self::Session(_) | Self::None => Ok(()),
        }
    }
}

impl RequestContext {
    /// The platform's own context, for reconcilers, jobs and the command line on the same machine.
    pub fn system(now: Timestamp, request_id: impl Into<String>) -> Self {
        let request_id = request_id.into();
        Self { actor: Actor::System, credential: Credential::None, address: None, request_id, now }
    }

    /// An event of the audit trail: this actor did `action` to `target`.
    pub fn audit(&self, action: &str, target: impl ToString, detail: serde_json::Value) -> AuditEvent {
        self.audit_outcome(action, target, "done", detail)
    }

    /// An event of the audit trail with another outcome than success.
    pub fn audit_outcome(
        &self,
        action: &str,
        target: impl ToString,
        outcome: &str,
        detail: serde_json::Value,
    ) -> AuditEvent {
        AuditEvent {
            at: self.now,
            actor: self.actor,
            action: action.to_owned(),
            target: target.to_string(),
            outcome: outcome.to_owned(),
            request_id: self.request_id.clone(),
            detail,
            address: self.address.map(|address| address.to_canonical().to_string()),
            credential: self.credential.name(),
        }
    }

    /// Refuses API tokens, whatever their abilities: with a token nobody can make more tokens or change how the
    /// account logs in.
    ///
    /// # Errors
    /// [`Error::NotWithToken`] if a token was used.
    pub fn refuse_token(&self) -> Result<()> {
        if matches!(self.credential, Credential::Token(..)) { Err(Error::NotWithToken) } else { Ok(()) }
    }
}
