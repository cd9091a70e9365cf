//! The operator's pages: what needs somebody, then everything else.

pub mod certificates;
pub mod jobs;
pub mod order;
pub mod overview;
pub mod sites;
