//! Stacks on Docker, through the Engine API on its unix socket; the `docker` program is never run.
//!
//! Invariants:
//! - The [`Stack`](stoa_model::stack::Stack) is rendered into Engine API bodies in one place
//!   (`containers`), with the hardening. There is no way to ask for a privileged container, a bind mount, a
//!   published port or Docker's own socket.
//! - Everything created carries the labels that `docker compose` writes, so that a person at the
//!   machine can use it, and Stoa's own: installation, site, operation and, on containers, revision and
//!   hash of the configuration. Nothing without this installation's label is ever started, stopped or
//!   removed.
//! - A deployment is a pure plan (`plan`), carried out without choices (`deploy`). Containers of
//!   releases without hashes are compared by the label that those releases wrote.
//! - Every call has a deadline, and every error says what was being done to what.
//! - Requests carry no API version, so that Docker answers with its own: everything used here is the
//!   same from API 1.41 (Docker 20.10) on.
//!
//! `bollard` logs whole request bodies, environment included, at the level `debug` of the `log`
//! crate: a subscriber that shows them shows customers' passwords. Keep `bollard` at `info`.

mod build;
mod client;
mod containers;
mod dependencies;
mod deploy;
mod describe;
mod engine;
mod error;
mod events;
mod exec;
#[cfg(test)]
mod fixture;
mod host_network;
mod inventory;
mod labels;
mod legacy;
mod logs;
mod mtu;
mod names;
mod objects;
mod placement;
mod plan;
mod power;
mod remove;
mod retire;
mod stats;
mod storage;
mod subnet;
mod verdict;
mod volumes;

pub use client::{Docker, DockerConfig};
pub use subnet::Subnet;

/// The engine's key in the registry and in the database.
pub const NAME: &str = "docker";
