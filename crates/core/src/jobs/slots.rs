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

    /// Gives it back without a job. Nobody is woken: there was nothing to do for it.
    pub(super) fn put_back(self) {
        drop(self.permit().take());
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_slot_wakes_the_worker_when_a_job_gives_it_up_and_only_then() {
        let slots = LaneSlots::new(&LaneSizes { interactive: 2, ..LaneSizes::default() });
        let is_woken = async || timeout(Duration::from_millis(20), slots.freed()).await.is_ok();
        let (first, second) = (slots.take(Lane::Interactive).unwrap(), slots.take(Lane::Interactive).unwrap());
        assert!(!first.is_last() && second.is_last() && slots.take(Lane::Interactive).is_none());
        second.put_back();
        assert!(!is_woken().await, "it would look for jobs in a circle");
        first.release();
        first.release();
        assert!(is_woken().await);
        assert!(!is_woken().await, "once");
        let (third, fourth) = (slots.take(Lane::Interactive).unwrap(), slots.take(Lane::Interactive).unwrap());
        assert!(timeout(Duration::from_millis(20), first.acquire()).await.is_err(), "both are taken");
        drop(third);
        first.acquire().await;
        assert!(slots.take(Lane::Interactive).is_none(), "who waited has it");
        drop((first, fourth));
        assert!(slots.take(Lane::Build).is_some_and(|only| !only.is_last()), "a single slot is kept for nobody");
    }
}
