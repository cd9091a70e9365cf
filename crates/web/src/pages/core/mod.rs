//! What all areas share: jobs, the home page, error pages, health endpoints, the staff overview.

pub mod audit;
mod audit_check;
mod audit_export;
pub mod error;
pub mod form_check;
pub mod health;
pub mod home;
pub mod jobs;
pub mod mail;
pub mod redirects;
pub mod search;
pub mod staff_health;
pub mod staff_overview;
pub mod stale_form;
pub mod tasks;
