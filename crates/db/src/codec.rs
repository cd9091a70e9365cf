//! Between columns and the model's types.
//!
//! Times are milliseconds of Unix time, numbers are `bigint`, states are their words, and an actor is
//! his printed id with the role he had then beside it. Everything is parsed again on the way out.

use std::{fmt::Display, str::FromStr};

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::de::DeserializeOwned;
use stoa_model::{
    account::{Actor, Role},
    host::Hostname,
};

use crate::{DbError, Page};

/// A time as it is stored.
pub(crate) fn ms(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// A count as it is stored; no column holds more than 63 bits.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Words for people as they are stored, so that no report can fail to be stored: at most `max` bytes,
/// as MySQL refuses longer ones, and without NUL, which PostgreSQL refuses.
pub(crate) fn words(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].replace('\0', "")
}

/// The longest report that every database's `{text}` holds.
pub(crate) const REPORT: usize = 16_000;

/// Who, without his role.
pub(crate) fn actor_key(actor: Actor) -> String {
    match actor {
        Actor::Nobody => "nobody".into(),
        Actor::System => "system".into(),
        Actor::Customer(id) => id.to_string(),
        Actor::Staff(id, _) => id.to_string(),
    }
}

/// The role he has, if he is staff.
pub(crate) fn actor_role(actor: Actor) -> Option<String> {
    match actor {
        Actor::Staff(_, role) => Some(role.as_str().to_owned()),
        Actor::Nobody | Actor::System | Actor::Customer(_) => None,
    }
}

/// A row being read; every method is one way to read a column of it.
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
    K: Key,
{
    let select = match page.before {
        Some(before) => select.filter(key.lt(before.value())),
        None => select,
    };
    select.order_by_desc(key).limit(page.limit)
}

/// What a page can be keyed by.
pub(crate) trait Key {
    fn value(self) -> sea_orm::Value;
}

macro_rules! keys {
    ($($id:ident),*) => {$(
        impl Key for stoa_model::id::$id {
            fn value(self) -> sea_orm::Value {
                self.uuid().into()
            }
        }
    )*};
}
keys!(CustomerId, SiteId, JobId, TaskId);

impl Key for i64 {
    fn value(self) -> sea_orm::Value {
        self.into()
    }
}
