//! One request, from its head to the head of its response: whom is it for, may it pass, who
//! answers. Every way out is a response; a failure is a page.

mod answers;
mod https;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_LENGTH, STRICT_TRANSPORT_SECURITY, UPGRADE},
    request::Parts,
};
use http_body::Body;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use stoa_model::route::Target;
use tokio_util::task::AbortOnDropHandle;

use self::answers::{finish, page, page_for, respond, switching, whole, without_content};
use crate::{
    body::{EdgeBody, RequestBody, Source},
    checks,
    client::{Client, ClientInfo},
    headers,
    host::{self, MAX_NAME},
    limits,
    page::{Accept, Page},
    record::Record,
    table::{Entry, SiteEntry},
    tunnel,
    upstream::{self, Answered, UpstreamBody},
    watch::Stream,
};

/// A request on its way.
struct Passage {
    client: Arc<Client>,
    parts: Parts,
    body: Incoming,
    upgrade: Option<OnUpgrade>,
    record: Record,
}

/// Answers one request of a client.
pub(crate) async fn handle(
    client: Arc<Client>,
    stream: Arc<Stream>,
    mut request: Request<Incoming>,
) -> Result<Response<EdgeBody>, Infallible> {
    let upgrade = request.headers().contains_key(UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let record = Record::begin(Arc::clone(&client), stream, &parts);
    let only_head = parts.method == Method::HEAD;
    let response = Passage { client, parts, body, upgrade, record }.answer().await;
    Ok(if only_head { without_content(response) } else { response })
}

impl Passage {
    async fn answer(mut self) -> Response<EdgeBody> {
        let entry = match self.route() {
            Ok(entry) => entry,
            Err(page) => return self.page(page),
        };
        let hsts = self.hsts(&entry);
        let mut response = self.answer_by(entry).await;
        if let Some(hsts) = hsts {
            // What the site says itself wins: it may know more about its future.
            response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert(hsts);
        }
        response
    }

    async fn answer_by(mut self, entry: Entry) -> Response<EdgeBody> {
        let must_move = entry.is_secure() && self.may_move();
        match entry {
            Entry::Text(text) => self.text(text),
            Entry::Platform { name, .. } if must_move => self.redirect(&name, true),
            Entry::Platform { .. } => self.platform().await,
            Entry::Site(site) => {
                self.record.site = Some(Arc::clone(&site.stats));
                match &site.target {
                    Target::Redirect(to) => {
                        let https = self.other_is_https(to);
                        self.redirect(to.as_str(), https)
                    }
                    _ if must_move => self.redirect(&site.name, true),
                    Target::Notice(notice) => self.page(Page::Notice(*notice)),
                    Target::Upstream(_) if declared(&self.parts.headers) > site.limits.max_body => {
                        self.page(Page::TooLarge)
                    }
                    Target::Upstream(upstream) => match self.record.admit(&site) {
                        Ok(()) => self.forward(*upstream, &site).await,
                        Err(refusal) => self.page(Page::Refused(refusal)),
                    },
                }
            }
        }
    }

    /// Finds who is meant.
    fn route(&mut self) -> Result<Entry, Page> {
        let shared = &self.client.worker.shared;
        let refuse = |page| {
            shared.stats.refused.fetch_add(1, Relaxed);
            page
        };
        if let Some(page) = checks::refusal(&self.parts) {
            return Err(refuse(page));
        }
        let mut scratch = [0; MAX_NAME];
        let name =
            host::authority(&self.parts.uri, &self.parts.headers).and_then(|text| host::name(text, &mut scratch));
        let name = name.map_err(|why| refuse(Page::BadHost(why)))?;
        self.record.host(name);
        let table = shared.table.load();
        if let Some(text) = table.answer(&self.parts) {
            return Ok(text);
        }
        let entry = table.find(name);
        if !self.client.may_ask(name, entry) {
            return Err(refuse(Page::Misdirected));
        }
        entry.cloned().ok_or_else(|| {
            shared.stats.unknown_host.fetch_add(1, Relaxed);
            Page::UnknownHost
        })
    }

    /// Lets a site's own service answer.
    async fn forward(mut self, upstream: SocketAddr, site: &SiteEntry) -> Response<EdgeBody> {
        let body = (!self.body.is_end_stream()).then(|| {
            let seen = self.record.bytes_in();
            RequestBody::new(self.body, self.record.sending(), site.limits.max_body, seen)
        });
        let authority = host::authority(&self.parts.uri, &self.parts.headers).unwrap_or_default();
        let limit = limits::response(&site.limits, self.client.worker.shared.config.timeouts.response);
        let stream = &self.record.stream;
        let answered = upstream::exchange(upstream, &self.parts, authority, body, limit, &self.client, stream).await;
        match answered {
            Ok(Answered { head, exchange }) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                let agreed = headers::upgrade(&self.parts).is_some() && head.upgrade.is_some();
                match self.upgrade {
                    Some(on_client) if agreed => {
                        self.record.status = head.status.as_u16();
                        self.client.watched.upgrades();
                        tokio::spawn(tunnel::run(on_client, exchange.into_tunnel(), self.client, self.record));
                        switching(head)
                    }
                    _ => page(Page::Unreachable, self.record, &self.parts),
                }
            }
            Ok(Answered { mut head, exchange }) => {
                let source = match exchange.finish_now(&head, &self.client) {
                    Ok(bytes) => Source::Whole(bytes),
                    Err(exchange) => Source::Upstream(UpstreamBody::new(exchange, &mut head, self.client)),
                };
                self.record.status = head.status.as_u16();
                respond(head, EdgeBody::new(source, Some(self.record)))
            }
            Err(fault) => {
                tracing::debug!(site = %site.stats.site, %upstream, %fault, "forwarding a request");
                page(page_for(&fault), self.record, &self.parts)
            }
        }
    }

    /// Lets the platform's own handler answer, on its own runtime.
    async fn platform(mut self) -> Response<EdgeBody> {
        let Some(fallback) = self.client.worker.shared.fallback.clone() else { return self.page(Page::UnknownHost) };
        let authority = host::authority(&self.parts.uri, &self.parts.headers).unwrap_or_default().to_owned();
        let accept = self.parts.headers.get(ACCEPT).cloned();
        let info = ClientInfo {
            address: self.client.address(&self.parts.headers),
            scheme: if self.client.is_secure(&self.parts.headers) { "https" } else { "http" },
        };
        headers::rewrite(&mut self.parts, &authority, &self.client);
        self.parts.extensions.insert(info);
        if let Some(upgrade) = self.upgrade {
            self.parts.extensions.insert(upgrade);
        }
        let seen = self.record.bytes_in();
        let body = RequestBody::new(self.body, self.record.sending(), u64::MAX, seen);
        let request = Request::from_parts(self.parts, body);
        let task = self.client.door.runtime.spawn(async move { fallback.call(request).await });
        match AbortOnDropHandle::new(task).await {
            Ok(response) => {
                self.record.status = response.status().as_u16();
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    self.client.watched.upgrades();
                }
                response.map(|body| EdgeBody::new(Source::Platform(body), Some(self.record)))
            }
            Err(error) => {
                tracing::error!(%error, host = authority, "the platform's handler failed; look above for its panic");
                let asked = accept.map(|value| (ACCEPT, value));
                finish(Page::Unreachable, self.record, Accept::of(&HeaderMap::from_iter(asked)))
            }
        }
    }

    fn page(self, page_: Page) -> Response<EdgeBody> {
        page(page_, self.record, &self.parts)
    }

    fn whole(self, response: Response<Bytes>) -> Response<EdgeBody> {
        whole(response, self.record)
    }
}

/// The length that the client declares, 0 if none; hyper has made sure that it is one number.
fn declared(headers: &HeaderMap) -> u64 {
    headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}
