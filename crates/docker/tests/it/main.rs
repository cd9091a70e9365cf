//! `stoa-docker` against a real Docker. Without one these tests fail, unless `STOA_SKIP_DOCKER=1`.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

mod absent;
mod compose;
mod conformance;
mod foreign;
mod handover;
mod hardening;
mod host_network;
mod setup;
mod timing;
mod upgrade;
