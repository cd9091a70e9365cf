//! The embedded edge: the reverse proxy that lives in the platform's own process.
//!
//! The way of a request, and where to read on:
//!
//! 1. [`EmbeddedEdge::serve`] (`embedded`) accepts a connection and hands it to the thread with the
//!    fewest (`worker`); `conn` tells HTTP/1 from HTTP/2 and lets hyper speak it.
//!    A balancer may say first for whom it speaks (`proxy_protocol`); then, for
//!    [`EmbeddedEdge::serve_tls`], `tls` shakes hands.
//! 2. `proxy` refuses what is ambiguous (`checks`), reads whom the request is for (`host`), finds the route (`table`), holds the site to
//!    its `limits`, and refuses, shows a `page`, sends the browser elsewhere (`redirect`), calls the
//!    platform's own handler ([`Fallback`]), or forwards it.
//! 3. `headers` writes the request for the upstream, `upstream` carries it there and the response
//!    back; `tunnel` takes over if both sides agree to upgrade.
//! 4. `record` counts (`stats`) and logs (`log`) it when the last byte has left.
//!
//! Timeouts are kept by `watch`: notes and one ticker per thread instead of a timer per request.
//!
//! This crate never sees the database and never decides a route. A routing table replaces the
//! former as a whole; requests in flight keep what they were routed by.

mod acceptor;
mod access_log;
mod checks;
mod client;
mod client_limiter;
mod client_stream;
mod config;
mod connection;
mod connection_state;
mod context;
mod embedded_edge;
mod fallback;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod headers;
mod host;
mod limits;
mod listener;
pub mod nginx;
mod page;
mod plan;
mod proxy;
mod proxy_protocol;
mod record;
mod redirect;
mod request_body;
mod request_head;
mod request_id;
mod response_body;
mod stats;
mod table;
mod tail;
mod tls;
pub mod traefik;
mod tunnel;
mod upstream;
mod worker;

pub use self::{
    client::ClientInfo,
    config::{BadCidr, Cidr, Config, LogConfig, Timeouts},
    embedded_edge::EmbeddedEdge,
    fallback::{Fallback, FallbackBody},
    listener::{inherited, listen},
    request_body::{BoxError, RequestBody, RequestBodyError},
    stats::EdgeCounts,
};
