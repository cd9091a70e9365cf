//! One request, from its head to the head of its response: which site it is for, whether it may pass,
//! and what answers. Every outcome is a response; a failure is a page.

mod https;
mod responses;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{ACCEPT, CONNECTION, CONTENT_LENGTH, STRICT_TRANSPORT_SECURITY, UPGRADE},
    request::Parts,
};
use http_body::Body;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use stoa_model::{
    id::SiteId,
    route::{RouteLimits, Target},
};
use tokio_util::task::AbortOnDropHandle;

use self::responses::{
    page_for, page_in_format, page_response, respond, switching_protocols, text_response, whole_response,
    without_content,
};
use crate::{
    checks,
    client::{ClientConnection, ClientInfo},
    connection_state::StreamState,
    cookie_scope, headers,
    host::{self, MAX_NAME},
    limits,
    page::{Page, PageFormat},
    record::RequestRecord,
    redirect::{Redirect, redirect_to},
    request_body::RequestBody,
    request_head,
    response_body::{EdgeBody, Source},
    table::Entry,
    tunnel,
    upstream::{self, UpstreamBody, UpstreamResponse},
};

/// A request in progress.
struct RequestHandler {
    client: Arc<ClientConnection>,
    parts: Parts,
    body: Incoming,
    upgrade: Option<OnUpgrade>,
    record: RequestRecord,
}

