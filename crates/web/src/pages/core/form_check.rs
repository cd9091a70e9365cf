//! Checks while one types. The rules are the service layer's; this only carries them to the page.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use stoa_control::view::AddressCheck;

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        rights::Caller,
    },
    fault::Fault,
};

/// What is typed into the address.
#[derive(Deserialize)]
pub struct Address {
    #[serde(default)]
    subdomain: String,
}

/// `GET /check/address?subdomain=…`
pub async fn address(
    State(app): State<App>,
    Caller(cx): Caller,
    Query(Address { subdomain }): Query<Address>,
) -> Result<Json<AddressCheck>, Fault> {
    Ok(Json(app.control.address_check(&cx, &subdomain).await?))
}

/// A field and what is typed into it; a form, as a password must not stand in an address.
#[derive(Deserialize)]
pub struct Typed {
    field: String,
    #[serde(default)]
    value: String,
}

/// Whether a value can be used.
#[derive(Serialize)]
pub struct Checked {
    good: bool,
    message: String,
}

/// `POST /check/field`
pub async fn field(State(app): State<App>, Form(typed): Form<Typed>) -> Json<Checked> {
    let checked = app.control.register_check(&typed.field, &typed.value);
    let message = checked.err().map(|invalid| invalid.message);
    Json(Checked { good: message.is_none(), message: message.unwrap_or_default() })
}
