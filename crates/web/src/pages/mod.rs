//! The pages: a folder per noun, a file per verb. A file holds the page's struct of display-ready
//! fields, whose template lies at the same place under `templates/`, and its handlers. Templates
//! don't query and don't decide; a field that a template misses fails the build.

pub mod accounts;
pub mod core;
pub mod domains;
pub mod sites;
