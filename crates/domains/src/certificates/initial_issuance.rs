//! The first certificate of a new site. Provisioning waits for it for a limited time, as it usually takes seconds.

use crate::Domains;
use stoa_db::certificate_orders;
use stoa_model::host::Hostname;
use tokio::time::{Instant, sleep};

use stoa_core::Result;

/// Whether a new site's name has a certificate.
pub enum InitialIssuance {
    /// It has one.
    Covered,
    /// It has none yet, for this reason.
    Not(String),
}

impl Domains {
    /// Orders a certificate for this name if it needs one, and waits for it up to the configured time.
    pub async fn issue_initial(&self, name: &Hostname) -> Result<InitialIssuance> {
        let began = Instant::now();
        if self.is_covered(name) {
            return Ok(InitialIssuance::Covered);
        }
        let Some(acme) = self.core.settings.acme.clone().filter(|_| self.core.settings.https_port.is_some()) else {
            return Ok(InitialIssuance::Not("certificates are not set up on this platform".into()));
        };
        let all = self.certificate_specs().await?;
        let Some(wanted) = all.into_iter().find(|wanted| wanted.names.iter().any(|n| n.covers(name))) else {
            return Ok(InitialIssuance::Not("no authority certifies this name".into()));
        };
        let subject = wanted.subject.clone();
        // Continues after the wait: an interrupted order would be wasted.
        let (domains, wait) = (self.clone(), acme.first_wait);
        let attempt = tokio::spawn(async move { domains.try_certificate(&wanted, &acme).await });
        while began.elapsed() < wait {
            if self.is_covered(name) {
                return Ok(InitialIssuance::Covered);
            }
            if attempt.is_finished() && !self.is_being_ordered(&subject).await? {
                break;
            }
            sleep(std::time::Duration::from_millis(20)).await;
        }
        if self.is_covered(name) {
            return Ok(InitialIssuance::Covered);
        }
        let order = certificate_orders::order_get(&self.core.db, &subject).await?;
        let late = || "the authority takes its time".to_owned();
        Ok(InitialIssuance::Not(order.and_then(|order| order.problem).unwrap_or_else(late)))
    }
}
