//! The pages: a folder per area, a file per page or action. A file has the page's struct of display-ready
//! fields, whose template has the same path under `templates/`, and its handlers. Templates don't query
//! and don't decide; a missing field fails the build.

pub mod accounts;
pub mod billing;
pub mod core;
pub mod domains;
pub mod sites;
