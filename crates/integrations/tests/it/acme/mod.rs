//! The ACME client against Pebble, and against a double of a CA for what Pebble can't do.

mod account;
mod fake;
mod fixture;
mod hostile;
mod issue;
mod refused;
mod renewal;
