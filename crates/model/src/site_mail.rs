//! Mail that a site sends.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Name of the variable with the site's password for the mail relay: a blueprint that generates a secret of this name can
/// send mail.
pub const PASSWORD_VARIABLE: &str = "STOA_SMTP_PASSWORD";

/// The state of a message for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its first attempt.
    Queued,
    /// An attempt is in progress.
    Sending,
    /// The operator's mail server has accepted it.
    Sent,
    /// An attempt failed and will be repeated.
    Deferred,
    /// It was refused, or given up.
    Failed,
    /// Waits because the site has reached a limit, or because there is no mail server.
    Held,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Queued, Self::Sending, Self::Sent, Self::Deferred, Self::Failed, Self::Held];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
            Self::Held => "held",
        }
    }

    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Sent | Self::Failed)
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeliveryState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no state of a delivery"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_back() {
        for state in DeliveryState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("lost".parse::<DeliveryState>().is_err());
        assert_eq!(DeliveryState::ALL.into_iter().filter(|state| state.is_final()).count(), 2);
    }
}
