//! A site's addresses, certificates and traffic, as pages show them.

use jiff::Timestamp;
use serde::Serialize;
use stoa_model::{
    domain::DomainState,
    id::{DomainId, SiteId},
    route::RouteLimits,
};

/// A site's addresses and how to bring one's own domain along.
#[derive(Debug, Clone, Serialize)]
pub struct DomainsView {
    /// Its main address.
    pub url: String,
    /// The platform's own name for it, which always leads to it, with its certificate.
    pub own: NameCertificate,
    /// Whether the platform's own name is the main address.
    pub own_is_main: bool,
    /// Domains that were brought along, by name.
    pub domains: Vec<DomainView>,
    /// Addresses that domains must lead to; empty if the operator has not said.
    pub addresses: Vec<std::net::IpAddr>,
    /// Whether an uploaded certificate is served for some of its names.
    pub uploaded: Option<CertificateView>,
    /// What its visitors may use of the edge.
    pub limits: RouteLimits,
    /// Whether the actor may change anything.
    pub may_change: bool,
}

/// A domain that a customer brought along.
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
    /// How far it has come.
    pub state: DomainState,
    /// Whether it is the site's main address now.
    pub is_main: bool,
    /// Whether it becomes that as soon as it can.
    pub main_wanted: bool,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// Records to make at the domain's DNS provider.
    pub records: Vec<DnsInstruction>,
    /// The file that proves ownership instead of the TXT record: its address and its content.
    pub file: (String, String),
    /// When the claim runs out, while it is not proven.
    pub expires_at: Option<Timestamp>,
    /// When it was last looked at.
    pub checked_at: Option<Timestamp>,
    /// Its certificate, once proven.
    pub certificate: Option<NameCertificate>,
}

/// One DNS record to make.
#[derive(Debug, Clone, Serialize)]
pub struct DnsInstruction {
    /// `TXT`, `A`, `AAAA` or `CNAME`.
    pub kind: &'static str,
    /// Full name of the record.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What it is for, in words.
    pub purpose: &'static str,
    /// Whether it was seen at the last check; `None` before the first one.
    pub seen: Option<bool>,
}

/// How the certificate of a name stands.
#[derive(Debug, Clone, Serialize)]
pub struct NameCertificate {
    /// The name.
    pub name: String,
    /// In one word.
    pub state: CertificateState,
    /// The certificate that is served.
    pub certificate: Option<CertificateView>,
    /// Why there is none, or no new one, in words.
    pub problem: Option<String>,
    /// The cause, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it is tried again, after a failure.
    pub next_try: Option<Timestamp>,
}

/// How a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// Served.
    Good,
    /// Not there yet.
    Waiting,
    /// It was refused or could not be had; it is tried again.
    Failing,
    /// This platform serves no HTTPS.
    Off,
}

/// A certificate that is served.
#[derive(Debug, Clone, Serialize)]
pub struct CertificateView {
    /// The names that it is for.
    pub names: Vec<String>,
    /// Where it comes from.
    pub source: CertificateSource,
    /// Who issued it.
    pub issuer: String,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// What is worth knowing about it.
    pub notes: Vec<String>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateSource {
    /// The platform had it issued and renews it.
    Issued,
    /// The customer brought it along and must renew it.
    Uploaded,
}
