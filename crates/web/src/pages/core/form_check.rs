//! Checks fields while people type, by the service layer's rules.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use stoa_sites::view::AddressCheck;

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::Caller,
    },
    http_error::HttpError,
};

/// A subdomain being typed.
#[derive(Deserialize)]
pub struct AddressQuery {
    #[serde(default)]
    subdomain: String,
}

/// `GET /check/address?subdomain=…`
pub async fn address(
    State(app): State<App>,
    Caller(cx): Caller,
    Query(AddressQuery { subdomain }): Query<AddressQuery>,
) -> Result<Json<AddressCheck>, HttpError> {
    Ok(Json(app.control.sites.check_address(&cx, &subdomain).await?))
}

/// A field and its value. It is sent as a form, because a password must not appear in a URL.
#[derive(Deserialize)]
pub struct FieldInput {
    field: String,
    #[serde(default)]
    value: String,
}

/// Whether a value is valid.
#[derive(Serialize)]
pub struct FieldCheck {
    good: bool,
    message: String,
}

/// `POST /check/field`
pub async fn field(State(app): State<App>, Form(input): Form<FieldInput>) -> Json<FieldCheck> {
    let checked = app.control.accounts.check_field(&input.field, &input.value);
    let message = checked.err().map(|invalid| invalid.message);
    Json(FieldCheck { good: message.is_none(), message: message.unwrap_or_default() })
}
