//! Views of accounts, sessions and tokens for pages, the API and `--json`.

use jiff::Timestamp;
use serde::Serialize;
use stoa_model::{
    ability::{Abilities, Ability},
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
    /// The start of its secret; empty for tokens of earlier releases.
    pub prefix: String,
    /// What it may do.
    #[serde(serialize_with = "ability_names")]
    pub abilities: Vec<Ability>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, accurate to ten minutes.
    pub last_used_at: Option<Timestamp>,
}

fn ability_names<S: serde::Serializer>(abilities: &[Ability], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(abilities.iter().map(|ability| ability.as_str()))
}

/// A new API token.
#[derive(Debug)]
pub struct NewToken {
    /// Its secret, which is not stored and can't be shown again.
    pub secret: SecretString,
    /// The token as it is listed.
    pub token: TokenView,
}

/// Whom a token acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenOwner {
    /// The account, with its current role.
    pub actor: Actor,
    /// Id of the token.
    pub id: TokenId,
    /// What the token may do.
    pub abilities: Abilities,
}

/// Two-step login of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactorView {
    /// Since when it is on.
    pub since: Option<Timestamp>,
    /// Number of unused recovery codes.
    pub recovery_codes_left: u64,
    /// Whether the operator requires it of this account.
    pub is_required: bool,
}

/// An authenticator app that is being set up.
#[derive(Debug)]
pub struct TotpEnrolment {
    /// The key as text, in Base32.
    pub secret: SecretString,
    /// The key as a link for a QR code.
    pub uri: SecretString,
}

/// What a right password gives.
#[derive(Debug)]
pub enum LoginOutcome {
    /// A session.
    Session(NewSession),
    /// An unfinished login that takes a code; its token goes into a cookie.
    SecondFactor(SecretString),
}

impl LoginOutcome {
    /// The session, if the login is complete.
    pub fn session(self) -> Option<NewSession> {
        match self {
            Self::Session(session) => Some(session),
            Self::SecondFactor(_) => None,
        }
    }
}

/// A new session. Its token goes into the cookie and is never stored in plain text.
#[derive(Debug, Clone)]
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
    /// Names the session in the audit trail: the start of the hash of its token.
    pub name: String,
    /// Whether a second factor was used for it.
    pub has_second_factor: bool,
}

pub use stoa_db::accounts::CustomerSort;
