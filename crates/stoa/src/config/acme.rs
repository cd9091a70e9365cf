//! `[acme]`: who issues certificates.

use std::{path::PathBuf, time::Duration};

use stoa_core::settings::{AcmeSettings, IssuanceLimits};
use stoa_integrations::acme::{AcmeConfig, ExternalAccount};
use stoa_model::{
    secret::{ExposeSecret, SecretString},
    text::EmailAddress,
};

use super::{mistake::Mistake, schema::settings};

/// The longest that the authority may take for one order.
const ORDER_TIMEOUT: Duration = Duration::from_secs(120);

settings! {
    /// The certificate authority (ACME, RFC 8555). Without a directory, no certificates are issued.
    pub struct Acme in "acme" {
        /// URL of the authority's directory. Let's Encrypt: https://acme-v02.api.letsencrypt.org/directory
        directory: String = "",
        /// E-mail address at which the authority can reach you about the account.
        contact: String = "",
        /// PEM file of roots to trust in addition to the system's, for an authority of your own.
        roots: PathBuf = "",
        /// External account binding, for authorities that require it.
        external_account_id: String = "",
        /// The binding's key.
        external_account_key: SecretString = "",
        /// Certificates a week for exactly the same names; 0: as the authority permits, as far as that is known (it is of
        /// Let's Encrypt). Renewals that can't wait don't count.
        same_per_week: u32 = 0,
        /// Orders within three hours; 0: as the authority permits, as far as that is known.
        orders_per_3_hours: u32 = 0,
        /// Certificates a week for names below `base_domain`; 0: as the authority permits, as far as that is known.
        own_per_week: u32 = 0,
        /// Seconds that a new site waits for its first certificate before it is served over plain HTTP.
        first_wait_seconds: u32 = 20,
        /// Seconds until a new DNS record is visible everywhere.
        dns_wait_seconds: u32 = 60,
    }
}

impl Acme {
    /// The checked settings; none without a directory.
    pub fn settings(&self) -> Result<Option<AcmeSettings>, Mistake> {
        if self.directory.is_empty() {
            return Ok(None);
        }
        if !self.directory.starts_with("https://") {
            return Err(Mistake::new("acme.directory", format!("{:?} does not begin with https://", self.directory)));
        }
        let contact = match self.contact.as_str() {
            "" => None,
            text => Some(EmailAddress::parse(text).map_err(|error| Mistake::new("acme.contact", error))?),
        };
        let seconds = |n: u32| Duration::from_secs(n.into());
        Ok(Some(AcmeSettings {
            ca: AcmeConfig {
                directory: self.directory.clone(),
                contact,
                external_account: self.external_account()?,
                roots: Some(self.roots.clone()).filter(|path| !path.as_os_str().is_empty()),
                patience: ORDER_TIMEOUT,
            },
            allowance: self.allowance(),
            first_wait: seconds(self.first_wait_seconds),
            dns_wait: seconds(self.dns_wait_seconds),
        }))
    }

    fn allowance(&self) -> IssuanceLimits {
        let known = IssuanceLimits::of_authority(&self.directory);
        let or_known = |setting: u32, known: u64| if setting == 0 { known } else { setting.into() };
        IssuanceLimits {
            failures_per_hour: known.failures_per_hour,
            same_per_week: or_known(self.same_per_week, known.same_per_week),
            orders_per_3_hours: or_known(self.orders_per_3_hours, known.orders_per_3_hours),
            own_per_week: or_known(self.own_per_week, known.own_per_week),
        }
    }

    fn external_account(&self) -> Result<Option<ExternalAccount>, Mistake> {
        match (self.external_account_id.is_empty(), self.external_account_key.expose_secret().is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Ok(Some(ExternalAccount {
                key_id: self.external_account_id.clone(),
                hmac_key: self.external_account_key.clone(),
            })),
            (true, false) => Err(Mistake::new("acme.external_account_id", "required with external_account_key")),
            (false, true) => Err(Mistake::new("acme.external_account_key", "required with external_account_id")),
        }
    }
}
