//! Interfaces with several real providers, their fakes, and one conformance suite each.

pub mod dns;
pub mod edge;
pub mod engine;
