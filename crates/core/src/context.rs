//! The context that is passed with every command: who sent it, from where, and when.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::json;
use stoa_db::history::AuditEvent;
use stoa_model::{
    ability::{Abilities, Ability},
    account::Actor,
    id::{SessionId, TokenId},
    member::Member,
};

use crate::{Error, Result};

/// The context of one command.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Who sent the command; for a customer, the organization that a person acts for.
    pub actor: Actor,
    /// That person, with their role in the organization. `None` restricts nothing: the platform itself, staff, and
    /// customers whom only the previous release knows.
    pub member: Option<Member>,
    /// How they authenticated.
    pub credential: Credential,
    /// The client's address, if the command came over the network.
    pub address: Option<IpAddr>,
    /// The client's user agent.
    pub agent: Option<String>,
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

/// The session that a command came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCredential {
    /// Its public id; `None` if the previous release has opened it.
    pub id: Option<SessionId>,
    /// When the password was last asked for.
    pub authenticated_at: Timestamp,
    /// Whether a second factor was used to log in.
    pub has_second_factor: bool,
    /// The member of staff who views the portal as the customer whom the command acts for.
    pub impersonator: Option<Actor>,
}

impl Credential {
    /// What the audit trail says about it.
    fn name(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Session(SessionCredential { id: Some(id), .. }) => Some(format!("session {id}")),
            Self::Session(_) => Some("session of the previous release".to_owned()),
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
    /// A context of `actor`, without a person or a session.
    pub fn new(actor: Actor, address: Option<IpAddr>, request_id: String, now: Timestamp) -> Self {
        Self { actor, member: None, credential: Credential::None, address, agent: None, request_id, now }
    }

    /// The platform's own context, for reconcilers, jobs and the command line on the same machine.
    pub fn system(now: Timestamp, request_id: impl Into<String>) -> Self {
        Self::new(Actor::System, None, request_id.into(), now)
    }

    /// The id of the session that the command came with; `None` without one, or if the previous release has opened it.
    pub fn session_id(&self) -> Option<SessionId> {
        match self.credential {
            Credential::Session(session) => session.id,
            Credential::Token(..) | Credential::None => None,
        }
    }

    /// An event of the audit trail: this actor did `action` to `target`. Its details also say which person it was, and
    /// from which address and session. Of staff who view the portal as a customer, they are the actor, and the details
    /// name the customer.
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
            actor: self.impersonator().unwrap_or(self.actor),
            action: action.to_owned(),
            target: target.to_string(),
            outcome: outcome.to_owned(),
            request_id: self.request_id.clone(),
            detail: self.with_person(detail),
            address: self.address.map(|address| address.to_canonical().to_string()),
            credential: self.credential.name(),
        }
    }

    /// The member of staff who views the portal as a customer, if one does.
    pub fn impersonator(&self) -> Option<Actor> {
        match self.credential {
            Credential::Session(session) => session.impersonator,
            Credential::Token(..) | Credential::None => None,
        }
    }

    /// Refuses staff who view the portal as a customer: they don't change how the customer logs in and see no secrets.
    ///
    /// # Errors
    /// [`Error::ViewingAsCustomer`] if the portal is viewed.
    pub fn refuse_impersonator(&self) -> Result<()> {
        if self.impersonator().is_some() { Err(Error::ViewingAsCustomer) } else { Ok(()) }
    }

    /// Refuses API tokens, whatever their abilities: with a token nobody can make more tokens or change how the
    /// account logs in.
    ///
    /// # Errors
    /// [`Error::NotWithToken`] if a token was used.
    pub fn refuse_token(&self) -> Result<()> {
        if matches!(self.credential, Credential::Token(..)) { Err(Error::NotWithToken) } else { Ok(()) }
    }

    fn with_person(&self, mut detail: serde_json::Value) -> serde_json::Value {
        if let (Some(member), Some(detail)) = (self.member, detail.as_object_mut()) {
            detail.entry("by").or_insert(json!(member.user));
            detail.entry("role").or_insert(json!(member.role));
        }
        if let (Some(_), Some(customer), Some(detail)) =
            (self.impersonator(), self.actor.customer(), detail.as_object_mut())
        {
            detail.entry("as_customer").or_insert(json!(customer));
        }
        detail
    }
}
