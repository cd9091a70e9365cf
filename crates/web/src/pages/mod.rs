//! The pages: a folder per noun, a file per verb. A file holds the page's struct of display-ready
//! fields, whose template lies at the same place under `templates/`, and its handlers. Templates
//! don't query and don't decide; a field that a template misses fails the build.

pub mod account;
pub mod check;
pub mod error;
pub mod health;
pub mod home;
pub mod job;
pub mod site;
pub mod staff;
