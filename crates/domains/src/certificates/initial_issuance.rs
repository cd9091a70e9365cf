//! The first certificate of a new site: waited for a little while, as it usually takes seconds.

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

/// Which certificates are being ordered by this process, when renewal was asked about, and what staff
/// were told of.
#[derive(Default)]
pub(crate) struct OrderLocks {
    busy: Mutex<HashSet<CertName>>,
    pub(super) renewals: Renewals,
    pub(super) told: AlertHistory,
    pub(super) under_way: InFlightOrders,
}

/// LoadedCertificate while a certificate is being ordered.
pub(super) struct OrderLock<'a>(&'a OrderLocks, CertName);

impl OrderLocks {
    /// Nobody else orders this meanwhile; `None` if somebody does already.
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

/// How a new site's certificate stands.
pub enum InitialIssuance {
    /// There is one.
    Covered,
    /// There is none yet, and why.
    Not(String),
}

impl Domains {
    /// Sees to it that this name has a certificate, and waits for it as long as the settings say.
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
        // Goes on by itself if it takes longer than is waited for: half an order helps nobody.
        let (control, wait) = (self.clone(), acme.first_wait);
        let trying = tokio::spawn(async move { control.try_certificate(&wanted, &acme).await });
        while began.elapsed() < wait {
            if self.is_covered(name) {
                return Ok(InitialIssuance::Covered);
            }
            if trying.is_finished() && !self.order_locks.is_busy(&subject) {
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
    /// Whether somebody orders this now.
    pub(super) fn is_busy(&self, subject: &CertName) -> bool {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).contains(subject)
    }
}
