//! Vendors, against the real thing or a faithful double of it.

mod dns;
#[path = "../../../testkit/src/knot.rs"]
mod knot;
mod resolver;
