//! Custom domains: names that a customer brings along, and how far they have come.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    host::Hostname,
    id::{CustomerId, DomainId, SiteId},
    site::words,
};

words! {
    /// How far a custom domain has come.
    DomainState, "domain state" {
        /// Claimed; that it is the customer's is not proven yet. Others may claim it too.
        Claimed = "claimed",
        /// Proven to be the customer's; the name leads to the site.
        Verified = "verified",
        /// Given up by the customer, or the claim ran out. Kept, as it tells who had the name.
        Removed = "removed",
    }
}

/// One custom domain of one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its id.
    pub id: DomainId,
    /// The site that it shall lead to.
    pub site: SiteId,
    /// Whose site that is.
    pub customer: CustomerId,
    /// The name, as DNS writes it (punycode for internationalised ones).
    pub name: Hostname,
    /// What the customer puts into DNS or onto his server to prove that the name is his: 32
    /// characters of the URL-safe alphabet.
    pub token: String,
    /// How far it has come.
    pub state: DomainState,
    /// Whether it shall become the site's main address as soon as it can.
    pub main_wanted: bool,
    /// When it was claimed.
    pub created_at: Timestamp,
    /// When the claim runs out, while it is only claimed.
    pub expires_at: Timestamp,
    /// When it was proven.
    pub verified_at: Option<Timestamp>,
    /// When it was last looked at.
    pub checked_at: Option<Timestamp>,
    /// What is wrong with it, in words for the customer; nothing if all is well.
    pub problem: Option<String>,
}
