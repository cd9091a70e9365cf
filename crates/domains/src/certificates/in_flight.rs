//! Orders in progress. They run concurrently, so that a slow one does not delay others.

use crate::Domains;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::{sync::Semaphore, task::JoinSet};

use super::{attempt::order_lease, spec::CertificateSpec};
use stoa_core::{Wakeup, settings::AcmeSettings};

const MAX_CONCURRENT_ORDERS: usize = 4;

/// The orders that this process has in progress.
pub(super) struct InFlightOrders {
    permits: Arc<Semaphore>,
    orders: Mutex<JoinSet<()>>,
}

impl Default for InFlightOrders {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX_CONCURRENT_ORDERS)), orders: Mutex::default() }
    }
}

impl Domains {
    /// Starts as many orders as there are permits. Each order that ends wakes the reconciler, which starts others.
    pub(super) fn start_orders(&self, due: Vec<CertificateSpec>, acme: &AcmeSettings) {
        let in_flight = &self.order_state.in_flight;
        let mut orders = in_flight.orders.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = orders.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a certificate order panicked; the reconciler will retry it");
            }
        }
        let leases = &self.core.leases;
        for wanted in due.into_iter().filter(|wanted| !leases.holds(&order_lease(&wanted.subject))) {
            let Ok(permit) = Arc::clone(&in_flight.permits).try_acquire_owned() else { return };
            let (domains, acme) = (self.clone(), acme.clone());
            orders.spawn(async move {
                let is_recorded = domains.try_certificate(&wanted, &acme).await;
                drop(permit);
                // Without a record, an immediate retry would likely fail again: it waits for the next tick.
                if is_recorded {
                    domains.core.bus.wake(Wakeup::Certificates);
                }
            });
        }
    }

    /// Aborts the orders in progress at shutdown. The next process resumes them.
    pub async fn abort_orders(&self) {
        let orders = &self.order_state.in_flight.orders;
        let mut orders = std::mem::take(&mut *orders.lock().unwrap_or_else(PoisonError::into_inner));
        orders.shutdown().await;
    }
}
