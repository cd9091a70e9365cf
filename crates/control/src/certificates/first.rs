//! The first certificate of a new site: waited for a little while, as it usually takes seconds.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use stoa_db::certificate_orders;
use stoa_model::{certificate::CertName, host::Hostname};
use tokio::time::{Instant, sleep};

use super::{renew::Renewals, told::Told, under_way::UnderWay};
use crate::{Control, Result};

/// Which certificates are being ordered by this process, when renewal was asked about, and what staff
/// were told of.
#[derive(Default)]
pub(crate) struct Ordering {
    busy: Mutex<HashSet<CertName>>,
    pub(super) renewals: Renewals,
    pub(super) told: Told,
    pub(super) under_way: UnderWay,
}

/// Held while a certificate is being ordered.
pub(super) struct Mine<'a>(&'a Ordering, CertName);

impl Ordering {
    /// Nobody else orders this meanwhile; `None` if somebody does already.
    pub(super) fn begin(&self, subject: &CertName) -> Option<Mine<'_>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(subject.clone()).then(|| Mine(self, subject.clone()))
    }
}

impl Drop for Mine<'_> {
    fn drop(&mut self) {
        self.0.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// How a new site's certificate stands.
pub(crate) enum First {
    /// There is one.
    Covered,
    /// There is none yet, and why.
    Not(String),
}

impl Control {
    /// Sees to it that this name has a certificate, and waits for it as long as the settings say.
    pub(crate) async fn certificate_first(&self, name: &Hostname) -> Result<First> {
        let began = Instant::now();
        if self.is_covered(name) {
            return Ok(First::Covered);
        }
        let Some(acme) = self.settings.acme.clone().filter(|_| self.settings.https_port.is_some()) else {
            return Ok(First::Not("certificates are not set up on this platform".into()));
        };
        let all = self.certificates_wanted().await?;
        let Some(wanted) = all.into_iter().find(|wanted| wanted.names.iter().any(|n| n.covers(name))) else {
            return Ok(First::Not("no authority certifies this name".into()));
        };
        let subject = wanted.subject.clone();
        // Goes on by itself if it takes longer than is waited for: half an order helps nobody.
        let (control, wait) = (self.clone(), acme.first_wait);
        let trying = tokio::spawn(async move { control.certificate_try(&wanted, &acme).await });
        while began.elapsed() < wait {
            if self.is_covered(name) {
                return Ok(First::Covered);
            }
            if trying.is_finished() && !self.ordering.is_busy(&subject) {
                break;
            }
            sleep(std::time::Duration::from_millis(20)).await;
        }
        if self.is_covered(name) {
            return Ok(First::Covered);
        }
        let order = certificate_orders::order_get(&self.db, &subject).await?;
        let late = || "the authority takes its time".to_owned();
        Ok(First::Not(order.and_then(|order| order.problem).unwrap_or_else(late)))
    }
}

impl Ordering {
    /// Whether somebody orders this now.
    pub(super) fn is_busy(&self, subject: &CertName) -> bool {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).contains(subject)
    }
}
