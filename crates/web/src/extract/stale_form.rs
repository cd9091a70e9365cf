//! Forms that come from a page of ours whose session has ended or changed since.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::ui::{field::Problems, form_errors::FormErrors};

/// Marks a request whose form is stale; only the CSRF middleware sets it, for forms that are shown again.
#[derive(Debug, Clone, Copy)]
pub struct StaleForm;

/// Whether the form is stale. It must not be carried out then, but shown again with what was typed. A handler that
/// doesn't ask gets no stale form: [`Form`](super::body::Form) refuses it.
#[derive(Debug, Clone, Copy)]
pub struct Resubmission(pub bool);

impl Resubmission {
    /// What the form says when it is shown again.
    pub fn form_errors() -> FormErrors {
        FormErrors::conflict(Problems::general(
            "You logged in or out in another window since you opened this form, so we haven't sent it yet. Check it and \
             send it again.",
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Resubmission {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.remove::<StaleForm>().is_some()))
    }
}
