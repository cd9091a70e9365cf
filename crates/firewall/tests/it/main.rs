//! The firewall on a machine of its own: network namespaces with two sites, neighbours and an internet, and real packets.
//! Needs root.

#![allow(clippy::unwrap_used, reason = "all of this is tests")]

mod keeping;
mod reach;
mod world;
