//! What every area shares: jobs, the front page, errors, health, the operator's overview.

pub mod error;
pub mod form_check;
pub mod health;
pub mod home;
pub mod jobs;
pub mod staff_overview;
