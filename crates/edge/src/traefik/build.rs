//! A routing table as Traefik's document.
//!
//! Traefik itself only forwards, redirects and limits. Notices, answers, unknown hosts and the portal are left
//! to Stoa's own edge, which has the same table: a router with the lowest priority forwards everything that no
//! other matches.

use std::{collections::BTreeMap, net::SocketAddr};

use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{RouteLimits, RoutingTable, Target},
    secret::ExposeSecret,
};

use super::{
    config::TraefikConfig,
    dynamic_config::{
        DynamicConfig, ForwardingTimeouts, KeyPair, LoadBalancer, Middleware, Router, RouterTls, Server,
        ServersTransport, Service, SourceCriterion, TlsOptions,
    },
    names::{self, DEFAULT_TLS_OPTIONS, STOA_SERVICE, WEB_ENTRY_POINT, WEBSECURE_ENTRY_POINT},
};
use crate::limits::for_one_client;
use crate::plan::{HostGroup, RoutePlan};

/// Higher than that of all sites' routers, which is the length of their rules.
const HIGHEST_PRIORITY: u32 = 1_000_000;

/// Lower than that of all others.
const LOWEST_PRIORITY: u32 = 1;

/// The header by which Traefik counts a site's visitors together. A middleware of ours sets it before any
/// limit reads it, so visitors can't choose another count.
const SITE_HEADER: &str = "X-Stoa-Site";

/// Captures a URL's path and query.
const ANY_URL_PATTERN: &str = "^https?://[^/]+(.*)$";

/// Writes the document. The strings report answers that can't be written.
pub(crate) fn document(table: &RoutingTable, config: &TraefikConfig) -> (DynamicConfig, Vec<String>) {
    let plan = RoutePlan::new(table, true, |host| config.platform_hosts.iter().any(|name| name == host.as_str()));
    let mut build = Build { document: DynamicConfig::default(), plan: &plan, config };
    build.route_to_stoa();
    let left_out = build.route_answers(table);
    for (site, groups) in &plan.sites {
        for (number, group) in groups.iter().enumerate() {
            build.route_group(*site, number, group);
        }
    }
    build.add_certificates(table);
    (build.document, left_out)
}

struct Build<'a> {
    document: DynamicConfig,
    plan: &'a RoutePlan<'a>,
    config: &'a TraefikConfig,
}

