//! What the edge refuses of a well-formed head before it looks for a site: requests that two
//! programs on the way could understand differently, although HTTP allows most of them.
//!
//! * `CONNECT`: the edge is no forward proxy.
//! * A transfer coding other than one `chunked` (RFC 9112 6.1): the edge frames anew what it
//!   forwards, so a coding it does not undo would be lost and the body with it.
//! * More header fields than anybody needs. HTTP/1 has such a bound of its own; in HTTP/2 a field is
//!   one byte on the wire (RFC 7541 6.1) and a hundred in memory, for as long as the request lasts.
//! * A request-target whose form the method does not allow (RFC 9112 3.2): `*` is for `OPTIONS`, a
//!   bare authority for `CONNECT`, and an absolute form names http or https.

use http::{HeaderMap, Method, Uri, header::TRANSFER_ENCODING, request::Parts, uri::Scheme};

use crate::page::Page;

/// Browsers split each cookie off in HTTP/2 (RFC 9113 8.2.3), and keep up to 180 for a site.
const MAX_HEADER_FIELDS: usize = 256;

/// Why the request may not pass, if so.
pub(crate) fn refusal(parts: &Parts) -> Option<Page> {
    if parts.method == Method::CONNECT {
        return Some(Page::NoTunnels);
    }
    if parts.headers.len() > MAX_HEADER_FIELDS {
        return Some(Page::TooManyFields);
    }
    if !has_known_coding(&parts.headers) {
        return Some(Page::BadCoding);
    }
    (!has_allowed_form(&parts.method, &parts.uri)).then_some(Page::BadTarget)
}

fn has_known_coding(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(TRANSFER_ENCODING).iter();
    match (fields.next(), fields.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

fn has_allowed_form(method: &Method, uri: &Uri) -> bool {
    let Some(target) = uri.path_and_query() else { return false };
    let known = match uri.scheme() {
        None => uri.authority().is_none(),
        Some(scheme) => *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS,
    };
    let text = target.as_str();
    known && (text.starts_with('/') || text == "*" && *method == Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    fn parts(method: &str, target: &str, codings: &[&'static str]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for coding in codings {
            request = request.header(TRANSFER_ENCODING, HeaderValue::from_static(coding));
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_usual_passes() {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/a?b=*"),
            ("OPTIONS", "*"),
            ("OPTIONS", "/"),
            ("GET", "http://a.example/x"),
            ("GET", "http://a.example"),
            ("GET", "https://a.example/?q"),
        ] {
            assert_eq!(refusal(&parts(method, target, &[])), None, "{method} {target}");
        }
        for coding in ["chunked", "Chunked", " chunked\t"] {
            assert_eq!(refusal(&parts("POST", "/", &[coding])), None, "{coding}");
        }
    }

    #[test]
    fn doubtful_forms_are_refused() {
        for (method, target, page) in [
            ("CONNECT", "a.example:443", Page::NoTunnels),
            ("GET", "*", Page::BadTarget),
            ("GET", "a.example:443", Page::BadTarget),
            ("GET", "a.example", Page::BadTarget),
            ("GET", "ftp://a.example/", Page::BadTarget),
        ] {
            assert_eq!(refusal(&parts(method, target, &[])), Some(page), "{method} {target}");
        }
    }

    #[test]
    fn other_codings_are_refused() {
        for codings in [&["gzip, chunked"][..], &["chunked", "chunked"], &["chunked, chunked"], &["identity"], &[""]] {
            assert_eq!(refusal(&parts("POST", "/", codings)), Some(Page::BadCoding), "{codings:?}");
        }
    }
}
