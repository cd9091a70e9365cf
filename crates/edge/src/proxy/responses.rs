//! The kinds of responses.

use bytes::Bytes;
use http::{
    HeaderValue, Response, Version,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, UPGRADE, X_CONTENT_TYPE_OPTIONS},
    request::Parts,
};

use crate::{
    limits::Refusal,
    page::{Page, PageFormat},
    record::RequestRecord,
    response_body::{EdgeBody, Source},
    upstream::{Head, UpstreamError},
};

/// The response to HEAD, with the length that the content would have (RFC 9110 9.3.2). hyper drops the
/// content for HTTP/1 only. An upstream's response has none.
pub(super) fn without_content(mut response: Response<EdgeBody>) -> Response<EdgeBody> {
    if let Some(length) = response.body_mut().empty().filter(|length| *length > 0) {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

/// A page of the edge, in the format that the client prefers.
pub(super) fn page_response(page: Page, record: RequestRecord, parts: &Parts) -> Response<EdgeBody> {
    let mut response = page_in_format(page, record, PageFormat::of(&parts.headers));
    if page.ends_connection() && parts.version != Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The same, when the head of the request is gone already.
pub(super) fn page_in_format(page: Page, record: RequestRecord, accept: PageFormat) -> Response<EdgeBody> {
    whole_response(record.pages().response(page, accept), record)
}

/// A response whose body is complete.
pub(super) fn whole_response(response: Response<Bytes>, mut record: RequestRecord) -> Response<EdgeBody> {
    record.status = response.status().as_u16();
    response.map(|bytes| EdgeBody::new(Source::Whole(bytes), Some(record)))
}

/// The page for a failure.
pub(super) fn page_for(fault: &UpstreamError) -> Page {
    match fault {
        UpstreamError::Busy => Page::Refused(Refusal::Busy),
        UpstreamError::Timeout => Page::TimedOut,
        UpstreamError::TooLarge(_) => Page::TooLarge,
        UpstreamError::ClientLeft => Page::BadBody,
        UpstreamError::Connect(_)
        | UpstreamError::Stale
        | UpstreamError::Closed
        | UpstreamError::Io(_)
        | UpstreamError::Malformed(_) => Page::Unreachable,
    }
}

/// An upstream's response.
pub(super) fn respond(head: Head, body: EdgeBody) -> Response<EdgeBody> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

/// The 101 for the client; the tunnel keeps the record.
pub(super) fn switching_protocols(head: Head) -> Response<EdgeBody> {
    let protocol = head.upgrade.clone();
    let mut response = respond(head, EdgeBody::new(Source::Whole(Bytes::new()), None));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        response.headers_mut().insert(UPGRADE, protocol);
    }
    response
}

/// A text of the routing table. It must not be cached, as it is only for the program that asks now.
pub(super) fn text_response(text: Bytes) -> Response<Bytes> {
    let mut response = Response::new(text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