impl Build<'_> {
    /// Forwards to Stoa itself whatever no other router matches.
    fn route_to_stoa(&mut self) {
        self.service(STOA_SERVICE.into(), self.config.stoa, None);
        let rule = || "PathPrefix(`/`)".to_owned();
        self.router("stoa-http".into(), rule(), WEB_ENTRY_POINT, &[], STOA_SERVICE.into(), Some(LOWEST_PRIORITY));
        self.router(
            "stoa-https".into(),
            rule(),
            WEBSECURE_ENTRY_POINT,
            &[],
            STOA_SERVICE.into(),
            Some(LOWEST_PRIORITY),
        );
    }

    /// Stoa itself gives the answers, on every host and before any redirect.
    fn route_answers(&mut self, table: &RoutingTable) -> Vec<String> {
        let mut left_out = Vec::new();
        for (number, path) in table.answers.keys().enumerate() {
            let Some(rule) = names::path_rule(path) else {
                left_out.push(format!("the answer at {path:?} is left out: it can't be written in a rule of Traefik"));
                continue;
            };
            self.router(
                format!("stoa-answer-{number}-http"),
                rule.clone(),
                WEB_ENTRY_POINT,
                &[],
                STOA_SERVICE.into(),
                Some(HIGHEST_PRIORITY),
            );
            self.router(
                format!("stoa-answer-{number}-https"),
                rule,
                WEBSECURE_ENTRY_POINT,
                &[],
                STOA_SERVICE.into(),
                Some(HIGHEST_PRIORITY),
            );
        }
        left_out
    }

    fn route_group(&mut self, site: SiteId, number: usize, group: &HostGroup<'_>) {
        let name = format!("{site}-{number}");
        let rule = names::host_rule(&group.hosts);
        let (service, plain, secure) = match group.target {
            Target::Notice(_) => (STOA_SERVICE.to_owned(), Vec::new(), Vec::new()),
            Target::Redirect(to) => {
                let plain = self.redirect(format!("{name}-to-http"), to, false);
                let secure = self.redirect(format!("{name}-to-https"), to, true);
                (STOA_SERVICE.to_owned(), vec![plain], vec![secure])
            }
            Target::Upstream(address) => {
                let transport = self.transport(group.limits.response_seconds);
                self.service(name.clone(), *address, transport);
                let mut by = self.limits(site, &name, &group.limits);
                by.push(self.keep_site_data());
                (name.clone(), by.clone(), by)
            }
        };
        // Also before it leads elsewhere: only over HTTPS the name's own HSTS is heard.
        let plain = if group.secure { vec![self.https_redirect()] } else { plain };
        self.router(format!("{name}-http"), rule.clone(), WEB_ENTRY_POINT, &plain, service.clone(), None);
        if group.certificate.is_some() {
            let mut secure = secure;
            if group.secure && self.config.hsts_seconds > 0 {
                secure.insert(0, self.hsts());
            }
            self.router(format!("{name}-https"), rule, WEBSECURE_ENTRY_POINT, &secure, service, None);
        }
    }

    fn router(
        &mut self,
        name: String,
        rule: String,
        entry: &'static str,
        by: &[String],
        service: String,
        priority: Option<u32>,
    ) {
        let tls = (entry == WEBSECURE_ENTRY_POINT).then_some(RouterTls { options: DEFAULT_TLS_OPTIONS });
        let router = Router { entry_points: vec![entry], rule, priority, middlewares: by.to_vec(), service, tls };
        self.document.http.routers.insert(name, router);
    }

    fn service(&mut self, name: String, address: SocketAddr, servers_transport: Option<String>) {
        let servers = vec![Server { url: format!("http://{address}") }];
        let load_balancer = LoadBalancer { servers, pass_host_header: true, servers_transport };
        self.document.http.services.insert(name, Service { load_balancer });
    }

    /// How long a site may take; `None` is Traefik's own timeout.
    fn transport(&mut self, seconds: u32) -> Option<String> {
        let name = (seconds > 0).then(|| format!("stoa-wait-{seconds}"))?;
        let forwarding_timeouts = ForwardingTimeouts { response_header_timeout: format!("{seconds}s") };
        self.document.http.servers_transports.insert(name.clone(), ServersTransport { forwarding_timeouts });
        Some(name)
    }

    /// The limits of one site, for each client and for all together; the first middleware only marks their site.
    /// Traefik counts separately for each router that uses a limit.
    fn limits(&mut self, site: SiteId, name: &str, limits: &RouteLimits) -> Vec<String> {
        let mut by = Vec::new();
        let per_site = || SourceCriterion::RequestHeaderName(SITE_HEADER);
        let per_client = || SourceCriterion::IpStrategy { depth: 0 };
        if limits.rate > 0 || limits.in_flight > 0 {
            let custom_request_headers = BTreeMap::from([(SITE_HEADER, site.to_string())]);
            by.push(self.middleware(
                format!("{site}-count"),
                Middleware::Headers {
                    custom_request_headers,
                    custom_response_headers: BTreeMap::new(),
                    sts_seconds: None,
                },
            ));
        }
        if limits.rate > 0 {
            let (average, burst) = (limits.rate, limits.burst.max(1));
            let limit = Middleware::RateLimit {
                average: for_one_client(average),
                burst: for_one_client(burst),
                source_criterion: per_client(),
            };
            by.push(self.middleware(format!("{site}-client-rate-{average}-{burst}"), limit));
            let limit = Middleware::RateLimit { average, burst, source_criterion: per_site() };
            by.push(self.middleware(format!("{site}-rate-{average}-{burst}"), limit));
        }
        if limits.in_flight > 0 {
            let limit =
                Middleware::InFlightReq { amount: for_one_client(limits.in_flight), source_criterion: per_client() };
            by.push(self.middleware(format!("{site}-client-open-{}", limits.in_flight), limit));
            let limit = Middleware::InFlightReq { amount: limits.in_flight, source_criterion: per_site() };
            by.push(self.middleware(format!("{site}-open-{}", limits.in_flight), limit));
        }
        if self.config.limit_bodies {
            // 0 is no limit for Traefik, so its lowest limit is one byte.
            let max_request_body_bytes = i64::try_from(limits.max_body).unwrap_or(i64::MAX).max(1);
            by.push(self.middleware(format!("{name}-body"), Middleware::Buffering { max_request_body_bytes }));
        }
        by
    }

    /// Redirects to the same address over HTTPS.
    fn https_redirect(&mut self) -> String {
        let port = self.config.public_ports.1;
        let port = (port != 443).then(|| port.to_string());
        self.middleware("stoa-to-https".into(), Middleware::RedirectScheme { scheme: "https", permanent: true, port })
    }

    fn hsts(&mut self) -> String {
        let sts_seconds = Some(self.config.hsts_seconds);
        self.middleware(
            "stoa-hsts".into(),
            Middleware::Headers {
                custom_request_headers: BTreeMap::new(),
                custom_response_headers: BTreeMap::new(),
                sts_seconds,
            },
        )
    }

    /// Removes `Clear-Site-Data`, which may clear other sites' cookies.
    fn keep_site_data(&mut self) -> String {
        let custom_response_headers = BTreeMap::from([("Clear-Site-Data", String::new())]);
        let headers =
            Middleware::Headers { custom_request_headers: BTreeMap::new(), custom_response_headers, sts_seconds: None };
        self.middleware("stoa-keep-site-data".into(), headers)
    }

    /// Redirects to another name visitors who came with or without HTTPS.
    fn redirect(&mut self, name: String, to: &Hostname, came_secure: bool) -> String {
        let (secure, covered) = self.plan.https_of(to);
        let (http, https) = self.config.public_ports;
        let (scheme, port, usual) =
            if secure || came_secure && covered { ("https", https, 443) } else { ("http", http, 80) };
        let port = if port == usual { String::new() } else { format!(":{port}") };
        let replacement = format!("{scheme}://{to}{port}${{1}}");
        // Temporary: when two names change places, a browser that remembers both ways would go round in circles.
        self.middleware(name, Middleware::RedirectRegex { regex: ANY_URL_PATTERN, replacement, permanent: false })
    }

    fn middleware(&mut self, name: String, middleware: Middleware) -> String {
        self.document.http.middlewares.insert(name.clone(), middleware);
        name
    }

    /// Traefik keeps the first of two certificates for the same names, so the later ones come first here. Options
    /// with another name would only apply to the hosts in the routers' rules: for any other host Traefik would
    /// show a certificate of its own.
    fn add_certificates(&mut self, table: &RoutingTable) {
        let pair = |certificate: &std::sync::Arc<stoa_model::certificate::Certificate>| KeyPair {
            cert_file: certificate.chain.clone(),
            key_file: certificate.key.expose_secret().to_owned(),
        };
        self.document.tls.certificates = table.certificates.iter().rev().map(pair).collect();
        self.document
            .tls
            .options
            .insert(DEFAULT_TLS_OPTIONS, TlsOptions { min_version: "VersionTLS12", sni_strict: true });
    }
}
