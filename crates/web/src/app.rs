//! The state shared by all handlers.

use jiff::SignedDuration;
use stoa_control::Control;
use stoa_core::cached::Cached;

use crate::{middleware::limits::RequestLimits, pages::core::staff_overview::PlatformSummary};

/// How old what the staff's overview sums up may be: it reads every site and asks the engine.
const SUMMARY_AGE: SignedDuration = SignedDuration::from_secs(5);

/// The state of the router; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The service layer.
    pub control: Control,
    /// What the staff's overview sums up.
    pub summary: Cached<PlatformSummary>,
    /// What all requests together may take.
    pub limits: RequestLimits,
}

impl App {
    /// The state of a router over this service layer.
    pub fn new(control: Control) -> Self {
        Self { control, summary: Cached::new(SUMMARY_AGE), limits: RequestLimits::default() }
    }
}
