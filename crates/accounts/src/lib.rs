//! Accounts of customers and staff, with their passwords, sessions and API tokens.

pub mod command;
mod customers;
mod login;
pub mod password;
mod recent;
mod register;
mod sessions;
mod staff;
mod tokens;
pub mod view;

use std::{ops::Deref, sync::Arc};

use stoa_core::Core;
use stoa_model::account::Actor;

pub use register::{PasswordHash, Registration};

/// The accounts service. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

/// State shared by all clones.
pub struct Inner {
    core: Core,
    hasher: password::Hasher,
    recent_sessions: recent::Recent<view::SessionView>,
    recent_tokens: recent::Recent<Actor>,
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

    /// Has the next requests look sessions and tokens up again, after some of them were ended.
    fn forget_recent(&self) {
        self.recent_sessions.forget_all();
        self.recent_tokens.forget_all();
    }
}
