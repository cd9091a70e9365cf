//! The JSON API: the same commands as the pages, for programs.
//!
//! Rules: bearer tokens only, never cookies; lists are paged by cursor, newest first; every
//! failure is a [`core::problem::Problem`]; what goes over the wire is a type of an area's `dto` module,
//! so that a change inside does not change the API by accident.

pub mod accounts;
pub mod core;
pub mod domains;
pub mod sites;
