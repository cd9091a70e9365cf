//! The edge from outside: real sockets, raw bytes, and upstreams that misbehave.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should stop where it is")]

mod bad;
mod bodies;
mod conformance;
mod crowds;
mod failures;
mod forwarding;
mod heads;
mod http2;
mod https;
mod imports;
mod lifecycle;
mod limits;
mod memory;
mod nginx;
mod nginx_disk;
mod nginx_faults;
mod nginx_hostile;
mod nginx_refusals;
mod nginx_support;
mod pages;
mod platform;
#[path = "../../../testkit/src/port.rs"]
mod port;
mod proxy_protocol;
mod records;
mod reuse;
mod smuggling;
mod sockets;
mod streams;
mod support;
mod timeouts;
mod tls;
mod tls_life;
mod tls_names;
mod tls_support;
mod traefik;
mod traefik_stand_in;
mod tunnels;
