//! Orders under way, each for as long as it takes: a slow one keeps no name waiting that was proven
//! after it began.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{sync::Semaphore, task::JoinSet};

use super::wanted::Wanted;
use crate::{Control, settings::AcmeSettings};

/// Orders under way at once.
const TOGETHER: usize = 4;

/// The orders that this process looks after.
pub(super) struct UnderWay {
    places: Arc<Semaphore>,
    orders: Mutex<JoinSet<()>>,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(TOGETHER)), orders: Mutex::default() }
    }
}

impl Control {
    /// Begins as many as there are places for. Each that ends wakes the next look, which begins others.
    pub(super) fn certificates_begin(&self, due: Vec<Wanted>, acme: &AcmeSettings) {
        let under_way = &self.ordering.under_way;
        let mut orders = under_way.orders.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = orders.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "an order of a certificate ended in a defect; it is tried again by itself");
            }
        }
        for wanted in due.into_iter().filter(|wanted| !self.ordering.is_busy(&wanted.subject)) {
            let Ok(place) = Arc::clone(&under_way.places).try_acquire_owned() else { return };
            let (control, acme) = (self.clone(), acme.clone());
            orders.spawn(async move {
                let is_noted = control.certificate_try(&wanted, &acme).await;
                drop(place);
                // What could not even be written down waits for the next look by itself.
                if is_noted {
                    control.nudges.certificates.notify_one();
                }
            });
        }
    }

    /// Leaves what is under way, as this process ends; the next one goes on with it.
    pub(crate) async fn certificates_leave(&self) {
        let orders = &self.ordering.under_way.orders;
        let mut orders = std::mem::take(&mut *orders.lock().unwrap_or_else(PoisonError::into_inner));
        orders.shutdown().await;
    }
}
