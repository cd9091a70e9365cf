//! Orders under way, each for as long as it takes: a slow one keeps no name waiting that was proven
//! after it began.

use crate::Domains;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::{sync::Semaphore, task::JoinSet};

use super::spec::CertificateSpec;
use stoa_core::settings::AcmeSettings;

/// Orders under way at once.
const TOGETHER: usize = 4;

/// The orders that this process looks after.
pub(super) struct InFlightOrders {
    places: Arc<Semaphore>,
    orders: Mutex<JoinSet<()>>,
}

impl Default for InFlightOrders {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(TOGETHER)), orders: Mutex::default() }
    }
}

impl Domains {
    /// Begins as many as there are places for. Each that ends wakes the next look, which begins others.
    pub(super) fn start_orders(&self, due: Vec<CertificateSpec>, acme: &AcmeSettings) {
        let under_way = &self.order_locks.under_way;
        let mut orders = under_way.orders.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = orders.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "an order of a certificate ended in a defect; it is tried again by itself");
            }
        }
        for wanted in due.into_iter().filter(|wanted| !self.order_locks.is_busy(&wanted.subject)) {
            let Ok(place) = Arc::clone(&under_way.places).try_acquire_owned() else { return };
            let (control, acme) = (self.clone(), acme.clone());
            orders.spawn(async move {
                let is_noted = control.try_certificate(&wanted, &acme).await;
                drop(place);
                // What could not even be written down waits for the next look by itself.
                if is_noted {
                    control.core.wakeups.certificates.notify_one();
                }
            });
        }
    }

    /// Leaves what is under way, as this process ends; the next one goes on with it.
    pub async fn abort_orders(&self) {
        let orders = &self.order_locks.under_way.orders;
        let mut orders = std::mem::take(&mut *orders.lock().unwrap_or_else(PoisonError::into_inner));
        orders.shutdown().await;
    }
}
