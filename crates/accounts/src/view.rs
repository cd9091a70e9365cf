//! What pages, the API and `--json` show of people, their sessions and tokens.

use jiff::Timestamp;
use serde::Serialize;
use stoa_model::{
    account::{Actor, Role},
    id::{CustomerId, StaffId, TokenId},
    secret::SecretString,
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

/// A fresh session: the token goes into the cookie and is stored nowhere in clear.
#[derive(Debug)]
pub struct NewSession {
    /// Who logged in.
    pub actor: Actor,
    /// The cookie's value.
    pub token: SecretString,
}

/// A session that holds.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// Who.
    pub actor: Actor,
    /// Login name.
    pub email: String,
    /// Company of a customer, role of staff.
    pub label: String,
    /// Token that forms of this session carry.
    pub csrf: String,
}
