//! Limits on attempts by client address, not by account: an attacker can't lock others out of their accounts. They are
//! counted in the database, for all processes together and across restarts.

use std::{net::IpAddr, time::Duration};

use stoa_db::core::rate_limits::{self, RateLimit};
use stoa_model::id::CustomerId;
use stoa_util::{ClientNetwork, Ipv6Prefix};

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

impl Core {
    /// Counts one attempt from `address`. Local commands have no address and are not limited.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next attempt is allowed.
    pub async fn count_attempt(&self, attempt: Attempt, address: Option<IpAddr>) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let rates = &self.settings.rates;
        let client = ClientNetwork::of(address, Ipv6Prefix::Subnet);
        let (name, limits) = match attempt {
            Attempt::Login => ("login", vec![(rates.login_minute, MINUTE), (rates.login_hour, HOUR)]),
            Attempt::StaffLogin => {
                ("staff-login", vec![(rates.staff_login_minute, MINUTE), (rates.staff_login_hour, HOUR)])
            }
            Attempt::SignUp => ("sign-up", vec![(rates.sign_up_hour, HOUR)]),
        };
        let limit = |(attempts, period): (u32, Duration)| RateLimit {
            name: format!("{name} {}s {client}", period.as_secs()),
            attempts,
            period,
        };
        self.count(limits.into_iter().map(limit).collect()).await
    }

    /// Counts a domain check that this customer requested.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next one is allowed.
    pub async fn count_domain_check(&self, customer: CustomerId) -> Result<()> {
        let (attempts, period) = (DOMAIN_CHECKS_PER_MINUTE, MINUTE);
        self.count(vec![RateLimit { name: format!("domain-check {customer}"), attempts, period }]).await
    }

    /// Counts a site that this customer orders.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next one is allowed.
    pub async fn count_order(&self, customer: CustomerId) -> Result<()> {
        let (attempts, period) = (self.settings.rates.order_hour, HOUR);
        self.count(vec![RateLimit { name: format!("order {customer}"), attempts, period }]).await
    }

    async fn count(&self, limits: Vec<RateLimit>) -> Result<()> {
        match rate_limits::rate_limit_attempt(&self.db, &limits, self.clock.now()).await? {
            None => Ok(()),
            Some(wait) => Err(Error::RateLimited(wait.max(Duration::from_secs(1)))),
        }
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
