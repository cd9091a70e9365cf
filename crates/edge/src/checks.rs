//! Well-formed requests that the edge rejects before it looks for a site, because two programs on the path
//! could understand them differently. HTTP allows most of them.
//!
//! * `CONNECT`: the edge is not a forward proxy.
//! * A transfer coding other than one `chunked` (RFC 9112 6.1): the edge writes its own
//!   framing, so a coding that it does not undo would be lost, and the body with it.
//! * In HTTP/2, a head that would be too large in HTTP/1 (where `head_reader` rejects it).
//! * Too many header fields. HTTP/1 has such a limit already; in HTTP/2 a field can be one byte on the wire
//!   (RFC 7541 6.1) and a hundred in memory for as long as the request lasts.
//! * A request-target whose form the method does not allow (RFC 9112 3.2): `*` is for `OPTIONS`, a
//!   bare authority for `CONNECT`, and an absolute form names http or https.

use http::{
    HeaderMap, Method, Uri, Version,
    header::{COOKIE, TRANSFER_ENCODING},
    request::Parts,
    uri::Scheme,
};

use crate::page::Page;

/// Browsers send each cookie as a field in HTTP/2 (RFC 9113 8.2.3), and store up to 180 for a site.
const MAX_HEADER_FIELDS: usize = 256;

/// The page for a request that may not pass.
pub(crate) fn refusal(parts: &Parts, max_head: usize) -> Option<Page> {
    if parts.method == Method::CONNECT {
        return Some(Page::NoTunnels);
    }
    if parts.version == Version::HTTP_2
        && let Some(page) = excess(parts, max_head)
    {
        return Some(page);
    }
    if parts.headers.len() > MAX_HEADER_FIELDS {
        return Some(Page::TooManyFields);
    }
    if !has_known_coding(&parts.headers) {
        return Some(Page::BadCoding);
    }
    (!has_allowed_form(&parts.method, &parts.uri)).then_some(Page::BadTarget)
}

/// The page for a head that would have more bytes in HTTP/1 than allowed. All cookies are one field there.
fn excess(parts: &Parts, max_head: usize) -> Option<Page> {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target >= max_head {
        return Some(Page::TargetTooLong);
    }
    let length = |name: &http::HeaderName| if *name == COOKIE { "; ".len() } else { name.as_str().len() + 4 };
    let fields: usize = parts.headers.iter().map(|(name, value)| length(name) + value.len()).sum();
    (target + fields > max_head).then_some(Page::HeadTooLarge)
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
    fn usual_requests_pass() {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/a?b=*"),
            ("OPTIONS", "*"),
            ("OPTIONS", "/"),
            ("GET", "http://a.example/x"),
            ("GET", "http://a.example"),
            ("GET", "https://a.example/?q"),
        ] {
            assert_eq!(refusal(&parts(method, target, &[]), 1000), None, "{method} {target}");
        }
        for coding in ["chunked", "Chunked", " chunked\t"] {
            assert_eq!(refusal(&parts("POST", "/", &[coding]), 1000), None, "{coding}");
        }
    }

    #[test]
    fn ambiguous_targets_are_rejected() {
        for (method, target, page) in [
            ("CONNECT", "a.example:443", Page::NoTunnels),
            ("GET", "*", Page::BadTarget),
            ("GET", "a.example:443", Page::BadTarget),
            ("GET", "a.example", Page::BadTarget),
            ("GET", "ftp://a.example/", Page::BadTarget),
        ] {
            assert_eq!(refusal(&parts(method, target, &[]), 1000), Some(page), "{method} {target}");
        }
    }

    #[test]
    fn other_codings_are_rejected() {
        for codings in [&["gzip, chunked"][..], &["chunked", "chunked"], &["chunked, chunked"], &["identity"], &[""]] {
            assert_eq!(refusal(&parts("POST", "/", codings), 1000), Some(Page::BadCoding), "{codings:?}");
        }
    }
}
