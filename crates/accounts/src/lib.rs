//! Accounts of customers and staff, with their passwords, sessions and API tokens.

pub mod command;
mod customers;
mod login;
pub mod password;
mod register;
mod sessions;
mod staff;
mod tokens;
pub mod view;

use std::{ops::Deref, sync::Arc};

use stoa_core::Core;

pub use register::{PasswordHash, Registration};

/// The accounts service. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

/// State shared by all clones.
pub struct Inner {
    core: Core,
    hasher: password::Hasher,
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
        Self(Arc::new(Inner { core, hasher: password::Hasher::default() }))
    }
}
