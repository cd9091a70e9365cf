//! E-mail that the platform sends: what it is about, and how far it has come.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{id::MailId, site::words, text::EmailAddress};

words! {
    /// What an e-mail is about.
    MailKind, "kind of e-mail" {
        /// A store is online.
        Welcome = "welcome",
        /// A link to verify an address.
        VerifyAddress = "verify_address",
        /// A link to set a new password.
        PasswordReset = "password_reset",
        /// A change to how somebody logs in: password, address, second factor, passkey, token, new browser.
        Security = "security",
        /// An invitation, or its acceptance.
        Team = "team",
        /// An account or a store will be deleted.
        Deletion = "deletion",
        /// A store is down or up again, or its domain has changed.
        Site = "site",
        /// A payment, or what follows from a missing one.
        Billing = "billing",
        /// An alert to staff.
        Alert = "alert",
        /// Anything else.
        Other = "other",
    }
}

impl MailKind {
    /// The kind of an e-mail that an earlier release queued, which did not say.
    pub const fn unknown() -> Self {
        Self::Other
    }

    /// Its name on screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Welcome => "Welcome",
            Self::VerifyAddress => "Verify address",
            Self::PasswordReset => "Password reset",
            Self::Security => "Security notice",
            Self::Team => "Team",
            Self::Deletion => "Deletion",
            Self::Site => "Store",
            Self::Billing => "Billing",
            Self::Alert => "Staff alert",
            Self::Other => "Other",
        }
    }
}

words! {
    /// How far an e-mail has come.
    MailState, "state of an e-mail" {
        /// It is being sent, or will be again after a crash.
        Queued = "queued",
        /// The mail server has taken it.
        Sent = "sent",
        /// The last attempt failed; there will be another one.
        Deferred = "deferred",
        /// It was refused, or could not be sent for days.
        Failed = "failed",
        /// It was not sent, because its receiver's mailbox is known not to exist.
        Suppressed = "suppressed",
    }
}

/// An entry of the mail log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailEntry {
    /// Its id.
    pub id: MailId,
    /// Identifies the e-mail: of two with the same key only one is sent.
    pub key: String,
    /// Receiver.
    pub to: EmailAddress,
    /// What it is about.
    pub kind: MailKind,
    /// Subject.
    pub subject: String,
    /// How far it has come.
    pub state: MailState,
    /// Attempts so far.
    pub attempts: u32,
    /// The last answer of the mail server, or why there was none.
    pub answer: Option<String>,
    /// Whether its links are secret: then `text` and `html` have "[link]" in their place.
    pub is_secret: bool,
    /// Plain text body.
    pub text: String,
    /// HTML body.
    pub html: String,
    /// When it was first tried.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// An address that nothing is sent to, because its mailbox doesn't exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// The address.
    pub address: EmailAddress,
    /// What the mail server said.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
}
