//! Typed path parameters; one that can't be parsed is a 404.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use secrecy::SecretString;
use stoa_model::id::{
    CheckoutId, CustomerId, DomainId, InvitationId, JobId, MailId, NoteId, PasskeyId, PlanId, SessionId, SiteId,
    StaffId, SubscriptionId, TaskId, TokenId, UserId,
};

use crate::http_error::HttpError;

/// The path's `{id}`.
pub struct Id<T>(pub T);

/// The path's `{token}`: a secret that was mailed.
pub struct MailedToken(pub SecretString);

/// The path's `{ordinal}`.
pub struct Ordinal(pub u32);

/// An id with the noun for its 404 message.
pub trait ResourceId: FromStr + Send {
    /// The noun.
    const NOUN: &'static str;
}

impl ResourceId for SiteId {
    const NOUN: &'static str = "site";
}

impl ResourceId for PlanId {
    const NOUN: &'static str = "plan";
}

impl ResourceId for CheckoutId {
    const NOUN: &'static str = "order";
}

impl ResourceId for SubscriptionId {
    const NOUN: &'static str = "subscription";
}

impl ResourceId for JobId {
    const NOUN: &'static str = "job";
}

impl ResourceId for DomainId {
    const NOUN: &'static str = "domain";
}

impl ResourceId for CustomerId {
    const NOUN: &'static str = "customer";
}

impl ResourceId for TaskId {
    const NOUN: &'static str = "task";
}

impl ResourceId for TokenId {
    const NOUN: &'static str = "token";
}

impl ResourceId for SessionId {
    const NOUN: &'static str = "session";
}

impl ResourceId for PasskeyId {
    const NOUN: &'static str = "passkey";
}

impl ResourceId for MailId {
    const NOUN: &'static str = "e-mail";
}

impl ResourceId for NoteId {
    const NOUN: &'static str = "note";
}

impl ResourceId for StaffId {
    const NOUN: &'static str = "staff account";
}

impl ResourceId for UserId {
    const NOUN: &'static str = "member";
}

impl ResourceId for InvitationId {
    const NOUN: &'static str = "invitation";
}

impl<S: Send + Sync> FromRequestParts<S> for MailedToken {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let token: String = parameter(parts, state, "token", "link").await?;
        Ok(Self(SecretString::from(token)))
    }
}

impl<S: Send + Sync, T: ResourceId> FromRequestParts<S> for Id<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        Ok(Self(parameter(parts, state, "id", T::NOUN).await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ordinal {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        Ok(Self(parameter(parts, state, "ordinal", "login").await?))
    }
}

async fn parameter<S, T>(parts: &mut Parts, state: &S, name: &str, noun: &str) -> Result<T, HttpError>
where
    S: Send + Sync,
    T: FromStr,
{
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| HttpError::not_found(noun))?;
    let value = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    value.and_then(|v| v.parse().ok()).ok_or_else(|| HttpError::not_found(noun))
}
