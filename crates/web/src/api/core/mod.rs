//! What all areas of the API share: jobs, problems, the OpenAPI document and its reference, metrics, doctor.

pub mod docs;
pub mod doctor;
pub mod dto;
mod example;
pub mod jobs;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod tasks;

/// The page size for a requested limit.
pub(crate) fn limit(requested: Option<u32>) -> u32 {
    requested.unwrap_or(50).clamp(1, 100)
}
