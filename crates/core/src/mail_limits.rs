//! Limits on e-mail that somebody can cause to an address which may not be theirs: links to reset a password or to
//! verify an address, invitations. They are counted by receiver, whether or not the receiver has an account, and by the
//! network of whoever asks.

use std::{net::IpAddr, time::Duration};

use stoa_db::core::rate_limits::{RateLimit, rate_limit_attempt};
use stoa_model::text::EmailAddress;
use stoa_util::{ClientNetwork, Ipv6Prefix};

use crate::{Core, Error, Result, random};

/// E-mails of one kind to an address per hour.
const PER_ADDRESS_HOUR: u32 = 3;
/// Requests of one kind per network and hour.
const PER_NETWORK_HOUR: u32 = 10;
const HOUR: Duration = Duration::from_secs(3600);

impl Core {
    /// Counts a request by this client to send an e-mail of the kind `what`.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next one is allowed.
    pub async fn count_mail_request(&self, what: &str, client: Option<IpAddr>) -> Result<()> {
        let Some(client) = client else { return Ok(()) };
        let client = ClientNetwork::of(client, Ipv6Prefix::Subnet);
        let limit = RateLimit { name: format!("mail-{what} {client}"), attempts: PER_NETWORK_HOUR, period: HOUR };
        self.count(&[limit]).await
    }

    /// Counts another e-mail of the kind `what` to an address that may be shown to be limited, because it is that of
    /// whoever asks, or was typed by them.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if none may go to it now.
    pub async fn ensure_may_mail(&self, what: &str, to: &EmailAddress) -> Result<()> {
        let wait = HOUR / PER_ADDRESS_HOUR;
        if self.may_mail(what, to).await? { Ok(()) } else { Err(Error::RateLimited(wait)) }
    }

    /// Whether another e-mail of the kind `what` may go to this address now; counts it if so. The caller must not show
    /// the answer to somebody who may not own the address.
    pub async fn may_mail(&self, what: &str, to: &EmailAddress) -> Result<bool> {
        // Hashed: the names of limits are no list of addresses.
        let name = format!("mail-{what} to {}", random::short_hash(to.as_str()));
        let limit = RateLimit { name, attempts: PER_ADDRESS_HOUR, period: HOUR };
        Ok(rate_limit_attempt(&self.db, &[limit], self.clock.now()).await?.is_none())
    }
}
