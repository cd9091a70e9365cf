//! Stacks on Docker, through the Engine API on its unix socket; the `docker` program is never run.
//!
//! Rules
//! - The [`Stack`](stoa_model::stack::Stack) is rendered into Engine API bodies in one place
//!   (`render`), where the hardening lies too. There is no way to ask for a privileged container, a
//!   bind mount, a published port or Docker's own socket.
//! - Every thing made carries the labels that `docker compose` writes, so that a person at the
//!   machine can use it, and Stoa's own: installation, site and operation. Nothing without this
//!   installation's label is ever started, stopped or removed.
//! - Existing things are never changed, only completed: `apply` makes what is missing and starts
//!   what is down.
//! - Every call has a deadline, and every error says what was being done to what.
//! - Requests carry no API version, so that Docker answers with its own: what is used here is the
//!   same from API 1.41 (Docker 20.10) on.
//!
//! `bollard` logs whole request bodies, environment included, at the level `debug` of the `log`
//! crate: a subscriber that shows them shows customers' passwords. Keep `bollard` at `info`.

mod apply;
mod client;
mod describe;
mod engine;
mod error;
mod events;
mod exec;
mod inventory;
mod labels;
mod logs;
mod power;
mod remove;
mod render;
mod stats;

pub use client::{Docker, DockerConfig};
