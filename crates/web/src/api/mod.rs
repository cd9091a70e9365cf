//! The JSON API.

pub mod problem;
