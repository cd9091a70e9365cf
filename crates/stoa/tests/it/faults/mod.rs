//! Fault injection: the real binary on real Docker, killed between and within steps, stopped, without Docker, with
//! a full disk, a locked database, hostile customers and many of them.
//!
//! Each test has its own [`world::World`]: a data directory, a port, a part of the address pool, an installation
//! label. After each fault [`ledger`] compares the database completely with Docker, the disk and the edge.
//! `STOA_SKIP_DOCKER=1` skips them all.

mod bad_input;
mod burst;
mod data_missing;
mod database;
mod database_away;
mod docker_away;
mod engine;
mod full_disk;
mod graceful;
pub mod http;
mod isolation;
mod kills;
mod ledger;
mod locked_database;
mod replaced;
mod world;
