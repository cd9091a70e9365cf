//! The context that is passed with every command: who sent it, from where, and when.

use std::net::IpAddr;

use jiff::Timestamp;
use stoa_model::account::Actor;

/// The context of one command.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Who sent the command.
    pub actor: Actor,
    /// The client's address, if the command came over the network.
    pub address: Option<IpAddr>,
    /// Correlates log lines, audit events and responses.
    pub request_id: String,
    /// The time that the whole command uses.
    pub now: Timestamp,
}

impl RequestContext {
    /// The platform's own context, for reconcilers, jobs and the command line on the same machine.
    pub fn system(now: Timestamp, request_id: impl Into<String>) -> Self {
        Self { actor: Actor::System, address: None, request_id: request_id.into(), now }
    }

    /// An event of the audit trail: this actor did `action` to `target`.
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
            detail,
        }
    }
}
