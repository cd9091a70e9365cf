//! Limits on attempts. They are counted in the database, for all processes together and across restarts. What an
//! account adds to the limits of logins is up to `stoa_accounts`.

use std::{net::IpAddr, time::Duration};

use stoa_db::core::rate_limits::{self, RateLimit};
use stoa_model::id::CustomerId;
pub use stoa_util::ClientNetwork;
use stoa_util::Ipv6Prefix;

use crate::{
    Core,
    error::{Error, Result},
};

/// The number of attempts allowed per client address.
#[derive(Debug, Clone)]
pub struct Rates {
    /// Customer logins per minute.
    pub login_minute: u32,
    /// Customer logins per hour.
    pub login_hour: u32,
    /// Staff logins per minute.
    pub staff_login_minute: u32,
    /// Staff logins per hour.
    pub staff_login_hour: u32,
    /// New accounts per hour.
    pub sign_up_hour: u32,
    /// Sites that a customer orders per hour, from whatever address.
    pub order_hour: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            login_minute: 5,
            login_hour: 20,
            staff_login_minute: 3,
            staff_login_hour: 10,
            sign_up_hour: 10,
            order_hour: 20,
        }
    }
}

/// A rate-limited action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// A customer's login.
    Login,
    /// A staff login.
    StaffLogin,
    /// A new account.
    SignUp,
}

/// Limited because each check queries third-party name servers.
const DOMAIN_CHECKS_PER_MINUTE: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Attempts of a wide IPv6 network, as a multiple of those of one client.
const WIDE_FACTOR: u32 = 4;

impl Attempt {
    const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::StaffLogin => "staff-login",
            Self::SignUp => "sign-up",
        }
    }

    fn rates(self, rates: &Rates) -> Vec<(u32, Duration)> {
        match self {
            Self::Login => vec![(rates.login_minute, MINUTE), (rates.login_hour, HOUR)],
            Self::StaffLogin => vec![(rates.staff_login_minute, MINUTE), (rates.staff_login_hour, HOUR)],
            Self::SignUp => vec![(rates.sign_up_hour, HOUR)],
        }
    }

    /// The limits of `who`: a client, a browser, or a client and an account together.
    pub fn limits(self, rates: &Rates, who: &str) -> Vec<RateLimit> {
        self.limits_times(rates, who, 1)
    }

    /// The limits of a wide IPv6 network, which many clients share.
    pub fn wide_limits(self, rates: &Rates, who: &str) -> Vec<RateLimit> {
        self.limits_times(rates, who, WIDE_FACTOR)
    }

    fn limits_times(self, rates: &Rates, who: &str, factor: u32) -> Vec<RateLimit> {
        let limit = |(attempts, period): (u32, Duration)| RateLimit {
            name: format!("{} {}s {who}", self.name(), period.as_secs()),
            attempts: attempts.saturating_mul(factor),
            period,
        };
        self.rates(rates).into_iter().map(limit).collect()
    }
}

/// The networks of a client: its IPv4 address, or its IPv6 /64 with the /48 around it, from which addresses are easily
/// changed.
pub fn client_limits(address: IpAddr) -> (ClientNetwork, Option<ClientNetwork>) {
    let wide = ClientNetwork::of(address, Ipv6Prefix::Site);
    let narrow = ClientNetwork::of(address, Ipv6Prefix::Subnet);
    (narrow, (wide != narrow).then_some(wide))
}

impl Core {
    /// Counts one attempt from `address`, and returns what it was counted against. Local commands have no address and
    /// are not limited.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next attempt is allowed.
    pub async fn count_attempt(&self, attempt: Attempt, address: Option<IpAddr>) -> Result<Vec<RateLimit>> {
        let Some(address) = address else { return Ok(Vec::new()) };
        let (narrow, wide) = client_limits(address);
        let mut limits = attempt.limits(&self.settings.rates, &narrow.to_string());
        limits.extend(wide.iter().flat_map(|wide| attempt.wide_limits(&self.settings.rates, &wide.to_string())));
        self.count(&limits).await?;
        Ok(limits)
    }

    /// Counts a domain check that this customer requested.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next one is allowed.
    pub async fn count_domain_check(&self, customer: CustomerId) -> Result<()> {
        let (attempts, period) = (DOMAIN_CHECKS_PER_MINUTE, MINUTE);
        self.count(&[RateLimit { name: format!("domain-check {customer}"), attempts, period }]).await
    }

    /// Counts a site that this customer orders.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next one is allowed.
    pub async fn count_order(&self, customer: CustomerId) -> Result<()> {
        let (attempts, period) = (self.settings.rates.order_hour, HOUR);
        self.count(&[RateLimit { name: format!("order {customer}"), attempts, period }]).await
    }

    /// Counts an attempt against all of these limits.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next one is allowed.
    pub async fn count(&self, limits: &[RateLimit]) -> Result<()> {
        match rate_limits::rate_limit_attempt(&self.db, limits, self.clock.now()).await? {
            None => Ok(()),
            Some(wait) => Err(Error::RateLimited(wait.max(Duration::from_secs(1)))),
        }
    }

    /// Returns an attempt that succeeded.
    pub async fn return_attempt(&self, limits: &[RateLimit]) -> Result<()> {
        let taken = self.db.write(|tx| Box::pin(async move { rate_limits::rate_limit_return(&tx, limits).await }));
        Ok(taken.await?)
    }

    /// Forgets clients that have all their attempts back.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn prune_rate_limits(&self) -> Result<()> {
        let now = self.clock.now();
        Ok(self.db.write(|tx| Box::pin(async move { rate_limits::rate_limits_prune(&tx, now).await })).await?)
    }
}
