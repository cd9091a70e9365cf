//! The embedded edge: the reverse proxy in the platform's own process. Also the providers for nginx and
//! Traefik (`nginx`, `traefik`).
//!
//! The path of a request, and where to read on:
//!
//! 1. [`EmbeddedEdge::serve`] (`embedded_edge`) starts an `acceptor` on some threads (`worker`). A connection
//!    begins with the header of a balancer, if it comes from one (`proxy_protocol`), and for
//!    [`EmbeddedEdge::serve_tls`] with a handshake (`tls`). `connection` tells HTTP/1 from HTTP/2 and has
//!    hyper speak it; of HTTP/1, `head_reader` sees each head first.
//! 2. `proxy` rejects ambiguous requests (`checks`), reads the host (`host`), finds the route (`table`),
//!    enforces the site's `limits`, and shows a `page`, redirects (`redirect`), calls the platform's own
//!    handler ([`Fallback`]), or forwards.
//! 3. `request_head` writes the request for the upstream (`headers` decides which fields pass), `upstream`
//!    forwards it and the response, of which `cookie_scope` keeps other sites' cookies out; `tunnel` takes over if both sides agree to upgrade.
//! 4. `record` counts (`stats`) and logs (`access_log`) it when the last byte has left.
//!
//! `client` is what all of this knows about a connection, and `context` what connections share. Timeouts are
//! enforced by `connection_state`, with one ticker per thread instead of a timer per request.
//!
//! This crate never sees the database and never decides a route. A routing table replaces the previous one
//! as a whole; requests in flight keep the route that they started with.

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
mod cookie_scope;
mod embedded_edge;
mod fallback;
mod frame_boundary;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod head_reader;
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
mod upload_windows;
mod upstream;
mod worker;

pub use self::{
    client::ClientInfo,
    config::{BadCidr, Cidr, Config, LogConfig, Timeouts},
    embedded_edge::{EmbeddedEdge, Shutdown},
    fallback::{Fallback, FallbackBody},
    listener::{inherited, inherited_stream, listen},
    request_body::{BoxError, RequestBody, RequestBodyError},
    stats::EdgeCounts,
};
