//! Parts of the path that are parsed into their type; what doesn't parse doesn't exist.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use stoa_model::id::{DomainId, JobId, SiteId};

use crate::fault::Fault;

/// The path's `{id}`.
pub struct Id<T>(pub T);

/// The path's `{ordinal}`.
pub struct Ordinal(pub u32);

/// What an id is called when it isn't one.
pub trait Named: FromStr + Send {
    /// The noun.
    const NOUN: &'static str;
}

impl Named for SiteId {
    const NOUN: &'static str = "site";
}

impl Named for JobId {
    const NOUN: &'static str = "job";
}

impl Named for DomainId {
    const NOUN: &'static str = "domain";
}

impl<S: Send + Sync, T: Named> FromRequestParts<S> for Id<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        Ok(Self(parameter(parts, state, "id", T::NOUN).await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ordinal {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        Ok(Self(parameter(parts, state, "ordinal", "login").await?))
    }
}

async fn parameter<S, T>(parts: &mut Parts, state: &S, name: &str, noun: &str) -> Result<T, Fault>
where
    S: Send + Sync,
    T: FromStr,
{
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Fault::not_found(noun))?;
    let value = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    value.and_then(|v| v.parse().ok()).ok_or_else(|| Fault::not_found(noun))
}
