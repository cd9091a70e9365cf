//! Request and response bodies of accounts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Login credentials.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// E-mail address of a customer or staff member.
    pub email: String,
    /// Password.
    #[schema(value_type = String, format = Password)]
    pub password: stoa_model::secret::SecretString,
}

/// An API token of the account that logged in.
#[derive(Serialize, ToSchema)]
pub struct Token {
    /// Send it as `Authorization: Bearer …`.
    pub token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// When it expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// The account that a token acts for.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// `customer` or `staff`.
    pub kind: &'static str,
    /// Id of the customer or staff member.
    pub id: String,
    /// Role of a staff member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
}
