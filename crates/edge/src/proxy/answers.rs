//! The forms that a response takes.

use bytes::Bytes;
use http::{
    HeaderValue, Response, Version,
    header::{CONNECTION, CONTENT_LENGTH, UPGRADE},
    request::Parts,
};

use crate::{
    body::{EdgeBody, Source},
    limits::Refusal,
    page::{Accept, Page},
    record::Record,
    upstream::{Fault, Head},
};

/// The answer to HEAD, with the length that the content would have (RFC 9110 9.3.2). hyper leaves
/// the content out for HTTP/1 only. What an upstream answers has none.
pub(super) fn without_content(mut response: Response<EdgeBody>) -> Response<EdgeBody> {
    if let Some(length) = response.body_mut().empty().filter(|length| *length > 0) {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

/// A page of the edge, in the form that the client prefers.
pub(super) fn page(page: Page, record: Record, parts: &Parts) -> Response<EdgeBody> {
    let mut response = finish(page, record, Accept::of(&parts.headers));
    if page.ends_connection() && parts.version != Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The same, when the request is gone already.
pub(super) fn finish(page: Page, record: Record, accept: Accept) -> Response<EdgeBody> {
    whole(record.pages().response(page, accept), record)
}

/// A response that is here already.
pub(super) fn whole(response: Response<Bytes>, mut record: Record) -> Response<EdgeBody> {
    record.status = response.status().as_u16();
    response.map(|bytes| EdgeBody::new(Source::Whole(bytes), Some(record)))
}

/// What a visitor is told of a failure.
pub(super) fn page_for(fault: &Fault) -> Page {
    match fault {
        Fault::Busy => Page::Refused(Refusal::Busy),
        Fault::ConnectTimeout | Fault::Timeout => Page::TimedOut,
        Fault::TooLarge(_) => Page::TooLarge,
        Fault::ClientLeft => Page::BadBody,
        Fault::Connect(_) | Fault::Stale | Fault::Closed | Fault::Io(_) | Fault::Malformed(_) => Page::Unreachable,
    }
}

/// An upstream's response.
pub(super) fn respond(head: Head, body: EdgeBody) -> Response<EdgeBody> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

/// The 101 to the client; the record stays with the tunnel.
pub(super) fn switching(head: Head) -> Response<EdgeBody> {
    let protocol = head.upgrade.clone();
    let mut response = respond(head, EdgeBody::new(Source::Whole(Bytes::new()), None));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        response.headers_mut().insert(UPGRADE, protocol);
    }
    response
}
