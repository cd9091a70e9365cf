//! The first certificate of a new site. Provisioning waits for it for a limited time, as it usually takes seconds.

use crate::Domains;
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use stoa_db::certificate_orders;
use stoa_model::{certificate::CertName, host::Hostname};
use tokio::time::{Instant, sleep};

use super::{alert_history::AlertHistory, in_flight::InFlightOrders, renewal::Renewals};
use stoa_core::Result;

/// The state of this process's orders: which are in progress, when renewal information was requested, and which
/// alerts were sent.
#[derive(Default)]
pub(crate) struct OrderLocks {
    busy: Mutex<HashSet<CertName>>,
    pub(super) renewals: Renewals,
    pub(super) alert_history: AlertHistory,
    pub(super) in_flight: InFlightOrders,
}

/// Held while a certificate is being ordered.
pub(super) struct OrderLock<'a>(&'a OrderLocks, CertName);

impl OrderLocks {
    /// Locks the order of this certificate; `None` if it is locked already.
    pub(super) fn begin(&self, subject: &CertName) -> Option<OrderLock<'_>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(subject.clone()).then(|| OrderLock(self, subject.clone()))
    }
}

impl Drop for OrderLock<'_> {
    fn drop(&mut self) {
        self.0.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

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
            if attempt.is_finished() && !self.order_locks.is_busy(&subject) {
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

impl OrderLocks {
    /// Whether this certificate is being ordered.
    pub(super) fn is_busy(&self, subject: &CertName) -> bool {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).contains(subject)
    }
}
