//! The integrations, against real servers or faithful fakes of them.

mod acme;
mod dns;
#[path = "../../../testkit/src/knot.rs"]
mod knot;
mod mail;
/// Included by path: the test kit as a whole needs `control`, and these tests run without it.
#[allow(dead_code, reason = "the rest of it is for other crates")]
#[path = "../../../testkit/src/pebble/mod.rs"]
mod pebble;
#[path = "../../../testkit/src/port.rs"]
mod port;
mod resolver;
mod site_dns;
mod x509;
