//! People, their tokens, and what they did.

use jiff::Timestamp;
use serde::Serialize;
use stoa_model::{
    account::Role,
    id::{CustomerId, StaffId, TokenId},
};

/// A customer.
#[derive(Debug, Clone, Serialize)]
pub struct CustomerView {
    /// The customer's id.
    pub id: CustomerId,
    /// Login name and address for mail.
    pub email: String,
    /// Company or own name.
    pub company: String,
    /// When the account was opened.
    pub created_at: Timestamp,
}

/// Somebody of the staff.
#[derive(Debug, Clone, Serialize)]
pub struct StaffView {
    /// Their id.
    pub id: StaffId,
    /// Login name.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A token of the API, without what opens.
#[derive(Debug, Clone, Serialize)]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, within ten minutes.
    pub last_used_at: Option<Timestamp>,
}

/// A line of the audit trail.
#[derive(Debug, Clone, Serialize)]
pub struct AuditView {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who, in the role they had then.
    pub actor: String,
    /// What they did.
    pub action: String,
    /// To what, by its id.
    pub target: String,
    /// How it ended.
    pub outcome: String,
    /// The request that it was part of.
    pub request_id: String,
    /// More about it; never a secret.
    pub detail: serde_json::Value,
}
