//! What handlers ask for. Each extractor proves something: a handler that holds an
//! [`OwnSite`](rights::OwnSite) can't have skipped the check.

pub mod body;
pub mod id;
pub mod rights;
