//! Who must use HTTPS, who is sent where for it, and what needs none.

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use stoa_model::host::Hostname;

use super::RequestHandler;
use crate::{body::EdgeBody, redirect, table::Entry};

impl RequestHandler {
    /// What the browser is told about HTTPS. Only over HTTPS itself: anybody could write it into
    /// a plain response (RFC 6797 7.2).
    pub(super) fn hsts(&self, entry: &Entry) -> Option<HeaderValue> {
        if entry.is_secure() && self.client.is_secure(&self.parts.headers) {
            self.client.worker.shared.hsts.clone()
        } else {
            None
        }
    }

    /// Whether the client came without HTTPS and there is one to send him to.
    pub(super) fn can_move_to_https(&self) -> bool {
        let config = &self.client.worker.shared.config;
        config.public_https_port.is_some() && !self.client.is_secure(&self.parts.headers)
    }

    /// Whether a redirect to another name leads to HTTPS: if that is required there. Otherwise the
    /// client keeps what he uses, unless it is our own TLS and there is no certificate for it.
    pub(super) fn redirects_to_https(&self, other: &Hostname) -> bool {
        let shared = &self.client.worker.shared;
        let (required, covered) = shared.table.load().https_of(other);
        let here = self.client.is_secure(&self.parts.headers);
        let required = required && shared.config.public_https_port.is_some();
        required || here && (covered || !self.client.listener.secure)
    }

    /// Sends the browser to the same path at another address.
    pub(super) fn redirect(self, host: &str, https: bool) -> Response<EdgeBody> {
        let response = redirect::redirect_to(host, https, &self.parts, &self.client.worker.shared.config);
        self.whole(response)
    }

    /// Answers with a text of the table: for a program that asks now, and nobody else.
    pub(super) fn text(self, text: Bytes) -> Response<EdgeBody> {
        let mut response = Response::new(text);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.whole(response)
    }
}
