//! What every area of the API shares: jobs, problems, the description of the API, metrics.

pub mod docs;
pub mod doctor;
pub mod dto;
pub mod jobs;
pub mod metrics;
pub mod openapi;
pub mod problem;

/// The limit that is meant.
pub(crate) fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(50).clamp(1, 100)
}
