//! Tests of the binary and of the workspace as a whole.

#![allow(clippy::unwrap_used)]

mod faults;
mod layers;
mod verbs;
