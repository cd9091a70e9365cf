//! Tests of the binary and of the workspace as a whole.

#![allow(clippy::unwrap_used)]

mod domain_verbs;
mod faults;
mod handover;
mod layers;
mod people_verbs;
#[path = "../../../testkit/src/port.rs"]
mod port;
mod site_verbs;
mod traefik;
mod verbs;
mod words;
