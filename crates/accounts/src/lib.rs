//! Accounts of customers and staff, with their passwords, sessions and API tokens.

pub mod command;
mod customers;
mod login;
mod login_limits;
mod mail;
pub mod password;
mod password_queue;
mod recent;
mod recovery_codes;
mod register;
mod second_factor;
mod sessions;
mod staff;
mod token_secret;
mod tokens;
mod totp;
pub mod view;

use std::{ops::Deref, sync::Arc};

use stoa_core::{Core, Error, RequestContext, Result};
use stoa_db::accounts::{Subject, customer_get, staff_get};
use stoa_model::{account::Actor, text::EmailAddress};

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
}

impl Deref for Accounts {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Accounts {
    /// A service over this core.
    pub fn new(core: Core) -> Self {
        Self(Arc::new(Inner {
            core,
            hasher: password::Hasher::default(),
            recent_sessions: recent::Recent::default(),
            recent_tokens: recent::Recent::default(),
        }))
    }

    /// The actor whose login sent the command: sessions, tokens and second factors belong to it.
    const fn login_actor(cx: &RequestContext) -> Actor {
        cx.actor
    }

    /// The account that sent the command.
    fn own_subject(cx: &RequestContext) -> Result<Subject> {
        Subject::of(Self::login_actor(cx)).ok_or(Error::Unauthenticated("Please log in."))
    }

    /// The login address of the account that sent the command.
    async fn own_email(&self, cx: &RequestContext) -> Result<EmailAddress> {
        let found = match Self::login_actor(cx) {
            Actor::Customer(id) => customer_get(&self.core.db, id).await?.map(|customer| customer.email),
            Actor::Staff(id, _) => staff_get(&self.core.db, id).await?.map(|staff| staff.email),
            Actor::Nobody | Actor::System => None,
        };
        found.ok_or(Error::Unauthenticated("Please log in."))
    }

    /// Has the next requests look sessions and tokens up again, after some of them were ended.
    fn forget_recent(&self) {
        self.recent_sessions.forget_all();
        self.recent_tokens.forget_all();
    }
}
