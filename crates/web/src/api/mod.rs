//! The JSON API: the same operations as the pages.
//!
//! Rules: bearer tokens only, never cookies; lists are paged by cursor, newest first; every error is a
//! [`Problem`](self::core::problem::Problem); bodies are types of an area's `dto` module, so that an internal
//! change can't change the API by accident.

pub mod accounts;
pub mod billing;
pub mod core;
pub mod domains;
pub mod sites;
