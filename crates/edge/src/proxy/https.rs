//! Who must use HTTPS, and where browsers are sent for it.

use http::{HeaderMap, HeaderValue};
use stoa_model::host::Hostname;

use crate::{client::ClientConnection, table::Entry};

/// The HSTS field of a response. Only over HTTPS itself: anybody could write it into a plain response
/// (RFC 6797 7.2).
pub(super) fn hsts(entry: &Entry, client: &ClientConnection, headers: &HeaderMap) -> Option<HeaderValue> {
    if entry.is_secure() && client.is_secure(headers) { client.worker.shared.hsts.clone() } else { None }
}

/// Whether the client came without HTTPS and there is one to send it to.
pub(super) fn can_move_to_https(client: &ClientConnection, headers: &HeaderMap) -> bool {
    client.worker.shared.config.public_https_port.is_some() && !client.is_secure(headers)
}

/// Whether a redirect to another name leads to HTTPS: if that name requires it. Otherwise the client keeps
/// what it uses, unless it is our own TLS and there is no certificate for the name.
pub(super) fn redirects_to_https(other: &Hostname, client: &ClientConnection, headers: &HeaderMap) -> bool {
    let shared = &client.worker.shared;
    let (required, covered) = shared.table.load().https_of(other);
    let required = required && shared.config.public_https_port.is_some();
    required || client.is_secure(headers) && (covered || !client.listener.secure)
}
