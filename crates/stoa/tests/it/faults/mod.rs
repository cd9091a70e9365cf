//! The real binary on real Docker, with everything going wrong around it: killed between and within
//! its steps, stopped, its Docker away, its disk full, its database locked, its customers hostile and
//! many.
//!
//! Each test has a world of its own ([`world::World`]): a data directory, a port, a part of the address
//! pool, an installation label. After each mishap [`ledger`] compares what the database says with what
//! Docker, the disk and the edge have, to the last thing. `STOA_SKIP_DOCKER=1` skips them all.

mod bad_input;
mod burst;
mod docker_away;
mod engine;
mod full_disk;
mod graceful;
pub mod http;
mod isolation;
mod kills;
mod ledger;
mod locked_database;
mod world;
