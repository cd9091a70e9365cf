//! How often somebody may try to log in, without a way to lock somebody else out.
//!
//! - A browser that never logged in to the account counts against its network, against its network and the account
//!   together, and against the account. The last limit is high: it only slows down guesses from many networks.
//! - A browser that did has a sealed cookie for that account and counts against itself alone. Whatever others do, it
//!   can log in.
//! - After 100 failures in a row, only browsers with the cookie may try the password.
//! - A successful login returns its attempt, so people behind one address don't use up each other's attempts.
//!
//! Accounts are counted by the address as typed, before anything is looked up, so that no limit reveals whether an
//! account exists.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stoa_db::{accounts::login_failures, core::rate_limits::RateLimit};
use stoa_model::{
    id::SessionId,
    secret::{ExposeSecret, Sealed, SecretString},
    text::EmailAddress,
};

use crate::{
    Accounts,
    login::{FAILURES_KEPT, MAX_FAILURES},
    password_queue::Priority,
};
use stoa_core::{
    Error, RequestContext, Result, random,
    rate_limits::{Attempt, client_limits},
};

/// Attempts at one account per hour, from all networks together.
const ACCOUNT_HOUR: u32 = 1800;
const HOUR: Duration = Duration::from_secs(3600);
/// How long a browser is known after a login.
pub const KNOWN_BROWSER_LIFETIME: SignedDuration = SignedDuration::from_hours(180 * 24);
const CLOSED: Error = Error::Unauthenticated(
    "Too many wrong passwords were entered for this account. Log in from a browser that you have used before, or reset \
     your password.",
);

/// Which login form is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Portal {
    /// The one for everyone.
    Everyone,
    /// The one for staff only.
    Staff,
}

impl Portal {
    const fn attempt(self) -> Attempt {
        match self {
            Self::Everyone => Attempt::Login,
            Self::Staff => Attempt::StaffLogin,
        }
    }
}

/// Names an account by the hash of the address that was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountKey(String);