/// Answers one request of a client.
pub(crate) async fn handle(
    client: Arc<ClientConnection>,
    stream: Arc<StreamState>,
    mut request: Request<Incoming>,
) -> Result<Response<EdgeBody>, Infallible> {
    let upgrade = request.headers().contains_key(UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let record = RequestRecord::start(Arc::clone(&client), stream, &parts);
    let only_head = parts.method == Method::HEAD;
    let connection = (parts.version != Version::HTTP_2).then(|| Arc::clone(&client));
    let mut response = RequestHandler { client, parts, body, upgrade, record }.answer().await;
    if connection.is_some_and(|client| client.state.is_ending()) && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(if only_head { without_content(response) } else { response })
}

impl RequestHandler {
    async fn answer(mut self) -> Response<EdgeBody> {
        let entry = match self.route() {
            Ok(entry) => entry,
            Err(page) => return self.page(page),
        };
        let hsts = https::hsts(&entry, &self.client, &self.parts.headers);
        let mut response = self.answer_by(entry).await;
        if let Some(hsts) = hsts {
            // The site's own field wins.
            response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert(hsts);
        }
        response
    }

    async fn answer_by(mut self, entry: Entry) -> Response<EdgeBody> {
        let must_move = entry.is_secure() && https::can_move_to_https(&self.client, &self.parts.headers);
        match entry {
            Entry::Text(text) => whole_response(text_response(text), self.record),
            Entry::Platform { name, .. } if must_move => self.redirect(Redirect::ToHttps, &name, true),
            Entry::Platform { .. } => match self.client.worker.shared.config.platform_upstream {
                // It enforces its own limits.
                Some(upstream) => self.forward(upstream, RouteLimits::body(u64::MAX)).await,
                None => self.platform().await,
            },
            Entry::Site(site) => {
                self.record.site = Some(Arc::clone(&site.stats));
                match &site.target {
                    // Also before it leads elsewhere: only over HTTPS the name's own HSTS is heard.
                    _ if must_move => self.redirect(Redirect::ToHttps, &site.name, true),
                    Target::Redirect(to) => {
                        let https = https::redirects_to_https(to, &self.client, &self.parts.headers);
                        self.redirect(Redirect::ToOtherName, to.as_str(), https)
                    }
                    Target::Notice(notice) => self.page(Page::Notice(*notice)),
                    Target::Upstream(_) if declared_length(&self.parts.headers) > site.limits.max_body => {
                        self.page(Page::TooLarge)
                    }
                    Target::Upstream(upstream) => {
                        match self.record.admit(&site, self.client.address(&self.parts.headers)) {
                            Ok(()) => self.forward(*upstream, site.limits).await,
                            Err(refusal) => self.page(Page::Refused(refusal)),
                        }
                    }
                }
            }
        }
    }

    /// Finds the entry for the request's host.
    fn route(&mut self) -> Result<Entry, Page> {
        let shared = &self.client.worker.shared;
        let refuse = |page| {
            shared.stats.refused.fetch_add(1, Relaxed);
            page
        };
        let mut scratch = [0; MAX_NAME];
        let name =
            host::authority(&self.parts.uri, &self.parts.headers).and_then(|text| host::name(text, &mut scratch));
        if let Ok(name) = name {
            self.record.set_host(name);
        }
        if let Some(page) = self.record.refusal.or_else(|| checks::refusal(&self.parts, shared.config.max_head)) {
            return Err(refuse(page));
        }
        let name = name.map_err(|why| refuse(Page::BadHost(why)))?;
        let table = shared.table.load();
        if let Some(text) = table.answer(&self.parts) {
            return Ok(text);
        }
        let entry = table.find(name);
        if !self.client.may_request(name, entry) {
            return Err(refuse(Page::Misdirected));
        }
        entry.cloned().ok_or_else(|| {
            shared.stats.unknown_host.fetch_add(1, Relaxed);
            Page::UnknownHost
        })
    }

    /// Has another process answer: the site's own service, or the platform's.
    async fn forward(mut self, upstream: SocketAddr, limits: RouteLimits) -> Response<EdgeBody> {
        let body = (!self.body.is_end_stream()).then(|| {
            let seen = self.record.bytes_in();
            RequestBody::new(self.body, self.record.body_timer(), limits.max_body, seen)
        });
        let authority = host::authority(&self.parts.uri, &self.parts.headers).unwrap_or_default();
        let limit = limits::response(&limits, self.client.worker.shared.config.timeouts.response);
        let stream = &self.record.stream;
        let answered =
            upstream::send_request(upstream, &self.parts, authority, body, limit, &self.client, stream).await;
        let answered = answered.map(|mut response| {
            if let Some(site) = &self.record.site {
                confine(&mut response.head.headers, site.site, authority, &self.client);
            }
            response
        });
        match answered {
            Ok(UpstreamResponse { head, exchange }) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                let agreed = headers::requested_upgrade(&self.parts).is_some() && head.upgrade.is_some();
                match self.upgrade {
                    Some(on_client) if agreed => {
                        self.record.status = head.status.as_u16();
                        self.client.state.mark_upgraded();
                        let is_websocket =
                            head.upgrade.as_ref().is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
                        let tunnel = exchange.into_tunnel();
                        tokio::spawn(tunnel::run(on_client, tunnel, is_websocket, self.client, self.record));
                        switching_protocols(head)
                    }
                    _ => page_response(Page::Unreachable, self.record, &self.parts),
                }
            }
            Ok(UpstreamResponse { mut head, exchange }) => {
                let source = match exchange.finish_now(&head, &self.client) {
                    Ok(bytes) => Source::Whole(bytes),
                    Err(exchange) => Source::Upstream(UpstreamBody::new(exchange, &mut head, self.client)),
                };
                self.record.status = head.status.as_u16();
                respond(head, EdgeBody::new(source, Some(self.record)))
            }
            Err(fault) => {
                tracing::debug!(%upstream, %fault, "forwarding a request");
                page_response(page_for(&fault), self.record, &self.parts)
            }
        }
    }

    /// Has the platform's own handler answer, on its own runtime.
    async fn platform(mut self) -> Response<EdgeBody> {
        let Some(fallback) = self.client.worker.shared.fallback.clone() else { return self.page(Page::UnknownHost) };
        let authority = host::authority(&self.parts.uri, &self.parts.headers).unwrap_or_default().to_owned();
        let accept = self.parts.headers.get(ACCEPT).cloned();
        let info = ClientInfo {
            address: self.client.address(&self.parts.headers),
            scheme: if self.client.is_secure(&self.parts.headers) { "https" } else { "http" },
        };
        request_head::rewrite_in_place(&mut self.parts, &authority, &self.client);
        self.parts.extensions.insert(info);
        if let Some(upgrade) = self.upgrade {
            self.parts.extensions.insert(upgrade);
        }
        let seen = self.record.bytes_in();
        let body = RequestBody::new(self.body, self.record.body_timer(), u64::MAX, seen);
        let request = Request::from_parts(self.parts, body);
        let task = self.client.listener.runtime.spawn(async move { fallback.call(request).await });
        match AbortOnDropHandle::new(task).await {
            Ok(response) => {
                self.record.status = response.status().as_u16();
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    self.client.state.mark_upgraded();
                }
                response.map(|body| EdgeBody::new(Source::Platform(body), Some(self.record)))
            }
            Err(error) => {
                tracing::error!(%error, host = authority, "the platform's handler failed; look above for its panic");
                let asked = accept.map(|value| (ACCEPT, value));
                page_in_format(Page::Unreachable, self.record, PageFormat::of(&HeaderMap::from_iter(asked)))
            }
        }
    }

    fn page(self, page: Page) -> Response<EdgeBody> {
        page_response(page, self.record, &self.parts)
    }

    /// Sends the browser to the same path at another address.
    fn redirect(self, why: Redirect, host: &str, https: bool) -> Response<EdgeBody> {
        let response = redirect_to(why, host, https, &self.parts, &self.client.worker.shared.config);
        whole_response(response, self.record)
    }
}

/// Removes from a site's response what concerns other sites too.
fn confine(headers: &mut HeaderMap, site: SiteId, authority: &str, client: &ClientConnection) {
    let mut scratch = [0; MAX_NAME];
    let Ok(host) = host::name(authority, &mut scratch) else { return };
    let table = client.worker.shared.table.load();
    let is_own = |name: &str| matches!(table.find(name), Some(Entry::Site(entry)) if entry.stats.site == site);
    cookie_scope::confine(headers, host, is_own);
}

/// The length that the client declares, or 0; hyper has checked that it is one number.
fn declared_length(headers: &HeaderMap) -> u64 {
    headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}
