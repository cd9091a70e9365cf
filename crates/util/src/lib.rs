//! The one way to do each small thing that several crates need. No I/O beyond files, no async,
//! nothing of hosting.

pub mod atomic_file;
mod client_network;
pub mod concurrency;
mod error_chain;
pub mod file_owner;
pub mod io_error;
mod mailed_link;
mod visible;

pub use client_network::{ClientNetwork, Ipv6Prefix};
pub use error_chain::error_chain;
pub use mailed_link::path_for_log;
pub use visible::{visible, visible_lines};
