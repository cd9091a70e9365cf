//! Traefik's dynamic configuration, as far as we write it: the format of its file and HTTP providers, versions
//! 2 and 3.

use std::collections::BTreeMap;

use serde::Serialize;

/// The whole document.
#[derive(Debug, Default, Serialize)]
pub(crate) struct DynamicConfig {
    pub(crate) http: Http,
    #[serde(skip_serializing_if = "Tls::is_empty")]
    pub(crate) tls: Tls,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Http {
    pub(crate) routers: BTreeMap<String, Router>,
    pub(crate) services: BTreeMap<String, Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) middlewares: BTreeMap<String, Middleware>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) servers_transports: BTreeMap<String, ServersTransport>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Router {
    pub(crate) entry_points: Vec<&'static str>,
    pub(crate) rule: String,
    /// Higher goes first; without priorities, longer rules do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) middlewares: Vec<String>,
    pub(crate) service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<RouterTls>,
}

#[derive(Debug, Serialize)]
pub(crate) struct RouterTls {
    pub(crate) options: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Service {
    pub(crate) load_balancer: LoadBalancer,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadBalancer {
    pub(crate) servers: Vec<Server>,
    pub(crate) pass_host_header: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) servers_transport: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Server {
    pub(crate) url: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServersTransport {
    pub(crate) forwarding_timeouts: ForwardingTimeouts,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ForwardingTimeouts {
    pub(crate) response_header_timeout: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Middleware {
    #[serde(rename_all = "camelCase")]
    RedirectScheme {
        scheme: &'static str,
        permanent: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        port: Option<String>,
    },
    #[serde(rename_all = "camelCase")]
    RedirectRegex { regex: &'static str, replacement: String, permanent: bool },
    #[serde(rename_all = "camelCase")]
    Headers {
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        custom_request_headers: BTreeMap<&'static str, String>,
        /// An empty value removes the field.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        custom_response_headers: BTreeMap<&'static str, String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sts_seconds: Option<u32>,
    },
    #[serde(rename_all = "camelCase")]
    Buffering { max_request_body_bytes: i64 },
    #[serde(rename_all = "camelCase")]
    RateLimit { average: u32, burst: u32, source_criterion: SourceCriterion },
    #[serde(rename_all = "camelCase")]
    InFlightReq { amount: u32, source_criterion: SourceCriterion },
}

/// Which requests are counted together.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SourceCriterion {
    /// Those with the same value of this header.
    RequestHeaderName(&'static str),
    /// Those of one address. With a depth, the address would come from a header.
    IpStrategy { depth: u8 },
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Tls {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) certificates: Vec<KeyPair>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) options: BTreeMap<&'static str, TlsOptions>,
}

impl Tls {
    fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.options.is_empty()
    }
}

/// The PEM texts themselves: Traefik accepts paths or contents.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyPair {
    pub(crate) cert_file: String,
    pub(crate) key_file: String,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TlsOptions {
    pub(crate) min_version: &'static str,
    /// Whether handshakes for names without a certificate are rejected.
    pub(crate) sni_strict: bool,
}
