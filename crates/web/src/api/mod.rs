//! The JSON API: the same commands as the pages, for programs.
//!
//! Rules: bearer tokens only, never cookies; lists are paged by cursor, newest first; every
//! failure is a [`problem::Problem`]; what goes over the wire is a type of [`shape`], so that a
//! change inside does not change the API by accident.

pub mod accounts;
pub mod certificates;
pub mod docs;
pub mod domains;
pub mod jobs;
pub mod metrics;
pub mod openapi;
pub mod platform;
pub mod problem;
pub mod shape;
pub mod site_details;
pub mod sites;
pub mod traffic;
