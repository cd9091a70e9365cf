//! Variables: what a blueprint asks the platform for, and how secrets are made.
//!
//! A variable is a fact of the site (its title, its address), a generated secret, or a setting of
//! the operator with a default. There is no fourth kind, so a customer can't bring in variables.

use serde::{Deserialize, Serialize};

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
    /// Largest request body that the edge lets pass, in bytes.
    #[serde(rename = "site.max_body")]
    SiteMaxBody,
    /// Seconds that the edge waits for an answer; 0: its own limit.
    #[serde(rename = "site.response_seconds")]
    SiteResponseSeconds,
    /// Name of the site's administrator.
    #[serde(rename = "admin.user")]
    AdminUser,
    /// Mail address of the site's administrator.
    #[serde(rename = "admin.email")]
    AdminEmail,
    /// Address of the mail relay as the site's containers reach it; empty if there is none.
    #[serde(rename = "smtp.host")]
    SmtpHost,
    /// Its TCP port.
    #[serde(rename = "smtp.port")]
    SmtpPort,
    /// The site's user name there. Its password is a generated secret, see
    /// [`PASSWORD_VARIABLE`](crate::site_mail::PASSWORD_VARIABLE).
    #[serde(rename = "smtp.user")]
    SmtpUser,
    /// The address that the site can always send from.
    #[serde(rename = "smtp.from")]
    SmtpFrom,
}

impl Fact {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::SiteId,
        Self::SiteTitle,
        Self::SiteUrl,
        Self::SiteHostname,
        Self::SiteHostnames,
        Self::SiteMaxBody,
        Self::SiteResponseSeconds,
        Self::AdminUser,
        Self::AdminEmail,
        Self::SmtpHost,
        Self::SmtpPort,
        Self::SmtpUser,
        Self::SmtpFrom,
    ];

    /// As blueprints write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SiteId => "site.id",
            Self::SiteTitle => "site.title",
            Self::SiteUrl => "site.url",
            Self::SiteHostname => "site.hostname",
            Self::SiteHostnames => "site.hostnames",
            Self::SiteMaxBody => "site.max_body",
            Self::SiteResponseSeconds => "site.response_seconds",
            Self::AdminUser => "admin.user",
            Self::AdminEmail => "admin.email",
            Self::SmtpHost => "smtp.host",
            Self::SmtpPort => "smtp.port",
            Self::SmtpUser => "smtp.user",
            Self::SmtpFrom => "smtp.from",
        }
    }

    /// What stands for it in an example.
    pub(super) const fn example(self) -> &'static str {
        match self {
            Self::SiteId => "site_00000000000000000000000000000000",
            Self::SiteTitle => "Example",
            Self::SiteUrl => "https://shop.example",
            Self::SiteHostname => "shop.example",
            Self::SiteHostnames => "shop.example,www.shop.example",
            Self::SiteMaxBody => "104857600",
            Self::SiteResponseSeconds => "600",
            Self::AdminUser => "admin",
            Self::AdminEmail => "owner@shop.example",
            Self::SmtpHost => "10.213.0.1",
            Self::SmtpPort => "5587",
            Self::SmtpUser => "site_00000000000000000000000000000000",
            Self::SmtpFrom => "site-shop@mail.example",
        }
    }
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

impl Charset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Password, Self::Alphanumeric, Self::Hex, Self::Base64];

    /// As blueprints write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Alphanumeric => "alphanumeric",
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }

    /// Lengths must be a multiple of this, so that secrets decode to whole bytes.
    pub const fn group(self) -> usize {
        match self {
            Self::Password | Self::Alphanumeric => 1,
            Self::Hex => 2,
            Self::Base64 => 4,
        }
    }
}
