//! Vendors, against the real thing or a faithful double of it.

mod acme;
mod dns;
#[path = "../../../testkit/src/knot.rs"]
mod knot;
/// Shared by its file: the whole test kit needs `control`, and these tests shall run without it.
#[allow(dead_code, reason = "the rest of it is for other crates")]
#[path = "../../../testkit/src/pebble/mod.rs"]
mod pebble;
#[path = "../../../testkit/src/port.rs"]
mod port;
mod resolver;
mod x509;
