//! Conversion between columns and the model's types.
//!
//! Times are Unix milliseconds, numbers are `bigint`, states are stored by name, and an actor is stored as
//! their printed id and, for staff, the role they had at the time. Everything is parsed again when read.

use std::{fmt::Display, str::FromStr};

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::de::DeserializeOwned;
use stoa_model::{
    account::{Actor, Role},
    host::Hostname,
};

use crate::{DbError, Page};

/// A time as stored.
pub(crate) fn ms(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// A count as stored; a column holds 63 bits at most.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Text for people, made storable everywhere: at most `max_bytes`, because MySQL rejects longer text, and
/// without NUL, which PostgreSQL rejects.
pub(crate) fn clip(text: &str, max_bytes: usize) -> String {
    text[..text.floor_char_boundary(max_bytes)].replace('\0', "")
}

/// Longest text that the `{text}` column type of every database holds, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 16_000;

/// Stored form of an actor, without the role.
pub(crate) fn actor_key(actor: Actor) -> String {
    match actor {
        Actor::Nobody => "nobody".into(),
        Actor::System => "system".into(),
        Actor::Customer(id) => id.to_string(),
        Actor::Staff(id, _) => id.to_string(),
    }
}

/// Stored form of an actor's role; only staff have one.
pub(crate) fn actor_role(actor: Actor) -> Option<String> {
    match actor {
        Actor::Staff(_, role) => Some(role.as_str().to_owned()),
        Actor::Nobody | Actor::System | Actor::Customer(_) => None,
    }
}

/// A row being read, for error messages; each method decodes one kind of column.
pub(crate) struct Row<'a> {
    pub(crate) table: &'static str,
    pub(crate) id: &'a (dyn Display + Sync),
}

impl Row<'_> {
    pub(crate) fn bad(&self, why: impl Display) -> DbError {
        DbError::Corrupt { table: self.table, id: self.id.to_string(), why: why.to_string() }
    }

    pub(crate) fn time(&self, ms: i64) -> Result<Timestamp, DbError> {
        Timestamp::from_millisecond(ms).map_err(|why| self.bad(why))
    }

    pub(crate) fn maybe_time(&self, ms: Option<i64>) -> Result<Option<Timestamp>, DbError> {
        ms.map(|ms| self.time(ms)).transpose()
    }

    pub(crate) fn number<T: TryFrom<i64>>(&self, number: i64) -> Result<T, DbError> {
        T::try_from(number).map_err(|_| self.bad(format_args!("the number {number} is out of range")))
    }

    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, text: &str) -> Result<T, DbError> {
        text.parse().map_err(|why| self.bad(why))
    }

    pub(crate) fn host(&self, text: &str) -> Result<Hostname, DbError> {
        Hostname::parse(text).map_err(|why| self.bad(why))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, text: &str) -> Result<T, DbError> {
        serde_json::from_str(text).map_err(|why| self.bad(why))
    }

    pub(crate) fn hash(&self, bytes: &[u8]) -> Result<[u8; 32], DbError> {
        bytes.try_into().map_err(|_| self.bad("a hash has 32 bytes"))
    }

    pub(crate) fn actor(&self, key: &str, role: Option<&str>) -> Result<Actor, DbError> {
        Ok(match (key, role) {
            ("nobody", None) => Actor::Nobody,
            ("system", None) => Actor::System,
            (id, None) => Actor::Customer(self.parse(id)?),
            (id, Some(role)) => Actor::Staff(self.parse(id)?, self.parse::<Role>(role)?),
        })
    }
}

/// The rows of one page, newest first by `key`.
pub(crate) fn paged<E, K>(select: Select<E>, key: E::Column, page: Page<K>) -> Select<E>
where
    E: EntityTrait,
    K: PageKey,
{
    let select = match page.before {
        Some(before) => select.filter(key.lt(before.value())),
        None => select,
    };
    select.order_by_desc(key).limit(page.limit)
}

/// A column type that lists can be paged by.
pub(crate) trait PageKey {
    fn value(self) -> sea_orm::Value;
}

macro_rules! keys {
    ($($id:ident),*) => {$(
        impl PageKey for stoa_model::id::$id {
            fn value(self) -> sea_orm::Value {
                self.uuid().into()
            }
        }
    )*};
}
keys!(CustomerId, SiteId, JobId, TaskId, SubscriptionId);

impl PageKey for i64 {
    fn value(self) -> sea_orm::Value {
        self.into()
    }
}
