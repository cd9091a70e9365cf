//! Views of accounts, sessions and tokens for pages, the API and `--json`.

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
    /// E-mail address, which is also the login name.
    pub email: String,
    /// Name of the company or person.
    pub company: String,
    /// When the account was created.
    pub created_at: Timestamp,
}

/// A member of staff.
#[derive(Debug, Clone, Serialize)]
pub struct StaffView {
    /// Their id.
    pub id: StaffId,
    /// E-mail address.
    pub email: String,
    /// Their role.
    pub role: Role,
    /// When the account was created.
    pub created_at: Timestamp,
}

/// An API token, without its secret.
#[derive(Debug, Clone, Serialize)]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, accurate to ten minutes.
    pub last_used_at: Option<Timestamp>,
}

/// A new session. Its token goes into the cookie and is never stored in plain text.
#[derive(Debug)]
pub struct NewSession {
    /// Who logged in.
    pub actor: Actor,
    /// The cookie's value.
    pub token: SecretString,
}

/// A valid session.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// Who is logged in.
    pub actor: Actor,
    /// E-mail address.
    pub email: String,
    /// Company of a customer, role of staff.
    pub label: String,
    /// The CSRF token for this session's forms.
    pub csrf: String,
}

pub use stoa_db::accounts::CustomerSort;
