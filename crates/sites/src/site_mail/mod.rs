//! Mail that sites send: accepted from their containers (`accept`), queued in the database, and handed to the operator's
//! mail server (`delivery`), with limits for each site (`limits`) and a log for its owner (`show`).

mod accept;
mod delivery;
mod limits;
mod show;

use jiff::{SignedDuration, Timestamp};
use stoa_core::{Error, Result};
use stoa_db::sites::mail;
use stoa_model::{field::Invalid, host::Hostname, placement::Placement, site::Site, text::EmailAddress};
use stoa_submission::message::SenderPolicy;

pub use self::{
    accept::SubmissionBackend,
    show::{MailLogView, MailView, SenderDomain, SenderRecord},
};
use crate::Sites;

/// How long the log is kept.
const LOG_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How a site reaches the relay, as text for the variables of its blueprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpFacts {
    /// Address; empty if there is no relay.
    pub host: String,
    /// Port; empty if there is no relay.
    pub port: String,
    /// The address that the site can always send from.
    pub from: String,
}

impl Sites {
    /// How a site reaches the relay.
    pub(crate) fn smtp_facts(&self, site: &Site, placement: &Placement) -> Result<SmtpFacts> {
        let host = self.engine_of(site)?.host_address(placement);
        let relay = self.core.settings.site_mail.port.zip(host);
        let (port, host) = relay.map(|(port, host)| (port.to_string(), host.to_string())).unwrap_or_default();
        Ok(SmtpFacts { host, port, from: self.site_address(site)?.to_string() })
    }

    /// A site's address at the operator's sender domain. The prefix keeps customers from choosing one that is somebody
    /// else's there, such as `postmaster`.
    fn site_address(&self, site: &Site) -> std::result::Result<EmailAddress, Invalid> {
        EmailAddress::parse(&format!("site-{}@{}", site.subdomain, self.sender_domain()))
    }

    /// The domain of the operator's own sender.
    fn sender_domain(&self) -> &str {
        let from = self.core.settings.mail_from.as_str();
        from.rsplit_once('@').map_or(from, |(_, domain)| domain)
    }

    /// Whose addresses a site may use: those of its own verified domains, and of its name below the platform's.
    async fn sender_policy(&self, site: &Site) -> Result<SenderPolicy> {
        let platform_hostname = site.subdomain.under(&self.core.settings.base_domain)?;
        let names: Vec<Hostname> = self.domains.hostnames_of(site.id).await?;
        let verified = names.into_iter().filter(|name| *name != platform_hostname).collect();
        Ok(SenderPolicy { verified, platform_hostname, fallback: self.site_address(site)? })
    }

    /// Deletes the log of messages that are older than it is kept.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn prune_mail(&self, now: Timestamp) -> Result<()> {
        let before = now - LOG_AGE;
        loop {
            let pruned = self
                .core
                .db
                .write(|tx| Box::pin(async move { mail::mail_prune(&tx, before).await }))
                .await
                .map_err(Error::from)?;
            if pruned == 0 {
                return Ok(());
            }
        }
    }
}
