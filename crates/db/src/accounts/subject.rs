//! Who logs in.

use std::fmt;

use stoa_model::account::Actor;

use crate::{
    Conn, DbError,
    accounts::sessions::active_actor,
    codec::{Row, actor_key},
};

/// An account that logs in, in the form of `sessions.actor`. What belongs to its login has it as its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// The account of this actor; `None` for actors that don't log in.
    pub fn of(actor: Actor) -> Option<Self> {
        match actor {
            Actor::Customer(_) | Actor::Staff(..) => Some(Self(actor_key(actor))),
            Actor::Nobody | Actor::System => None,
        }
    }

    /// The stored form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The actor with its current role, or `None` if the account no longer exists.
    pub async fn actor(&self, c: &impl Conn) -> Result<Option<Actor>, DbError> {
        active_actor(c, &Row { table: "sessions", id: &self.0 }, &self.0).await
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
