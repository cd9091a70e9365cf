//! Commands, with their fields as typed. Pages, the API and the command line fill the same structs.

use serde::Deserialize;
use stoa_model::{ability::Ability, account::Role, secret::SecretString};

/// Open a customer account.
#[derive(Debug, Clone, Deserialize)]
pub struct Register {
    /// E-mail address, which is also the login name.
    pub email: String,
    /// At least 10 characters.
    pub password: SecretString,
    /// Name of the company or person.
    pub company: String,
}

/// Start a session.
#[derive(Debug, Clone, Deserialize)]
pub struct LogIn {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: SecretString,
    /// Value of the cookie by which the account knows this browser.
    #[serde(skip)]
    pub browser: Option<String>,
}

/// Create an API token for the own account.
#[derive(Debug, Clone)]
pub struct CreateToken {
    /// What it is for.
    pub name: String,
    /// What it may do; at least one.
    pub abilities: Vec<Ability>,
    /// Days until it expires, 1 to 366.
    pub days: u32,
}

/// Create a staff account.
#[derive(Debug, Clone)]
pub struct CreateStaff {
    /// Name of the person.
    pub name: String,
    /// E-mail address, which is also the login name.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// How they get a password.
    pub delivery: PasswordDelivery,
}

/// Change a staff account.
#[derive(Debug, Clone)]
pub struct UpdateStaff {
    /// Name of the person.
    pub name: String,
    /// E-mail address, which is also the login name.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Version of the account that the change was made after.
    pub version: i64,
}

/// How staff get a password, by e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PasswordDelivery {
    /// A link to choose one.
    #[default]
    Link,
    /// A temporary password, which has to be changed at the first log-in.
    Temporary,
}
