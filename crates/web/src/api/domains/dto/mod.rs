//! Request and response bodies of domains.

mod certificate;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_model::{
    domain::DomainState,
    id::{DomainId, SiteId},
};
use utoipa::ToSchema;

pub use self::certificate::{Certificate, NameCertificate, NewCertificate};
use crate::api::sites::dto::Limits;

/// A domain to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDomain {
    /// The name as people type it; internationalized names too.
    #[schema(example = "shop.example.com")]
    pub name: String,
    /// Whether to add the name with `www.` in front too.
    #[serde(default)]
    pub with_www: bool,
    /// Whether to make it the site's main address as soon as it works.
    #[serde(default)]
    pub main: bool,
}

/// The name to make a site's main address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAddress {
    /// A verified domain of the site, or the platform's own name for it.
    #[schema(example = "shop.example.com")]
    pub name: String,
}

/// A site's addresses.
#[derive(Serialize, ToSchema)]
pub struct Addresses {
    /// Its main address.
    pub url: String,
    /// The name given by the platform, which always serves the site.
    pub own: NameCertificate,
    /// Whether that name is the main address.
    pub own_is_main: bool,
    /// Custom domains, by name.
    pub domains: Vec<Domain>,
    /// IP addresses that domains must point to; empty if the operator has not configured them.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<std::net::IpAddr>,
    /// The uploaded certificate, if one is in use.
    pub uploaded: Option<Certificate>,
    /// Limits for visitors.
    pub limits: Limits,
}

impl From<stoa_domains::view::DomainsView> for Addresses {
    fn from(v: stoa_domains::view::DomainsView) -> Self {
        Self {
            url: v.url,
            own: v.own.into(),
            own_is_main: v.own_is_main,
            domains: v.domains.into_iter().map(Into::into).collect(),
            addresses: v.addresses,
            uploaded: v.uploaded.map(Into::into),
            limits: v.limits.into(),
        }
    }
}

/// A custom domain.
#[derive(Serialize, ToSchema)]
pub struct Domain {
    /// Its id.
    #[schema(value_type = String, example = "dom_01934fd27c0070008000000000000001")]
    pub id: DomainId,
    /// Its site.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The name as DNS writes it.
    #[schema(example = "xn--bcher-kva.example")]
    pub name: String,
    /// The name as people write it.
    #[schema(example = "bücher.example")]
    pub display: String,
    /// `claimed` until it is verified, then `verified`.
    #[schema(value_type = String, example = "claimed")]
    pub state: DomainState,
    /// Whether it is the site's main address.
    pub is_main: bool,
    /// Whether it becomes the main address as soon as it works.
    pub main_wanted: bool,
    /// What is wrong, for people.
    pub problem: Option<String>,
    /// Records to create at the DNS provider.
    pub records: Vec<DnsRecord>,
    /// The file that verifies the domain instead of the TXT record.
    pub file: ProofFile,
    /// When the claim expires, while it is not verified.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last checked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub checked_at: Option<Timestamp>,
    /// Its certificate, once it is verified.
    pub certificate: Option<NameCertificate>,
}

impl From<stoa_domains::view::DomainView> for Domain {
    fn from(v: stoa_domains::view::DomainView) -> Self {
        let (url, content) = v.file;
        Self {
            id: v.id,
            site: v.site,
            name: v.name,
            display: v.display,
            state: v.state,
            is_main: v.is_main,
            main_wanted: v.main_wanted,
            problem: v.problem,
            records: v.records.into_iter().map(Into::into).collect(),
            file: ProofFile { url, content },
            expires_at: v.expires_at,
            checked_at: v.checked_at,
            certificate: v.certificate.map(Into::into),
        }
    }
}

/// A DNS record to create.
#[derive(Serialize, ToSchema)]
pub struct DnsRecord {
    /// `TXT`, `A`, `AAAA` or `CNAME`.
    #[schema(example = "TXT")]
    pub kind: &'static str,
    /// Full name.
    pub name: String,
    /// The name without the registered domain, `@` for that domain itself: many providers add the domain by themselves.
    #[schema(example = "_stoa.shop")]
    pub relative_name: String,
    /// Value.
    pub value: String,
    /// Its purpose, for people.
    pub purpose: &'static str,
    /// Whether the last check found it; null before the first check, or if it isn't checked.
    pub seen: Option<bool>,
}

impl From<stoa_domains::view::DnsInstruction> for DnsRecord {
    fn from(v: stoa_domains::view::DnsInstruction) -> Self {
        let stoa_domains::view::DnsInstruction { kind, name, relative_name, value, purpose, seen } = v;
        Self { kind, name, relative_name, value, purpose, seen }
    }
}

/// A file that verifies a domain.
#[derive(Serialize, ToSchema)]
pub struct ProofFile {
    /// Where it must be served.
    pub url: String,
    /// Its exact content.
    pub content: String,
}
