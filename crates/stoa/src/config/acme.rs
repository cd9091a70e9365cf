//! `[acme]`: who issues certificates.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;
use stoa_control::settings::{AcmeSettings, IssuanceLimits};
use stoa_integrations::acme::{AcmeConfig, ExternalAccount};
use stoa_model::text::EmailAddress;

/// The longest that the authority may take for one order.
const ORDER_TIMEOUT: Duration = Duration::from_secs(120);

/// The section as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acme {
    directory: String,
    contact: String,
    roots: PathBuf,
    external_account_id: String,
    external_account_key: String,
    first_wait_seconds: u32,
    dns_wait_seconds: u32,
}

impl Acme {
    /// The checked settings; none without a directory.
    pub fn settings(&self) -> Result<Option<AcmeSettings>, String> {
        if self.directory.is_empty() {
            return Ok(None);
        }
        if !self.directory.starts_with("https://") {
            return Err(format!("directory: {:?} is no https address", self.directory));
        }
        let contact = match self.contact.as_str() {
            "" => None,
            text => Some(EmailAddress::parse(text).map_err(|e| format!("contact: {e}"))?),
        };
        let external_account = match (self.external_account_id.as_str(), self.external_account_key.as_str()) {
            ("", "") => None,
            ("", _) | (_, "") => return Err("give external_account_id and external_account_key, or neither".into()),
            (id, key) => Some(ExternalAccount { key_id: id.to_owned(), hmac_key: key.to_owned().into() }),
        };
        let seconds = |n: u32| Duration::from_secs(n.into());
        Ok(Some(AcmeSettings {
            ca: AcmeConfig {
                directory: self.directory.clone(),
                contact,
                external_account,
                roots: Some(self.roots.clone()).filter(|path| !path.as_os_str().is_empty()),
                patience: ORDER_TIMEOUT,
            },
            allowance: IssuanceLimits::default(),
            first_wait: seconds(self.first_wait_seconds),
            dns_wait: seconds(self.dns_wait_seconds),
        }))
    }
}
