//! Accounts of people, their organizations (customers), and staff, with their passwords, sessions and API tokens.
//!
//! A person (`users`) is a member of organizations. Each has founded one, whose id has the same UUID as theirs; they may
//! be a member of others. [`Actor::Customer`] is the organization that a command is for, and
//! [`RequestContext::member`](stoa_core::RequestContext) the person who gives it. See `docs/decisions/027`.

mod closing;
pub mod command;
mod customers;
mod device;
mod email_change;
mod impersonation;
mod invitations;
mod login;
mod login_account;
mod login_alerts;
mod login_limits;
pub mod mail;
mod members;
mod notes;
mod notices;
mod passkeys;
pub mod password;
mod password_queue;
mod profile;
mod reauthenticate;
mod recent;
mod recovery_codes;
mod register;
mod reset;
mod second_factor;
mod session_end;
mod session_list;
mod sessions;
mod staff;
mod staff_changes;
mod staff_mail;
mod token_secret;
mod tokens;
mod totp;
mod verify;
pub mod view;

use std::{ops::Deref, sync::Arc};

use stoa_core::Core;

pub use login_account::{NO_PASSWORD, login_actor};
pub use login_limits::KNOWN_BROWSER_LIFETIME;
pub use register::{PasswordHash, Registration};
pub use tokens::MAX_TOKEN_DAYS;

/// The accounts service. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

/// State shared by all clones.
pub struct Inner {
    core: Core,
    hasher: password::Hasher,
    recent_sessions: recent::Recent<view::SessionView>,
    recent_tokens: recent::Recent<view::TokenOwner>,
    delivers_mail: bool,
}

impl Deref for Accounts {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Accounts {
    /// A service over this core. `delivers_mail`: whether e-mail leaves this machine.
    pub fn new(core: Core, delivers_mail: bool) -> Self {
        Self(Arc::new(Inner {
            core,
            hasher: password::Hasher::default(),
            recent_sessions: recent::Recent::default(),
            recent_tokens: recent::Recent::default(),
            delivers_mail,
        }))
    }

    /// Whether e-mail leaves this machine. If not, it waits in a folder, and people must ask the operator.
    pub fn delivers_mail(&self) -> bool {
        self.delivers_mail
    }

    /// Has the next requests look sessions and tokens up again, after some of them were ended.
    fn forget_recent(&self) {
        self.recent_sessions.forget_all();
        self.recent_tokens.forget_all();
    }
}
