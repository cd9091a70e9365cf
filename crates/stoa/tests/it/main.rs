//! Tests of the binary and of the workspace as a whole.

#![allow(clippy::unwrap_used)]

mod domain_verbs;
mod faults;
mod layers;
mod traefik;
mod verbs;
