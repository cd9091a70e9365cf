//! Views of a site's addresses and certificates for pages, the API and `--json`.

use jiff::Timestamp;
use serde::Serialize;
use stoa_model::{
    domain::DomainState,
    id::{DomainId, SiteId},
    route::RouteLimits,
};

/// A site's addresses and how to add a custom domain.
#[derive(Debug, Clone, Serialize)]
pub struct DomainsView {
    /// The URL of its main address.
    pub url: String,
    /// Its subdomain of the platform's own domain, which is always routed to it, with its certificate.
    pub own: NameCertificate,
    /// Whether the subdomain is the main address.
    pub own_is_main: bool,
    /// Custom domains, by name.
    pub domains: Vec<DomainView>,
    /// Addresses that domains must point to; empty if none are configured.
    pub addresses: Vec<std::net::IpAddr>,
    /// The uploaded certificate that is served for some of its names, if any.
    pub uploaded: Option<CertificateView>,
    /// Limits at the edge.
    pub limits: RouteLimits,
    /// Whether the actor may change anything.
    pub may_change: bool,
}

/// A custom domain.
#[derive(Debug, Clone, Serialize)]
pub struct DomainView {
    /// Its id.
    pub id: DomainId,
    /// Its site.
    pub site: SiteId,
    /// The name as DNS writes it.
    pub name: String,
    /// The name as people write it.
    pub display: String,
    /// Whether it is claimed or verified.
    pub state: DomainState,
    /// Whether it is the site's main address now.
    pub is_main: bool,
    /// Whether to make it the main address as soon as possible.
    pub main_wanted: bool,
    /// What is wrong, for the customer.
    pub problem: Option<String>,
    /// Records to create at the domain's DNS provider.
    pub records: Vec<DnsInstruction>,
    /// The file that proves ownership instead of the TXT record: its address and its content.
    pub file: (String, String),
    /// When the claim expires, unless it is verified.
    pub expires_at: Option<Timestamp>,
    /// When it was last checked.
    pub checked_at: Option<Timestamp>,
    /// Its certificate, once it is verified.
    pub certificate: Option<NameCertificate>,
}

/// A custom domain in the staff's list.
#[derive(Debug, Clone)]
pub struct DomainLine {
    /// The name as people write it.
    pub display: String,
    /// Its site.
    pub site: SiteId,
    /// The site's title.
    pub site_title: String,
    /// Whether it is claimed or verified.
    pub state: DomainState,
    /// What is wrong, for the customer.
    pub problem: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last checked.
    pub checked_at: Option<Timestamp>,
}

/// One DNS record to create.
#[derive(Debug, Clone, Serialize)]
pub struct DnsInstruction {
    /// `TXT`, `A`, `AAAA` or `CNAME`.
    pub kind: &'static str,
    /// Full name of the record.
    pub name: String,
    /// The name without the registered domain, `@` for that domain itself: many providers add the domain by themselves.
    pub relative_name: String,
    /// Its value.
    pub value: String,
    /// What it is for.
    pub purpose: &'static str,
    /// Whether it was seen at the last check; `None` before the first one.
    pub seen: Option<bool>,
}

/// The state of a name's certificate.
#[derive(Debug, Clone, Serialize)]
pub struct NameCertificate {
    /// The name.
    pub name: String,
    /// Its state.
    pub state: CertificateState,
    /// The certificate that is served.
    pub certificate: Option<CertificateView>,
    /// Why there is none, or no new one, for the customer.
    pub problem: Option<String>,
    /// The cause, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When the next attempt is due, after a failure.
    pub next_try: Option<Timestamp>,
}

/// The state of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// Served.
    Good,
    /// Not issued yet.
    Waiting,
    /// It was refused or could not be obtained; it will be retried.
    Failing,
    /// HTTPS is not configured on this platform.
    Off,
}

/// A certificate that is served.
#[derive(Debug, Clone, Serialize)]
pub struct CertificateView {
    /// The names that it covers.
    pub names: Vec<String>,
    /// Where it comes from.
    pub source: CertificateSource,
    /// Who issued it.
    pub issuer: String,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Warnings about it.
    pub notes: Vec<String>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateSource {
    /// The platform had it issued and renews it.
    Issued,
    /// The customer uploaded it and must renew it.
    Uploaded,
}

pub use stoa_db::domains::list::DomainFilter;
