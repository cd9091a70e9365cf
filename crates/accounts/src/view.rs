//! Views of accounts, sessions and tokens for pages, the API and `--json`.

use jiff::Timestamp;
use serde::Serialize;
use stoa_core::SessionCredential;
use stoa_model::{
    ability::{Abilities, Ability},
    account::{Actor, Role, StaffState},
    id::{CustomerId, InvitationId, NoteId, PasskeyId, SessionId, StaffId, TokenId, UserId},
    member::{Member, MemberRole},
    secret::SecretString,
    text::EmailAddress,
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

/// A member of a customer's organization, for staff.
#[derive(Debug, Clone, Serialize)]
pub struct PersonView {
    /// The organization that they have founded, which their login belongs to.
    pub account: CustomerId,
    /// E-mail address, as they typed it.
    pub email: String,
    /// Their role in the organization.
    pub role: MemberRole,
    /// Since when.
    pub since: Timestamp,
    /// Whether they have verified the address.
    pub is_verified: bool,
    /// Whether their login takes two steps.
    pub has_second_factor: bool,
}

/// A note of staff about a customer.
#[derive(Debug, Clone)]
pub struct NoteView {
    /// Its id.
    pub id: NoteId,
    /// Name of the author, or their address; also of former staff.
    pub author: Option<String>,
    /// The note.
    pub text: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// Whether who asks may delete it.
    pub is_removable: bool,
}

/// A member of staff.
#[derive(Debug, Clone, Serialize)]
pub struct StaffView {
    /// Their id.
    pub id: StaffId,
    /// E-mail address.
    pub email: String,
    /// Their name; accounts of earlier releases may have none.
    pub name: Option<String>,
    /// Their role.
    pub role: Role,
    /// Whether they can log in.
    pub state: StaffState,
    /// Until when their temporary password works, if they have not chosen their own yet.
    pub password_expires_at: Option<Timestamp>,
    /// Whether they use an authenticator app.
    pub has_totp: bool,
    /// Whether they have a passkey.
    pub has_passkey: bool,
    /// When they last logged in.
    pub last_login_at: Option<Timestamp>,
    /// When the account was created.
    pub created_at: Timestamp,
    /// Number of changes so far; a change names the one that it was made after.
    pub version: i64,
}

impl StaffView {
    /// The name, or the address of an account without one.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.email)
    }
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
    /// Its person, with the role that they have now; `None` for staff.
    pub member: Option<Member>,
    /// Id of the token.
    pub id: TokenId,
    /// What the token may do.
    pub abilities: Abilities,
    /// Whether the owner's password is a temporary one, which has to be changed before anything else.
    pub must_change_password: bool,
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

/// A passkey of an account.
#[derive(Debug, Clone)]
pub struct PasskeyView {
    /// Its id.
    pub id: PasskeyId,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used to log in.
    pub last_used_at: Option<Timestamp>,
}

/// What a browser is asked to sign, to add a passkey or to log in with one.
#[derive(Debug)]
pub struct PasskeyChallenge {
    /// Comes back with the browser's answer.
    pub token: SecretString,
    /// Options for `navigator.credentials`, as `parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` take
    /// them, below `publicKey`.
    pub options: serde_json::Value,
}

/// An authenticator app that is being set up.
#[derive(Debug)]
pub struct TotpEnrolment {
    /// The key as text, in Base32.
    pub secret: SecretString,
    /// The key as a link for a QR code.
    pub uri: SecretString,
}

/// A mailed link that sets a password.
#[derive(Debug, Clone)]
pub struct ResetLink {
    /// Address of the account.
    pub email: EmailAddress,
    /// Whether the account has no password yet.
    pub is_first: bool,
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
    /// Who is logged in; for a person, the organization that they act for.
    pub actor: Actor,
    /// The person, with their role in that organization.
    pub member: Option<Member>,
    /// The session itself.
    pub credential: SessionCredential,
    /// E-mail address.
    pub email: String,
    /// Name of the organization, role of staff.
    pub label: String,
    /// Whether the address waits to be verified.
    pub email_unverified: bool,
    /// Whether the password is a temporary one, which has to be changed before anything else.
    pub must_change_password: bool,
    /// Who views the portal as the customer, if staff do.
    pub impersonation: Option<Impersonation>,
    /// The CSRF token for this session's forms.
    pub csrf: String,
}

/// A member of staff who views the portal as a customer.
#[derive(Debug, Clone)]
pub struct Impersonation {
    /// The customer.
    pub customer: CustomerId,
    /// E-mail address of the member of staff.
    pub staff_email: String,
    /// When the session ends.
    pub ends_at: Timestamp,
}

pub use stoa_db::accounts::CustomerSort;

/// One of an account's sessions.
#[derive(Debug, Clone)]
pub struct SessionLine {
    /// Its public id; `None` if the previous release has opened it.
    pub id: Option<SessionId>,
    /// Browser and system, in plain words.
    pub device: String,
    /// The client's address at log-in.
    pub address: Option<String>,
    /// When it was opened.
    pub since: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// Whether it is the session that asks.
    pub is_current: bool,
}

/// The account that is logged in.
#[derive(Debug, Clone)]
pub struct ProfileView {
    /// E-mail address.
    pub email: String,
    /// Whether the address is verified.
    pub is_verified: bool,
    /// Name of the organization that the person acts for.
    pub organization: Option<String>,
    /// Whether they may rename it.
    pub may_rename: bool,
    /// Whether it gets e-mail about what its sites and domains do.
    pub gets_notices: bool,
    /// When the account will be closed, if that was asked for.
    pub close_at: Option<Timestamp>,
    /// When the account was opened.
    pub created_at: Timestamp,
}

/// A member of an organization.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// The person.
    pub user: UserId,
    /// Their address.
    pub email: String,
    /// Their role.
    pub role: MemberRole,
    /// Since when.
    pub since: Timestamp,
    /// Whether it is the person who asks.
    pub is_self: bool,
    /// Roles that the person who asks may give them; empty if they may not change them.
    pub grantable: Vec<MemberRole>,
    /// Whether the person who asks may remove them, or leave.
    pub is_removable: bool,
}

/// An open invitation.
#[derive(Debug, Clone)]
pub struct InvitationView {
    /// Its id.
    pub id: InvitationId,
    /// Whom it is for.
    pub email: String,
    /// The role that they will have.
    pub role: MemberRole,
    /// Name of the organization.
    pub company: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Members and invitations of an organization.
#[derive(Debug, Clone)]
pub struct TeamView {
    /// All members, oldest first.
    pub members: Vec<MemberView>,
    /// Open invitations, newest first.
    pub invitations: Vec<InvitationView>,
    /// Roles that the person who asks may grant; empty if they may not invite.
    pub grantable: Vec<MemberRole>,
}

/// An organization that a person can act for.
#[derive(Debug, Clone)]
pub struct OrganizationView {
    /// Its id.
    pub id: CustomerId,
    /// Its name.
    pub name: String,
    /// The person's role.
    pub role: MemberRole,
    /// Whether they act for it now.
    pub is_current: bool,
}
