//! `[mail]`: the SMTP server that takes the platform's e-mail to its recipients.

use std::{path::PathBuf, time::Duration};

use stoa_integrations::mail::{Security, Sender, SmtpConfig, is_loopback};
use stoa_model::{
    host::Hostname,
    secret::{ExposeSecret, SecretString},
    text::{EmailAddress, check_line},
};

use super::{
    mistake::Mistake,
    schema::{SettingType, settings},
};

/// How long one message may take.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(120);

settings! {
    /// The SMTP server that takes the platform's e-mail to its recipients: your mail provider's or your own relay. Without
    /// `host`, e-mail is written into `outbox/` of the data directory and goes nowhere. `stoa mail test ADDRESS` tries it.
    pub struct Mail in "mail" {
        /// Its hostname, for which its certificate must be valid.
        host: String = "",
        /// Its port; 0: 465 for tls, 587 for starttls, 25 for none.
        port: u16 = 0,
        /// tls: from the beginning; starttls: never without; none: plain text, only to this machine.
        security: MailSecurity = "tls",
        /// User name for the server; empty: no login.
        user: String = "",
        /// The user's password.
        password: SecretString = "",
        /// Name of the sender, shown beside `mail_from`; empty: `product_name`.
        from_name: String = "",
        /// PEM file of roots to trust in addition to the system's, for a server with a certificate of your own.
        roots: PathBuf = "",
    }
}

/// How the connection to the SMTP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// TLS from the beginning.
    Tls,
    /// TLS after STARTTLS.
    Starttls,
    /// Plain text.
    None,
}

impl SettingType for MailSecurity {
    const EXAMPLE: &'static str = "starttls";
}

impl Mail {
    /// The checked settings; none without a host.
    pub fn settings(&self, from: &EmailAddress) -> Result<Option<SmtpConfig>, Mistake> {
        let (host, has_password) = (self.host.trim(), !self.password.expose_secret().is_empty());
        if host.is_empty() {
            let is_unused = self.user.is_empty() && !has_password;
            return if is_unused { Ok(None) } else { Err(Mistake::new("mail.host", "required with mail.user")) };
        }
        if host.parse::<std::net::IpAddr>().is_err() {
            Hostname::parse(host).map_err(|error| Mistake::new("mail.host", error))?;
        }
        if self.user.is_empty() == has_password {
            let missing = if has_password { "mail.user" } else { "mail.password" };
            return Err(Mistake::new(missing, "set both mail.user and mail.password, or neither"));
        }
        let (security, port) = match self.security {
            MailSecurity::Tls => (Security::Tls, 465),
            MailSecurity::Starttls => (Security::StartTls, 587),
            MailSecurity::None if is_loopback(host) => (Security::None, 25),
            MailSecurity::None => {
                let problem = format!(
                    "{host} is not this machine, and e-mail with links to reset passwords would cross the network in \
                     plain text; use tls or starttls"
                );
                return Err(Mistake::new("mail.security", problem));
            }
        };
        let domain = from.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
        if domain == "localhost.localdomain" {
            return Err(Mistake::new(
                "mail_from",
                "required with mail.host: an address that the server lets you send from",
            ));
        }
        Ok(Some(SmtpConfig {
            host: host.to_owned(),
            port: if self.port == 0 { port } else { self.port },
            security,
            login: (!self.user.is_empty()).then(|| (self.user.clone(), self.password.clone())),
            roots: Some(self.roots.clone()).filter(|path| !path.as_os_str().is_empty()),
            hello: domain.to_owned(),
            timeout: DELIVERY_TIMEOUT,
        }))
    }

    /// Who e-mail is from.
    pub fn sender(&self, address: EmailAddress, product: &str) -> Result<Sender, Mistake> {
        if self.from_name.is_empty() {
            return Ok(Sender { address, name: product.to_owned() });
        }
        check_line("from_name", &self.from_name).map_err(|error| Mistake::new("mail.from_name", error))?;
        Ok(Sender { address, name: self.from_name.clone() })
    }
}
