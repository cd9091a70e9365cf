//! Limits on attempts by client address, not by account: an attacker can't lock others out of their accounts.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, clock::Clock as _};
use stoa_model::id::CustomerId;
use stoa_util::{ClientNetwork, Ipv6Prefix};

use crate::error::{Error, Result};

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
}

impl Default for Rates {
    fn default() -> Self {
        Self { login_minute: 5, login_hour: 20, staff_login_minute: 3, staff_login_hour: 10, sign_up_hour: 10 }
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

/// Counts attempts in memory.
pub struct RateLimits {
    login: [DefaultKeyedRateLimiter<ClientNetwork>; 2],
    staff_login: [DefaultKeyedRateLimiter<ClientNetwork>; 2],
    sign_up: [DefaultKeyedRateLimiter<ClientNetwork>; 1],
    domain_check: DefaultKeyedRateLimiter<CustomerId>,
}

/// Limited because each check queries third-party name servers.
const DOMAIN_CHECKS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(20).unwrap();

impl RateLimits {
    /// Limiters with these rates.
    pub fn new(rates: &Rates) -> Self {
        let minute = |n| DefaultKeyedRateLimiter::keyed(Quota::per_minute(at_least_one(n)));
        let hour = |n| DefaultKeyedRateLimiter::keyed(Quota::per_hour(at_least_one(n)));
        Self {
            login: [minute(rates.login_minute), hour(rates.login_hour)],
            staff_login: [minute(rates.staff_login_minute), hour(rates.staff_login_hour)],
            sign_up: [hour(rates.sign_up_hour)],
            domain_check: DefaultKeyedRateLimiter::keyed(Quota::per_minute(DOMAIN_CHECKS_PER_MINUTE)),
        }
    }

    /// Counts one attempt from `address`. Local commands have no address and are not limited.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next attempt is allowed.
    pub fn check(&self, attempt: Attempt, address: Option<IpAddr>) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let limiters: &[_] = match attempt {
            Attempt::Login => &self.login,
            Attempt::StaffLogin => &self.staff_login,
            Attempt::SignUp => &self.sign_up,
        };
        for limiter in limiters {
            if let Err(until) = limiter.check_key(&ClientNetwork::of(address, Ipv6Prefix::Subnet)) {
                let wait = until.wait_time_from(limiter.clock().now());
                return Err(Error::RateLimited(wait.max(Duration::from_secs(1))));
            }
        }
        Ok(())
    }

    /// Counts a domain check that this customer requested.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time until the next one is allowed.
    pub fn domain_check(&self, customer: CustomerId) -> Result<()> {
        self.domain_check.check_key(&customer).map_err(|until| {
            Error::RateLimited(until.wait_time_from(self.domain_check.clock().now()).max(Duration::from_secs(1)))
        })
    }

    /// Removes entries whose attempts have all been replenished.
    pub fn prune(&self) {
        self.login.iter().chain(&self.staff_login).chain(&self.sign_up).for_each(|limiter| {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        });
        self.domain_check.retain_recent();
    }
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_login_within_a_minute_waits_and_others_do_not() {
        let limits = RateLimits::new(&Rates::default());
        let here = Some("192.0.2.1".parse().unwrap());
        for _ in 0..5 {
            limits.check(Attempt::Login, here).unwrap();
        }
        assert!(matches!(limits.check(Attempt::Login, here), Err(Error::RateLimited(_))));
        limits.check(Attempt::Login, Some("192.0.2.2".parse().unwrap())).unwrap();
        limits.check(Attempt::StaffLogin, here).unwrap();
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let limits = RateLimits::new(&Rates { login_minute: 1, ..Rates::default() });
        limits.check(Attempt::Login, Some("2001:db8::1".parse().unwrap())).unwrap();
        assert!(limits.check(Attempt::Login, Some("2001:db8::2".parse().unwrap())).is_err());
        limits.check(Attempt::Login, Some("2001:db8:0:1::1".parse().unwrap())).unwrap();
    }
}