impl AccountKey {
    pub fn of(email: &str) -> Self {
        Self(random::short_hash(&format!("login {}", email.trim().to_lowercase())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key under which wrong codes are counted.
    pub fn of_codes(&self) -> String {
        format!("codes {}", self.0)
    }

    /// What tells the cookies of several accounts apart.
    pub fn cookie_suffix(&self) -> String {
        self.0[..8].to_owned()
    }

    fn seal_context(&self) -> String {
        format!("known browser {}", self.0)
    }
}

/// An attempt to log in, as it was counted.
pub(crate) struct LoginAttempt {
    pub account: AccountKey,
    pub priority: Priority,
    limits: Vec<RateLimit>,
    /// What is counted in addition if the account turns out to be staff's.
    staff_limits: Vec<RateLimit>,
}

impl LoginAttempt {
    /// Of somebody whose password was checked elsewhere, and counted there.
    pub fn counted_elsewhere(email: &EmailAddress, cx: &RequestContext) -> Self {
        let priority = Priority::Client(cx.address.map(|address| client_limits(address).0));
        Self { account: AccountKey::of(email.as_str()), priority, limits: vec![], staff_limits: vec![] }
    }
}

impl Accounts {
    /// The name of the cookie by which this account's browsers are known, without its prefix.
    pub fn known_browser_cookie(email: &str) -> String {
        AccountKey::of(email).cookie_suffix()
    }

    /// A value for that cookie.
    pub fn remember_browser(&self, email: &str) -> SecretString {
        let now = self.core.clock.now();
        let until = (now + KNOWN_BROWSER_LIFETIME).as_second();
        let text = format!("{until} {}", SessionId::from_uuid(random::uuid_at(now)));
        self.core.key.seal(&AccountKey::of(email).seal_context(), &SecretString::from(text)).0.into()
    }

    /// Whether a cookie is one that this account's login set.
    pub(crate) fn is_known_browser(&self, account: &AccountKey, cookie: Option<&str>, now: Timestamp) -> bool {
        let Some(cookie) = cookie else { return false };
        let Ok(text) = self.core.key.open(&account.seal_context(), &Sealed(cookie.to_owned())) else { return false };
        let until = text.expose_secret().split(' ').next().and_then(|until| until.parse::<i64>().ok());
        until.is_some_and(|until| until > now.as_second())
    }

    /// The limits that an attempt counts against.
    pub(crate) fn login_attempt(
        &self,
        cx: &RequestContext,
        account: AccountKey,
        cookie: Option<&str>,
        portal: Portal,
    ) -> LoginAttempt {
        let rates = &self.core.settings.rates;
        let limits = |attempt: Attempt, who: &[String]| -> Vec<RateLimit> {
            who.iter().flat_map(|who| attempt.limits(rates, who)).collect()
        };
        if let Some(cookie) = cookie.filter(|cookie| self.is_known_browser(&account, Some(cookie), cx.now)) {
            let browser = [format!("browser {}", random::short_hash(cookie))];
            let (limits, staff_limits) = (limits(portal.attempt(), &browser), limits(Attempt::StaffLogin, &browser));
            return LoginAttempt { account, priority: Priority::Known, limits, staff_limits };
        }
        // Commands on this machine have no address and are not limited.
        let Some(address) = cx.address else {
            return LoginAttempt { account, priority: Priority::Client(None), limits: vec![], staff_limits: vec![] };
        };
        let (network, wide) = client_limits(address);
        let who = [network.to_string(), format!("{network} {}", account.as_str())];
        let mut counted = limits(portal.attempt(), &who);
        counted.extend(wide.iter().flat_map(|wide| portal.attempt().wide_limits(rates, &wide.to_string())));
        let name = format!("login-account {}", account.as_str());
        counted.push(RateLimit { name, attempts: ACCOUNT_HOUR, period: HOUR });
        let staff_limits = limits(Attempt::StaffLogin, &who);
        LoginAttempt { account, priority: Priority::Client(Some(network)), limits: counted, staff_limits }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// [`Error::RateLimited`], or a password login that is closed for unknown browsers.
    pub(crate) async fn count_login(
        &self,
        cx: &RequestContext,
        account: AccountKey,
        cookie: Option<&str>,
        portal: Portal,
    ) -> Result<LoginAttempt> {
        let attempt = self.login_attempt(cx, account, cookie, portal);
        self.core.count(&attempt.limits).await?;
        if !matches!(attempt.priority, Priority::Known) {
            let since = cx.now - FAILURES_KEPT;
            if login_failures::login_failures(&self.core.db, attempt.account.as_str(), since).await? >= MAX_FAILURES {
                return Err(CLOSED);
            }
        }
        Ok(attempt)
    }

    /// Counts an attempt at a staff account that was made in the form for everyone; returns whether it is allowed.
    pub(crate) async fn count_staff_login(&self, attempt: &mut LoginAttempt) -> Result<bool> {
        match self.core.count(&attempt.staff_limits).await {
            Ok(()) => {
                attempt.limits.append(&mut attempt.staff_limits);
                Ok(true)
            }
            Err(Error::RateLimited(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns a successful attempt, and ends the account's run of failures.
    pub(crate) async fn conclude_attempt(&self, attempt: &LoginAttempt) -> Result<()> {
        self.core.return_attempt(&attempt.limits).await?;
        self.forgive_failures(attempt.account.as_str()).await
    }

    /// Ends a run of failures that is counted under this key, of passwords or of codes.
    pub(crate) async fn forgive_failures(&self, account: &str) -> Result<()> {
        if login_failures::login_failures(&self.core.db, account, Timestamp::MIN).await? == 0 {
            return Ok(());
        }
        let clear =
            self.core.db.write(|tx| Box::pin(async move { login_failures::login_failures_clear(&tx, account).await }));
        Ok(clear.await?)
    }
}
