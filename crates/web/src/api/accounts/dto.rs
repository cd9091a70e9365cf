//! Accounts over the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// E-mail address of a customer or of staff.
    pub email: String,
    /// Password.
    #[schema(value_type = String, format = Password)]
    pub password: stoa_model::secret::SecretString,
}

/// A token that acts for who logged in.
#[derive(Serialize, ToSchema)]
pub struct Token {
    /// Send it as `Authorization: Bearer …`.
    pub token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Who a token acts for.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// `customer` or `staff`.
    pub kind: &'static str,
    /// Id of the customer or the person.
    pub id: String,
    /// Role of staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
}
