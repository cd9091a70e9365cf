//! The slots of the lanes: how many jobs of each work at the same time.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use stoa_model::job::Lane;
use stoa_saga::Slot;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::settings::LaneSizes;

/// The slots of all lanes of this process.
#[derive(Clone)]
pub(super) struct LaneSlots {
    lanes: Arc<HashMap<Lane, Slots>>,
    freed: Arc<Notify>,
}

#[derive(Clone)]
struct Slots {
    size: usize,
    semaphore: Arc<Semaphore>,
}

impl LaneSlots {
    pub(super) fn new(sizes: &LaneSizes) -> Self {
        let slots = |lane| {
            let size = sizes.of(lane).max(1);
            (lane, Slots { size, semaphore: Arc::new(Semaphore::new(size)) })
        };
        Self { lanes: Arc::new(Lane::ALL.iter().copied().map(slots).collect()), freed: Arc::default() }
    }

    /// A free slot of the lane.
    pub(super) fn take(&self, lane: Lane) -> Option<JobSlot> {
        let Slots { size, semaphore } = self.lanes.get(&lane)?.clone();
        let permit = semaphore.clone().try_acquire_owned().ok()?;
        // With a single slot, the only one would be kept for others for ever.
        let last = size > 1 && semaphore.available_permits() == 0;
        Some(JobSlot { last, semaphore, permit: Mutex::new(Some(permit)), freed: self.freed.clone() })
    }

    /// Returns once a slot of any lane was given up since the last call.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }
}

/// The slot of one run.
pub(super) struct JobSlot {
    last: bool,
    semaphore: Arc<Semaphore>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    freed: Arc<Notify>,
}

impl JobSlot {
    /// Whether no other slot of its lane was free when it was taken.
    pub(super) fn is_last(&self) -> bool {
        self.last
    }

    fn permit(&self) -> std::sync::MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Slot for JobSlot {
    fn release(&self) {
        if self.permit().take().is_some() {
            self.freed.notify_one();
        }
    }

    /// Those who waited go before new jobs: the semaphore is fair.
    async fn acquire(&self) {
        if self.permit().is_none()
            && let Ok(permit) = self.semaphore.clone().acquire_owned().await
        {
            *self.permit() = Some(permit);
        }
    }
}

impl Drop for JobSlot {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for JobSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobSlot").field("held", &self.permit().is_some()).finish_non_exhaustive()
    }
}
