//! What people can ask for, with the text as typed: pages, API and command line fill the same structs.

use serde::Deserialize;
use stoa_model::secret::SecretString;

/// Open a customer account.
#[derive(Debug, Clone, Deserialize)]
pub struct Register {
    /// Login name and address for mail.
    pub email: String,
    /// At least 10 characters.
    pub password: SecretString,
    /// Company or own name.
    pub company: String,
}

/// Begin a session.
#[derive(Debug, Clone, Deserialize)]
pub struct LogIn {
    /// Login name.
    pub email: String,
    /// Password.
    pub password: SecretString,
}
