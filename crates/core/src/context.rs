//! The context that is passed with every command: who sent it, from where, and when.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::json;
use stoa_model::{account::Actor, id::SessionId, member::Member};

/// The context of one command.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Who sent the command; for a customer, the organization that a person acts for.
    pub actor: Actor,
    /// That person, with their role in the organization. `None` restricts nothing: the platform itself, staff, and
    /// customers whom only the previous release knows.
    pub member: Option<Member>,
    /// The session that the command came with.
    pub session: Option<SessionContext>,
    /// The client's address, if the command came over the network.
    pub address: Option<IpAddr>,
    /// The client's user agent.
    pub agent: Option<String>,
    /// Correlates log lines, audit events and responses.
    pub request_id: String,
    /// The time that the whole command uses.
    pub now: Timestamp,
}

/// The session that a command came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionContext {
    /// Its public id.
    pub id: SessionId,
    /// When the password was last asked for.
    pub authenticated_at: Timestamp,
}

impl RequestContext {
    /// A context of `actor`, without a person or a session.
    pub fn new(actor: Actor, address: Option<IpAddr>, request_id: String, now: Timestamp) -> Self {
        Self { actor, member: None, session: None, address, agent: None, request_id, now }
    }

    /// The platform's own context, for reconcilers, jobs and the command line on the same machine.
    pub fn system(now: Timestamp, request_id: impl Into<String>) -> Self {
        Self::new(Actor::System, None, request_id.into(), now)
    }

    /// An event of the audit trail: this actor did `action` to `target`. Its details also say which person it was, and
    /// from which address and session.
    pub fn audit(
        &self,
        action: &str,
        target: impl ToString,
        detail: serde_json::Value,
    ) -> stoa_db::history::AuditEvent {
        stoa_db::history::AuditEvent {
            at: self.now,
            actor: self.actor,
            action: action.to_owned(),
            target: target.to_string(),
            outcome: "done".to_owned(),
            request_id: self.request_id.clone(),
            detail: self.with_origin(detail),
        }
    }

    fn with_origin(&self, mut detail: serde_json::Value) -> serde_json::Value {
        let origin = [
            ("by", self.member.map(|member| json!(member.user))),
            ("role", self.member.map(|member| json!(member.role))),
            ("address", self.address.map(|address| json!(address))),
            ("session", self.session.map(|session| json!(session.id))),
        ];
        if let Some(detail) = detail.as_object_mut() {
            for (name, value) in origin.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                detail.entry(name).or_insert(value);
            }
        }
        detail
    }
}
