//! Request and response bodies of accounts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_accounts::view::TokenView;
use stoa_model::{ability::Ability, id::TokenId};
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
    /// Seconds until it expires.
    pub expires_in: i64,
}

/// An API token as it is listed.
#[derive(Serialize, ToSchema)]
pub struct ListedToken {
    /// Id of the token.
    #[schema(value_type = String)]
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// The start of its secret.
    pub prefix: String,
    /// `read`, `read:secrets`, `write`, `deploy`, `billing`.
    pub abilities: Vec<&'static str>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it expires.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, accurate to ten minutes.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

impl From<TokenView> for ListedToken {
    fn from(token: TokenView) -> Self {
        let TokenView { id, name, prefix, abilities, created_at, expires_at, last_used_at } = token;
        let abilities = abilities.into_iter().map(Ability::as_str).collect();
        Self { id, name, prefix, abilities, created_at, expires_at, last_used_at }
    }
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
