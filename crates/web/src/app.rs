//! The state shared by all handlers.

use std::sync::Arc;

use jiff::SignedDuration;
use stoa_control::Control;
use stoa_core::cached::Cached;
use stoa_model::job::JobState;

use crate::{middleware::limits::RequestLimits, pages::core::staff_overview::PlatformSummary};

/// How old what the staff's overview sums up may be: it reads every site and asks the engine.
const SUMMARY_AGE: SignedDuration = SignedDuration::from_secs(5);

/// The state of the router. Each layer of the router holds one and is cloned for every request, so it is pointers.
#[derive(Clone)]
pub struct App {
    /// The service layer.
    pub control: Arc<Control>,
    /// What the staff's overview sums up.
    pub summary: Cached<PlatformSummary>,
    /// Number of stuck jobs, for the staff's side bar.
    stuck_jobs: Cached<u64>,
    /// What all requests together may take.
    pub limits: RequestLimits,
}

impl App {
    /// The state of a router over this service layer.
    pub fn new(control: Control) -> Self {
        let (summary, stuck_jobs) = (Cached::new(SUMMARY_AGE), Cached::new(SUMMARY_AGE));
        Self { control: Arc::new(control), summary, stuck_jobs, limits: RequestLimits::default() }
    }

    /// Number of stuck jobs, some seconds old at most.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn stuck_jobs(&self) -> stoa_core::Result<u64> {
        let control = self.control.clone();
        let count = || async move {
            let counts = control.jobs.counts(&control.core.system_context("badge")).await?;
            Ok(counts.into_iter().find(|(state, _)| *state == JobState::Stuck).map_or(0, |(_, n)| n))
        };
        self.stuck_jobs.get(self.control.core.clock.now(), count).await
    }
}
