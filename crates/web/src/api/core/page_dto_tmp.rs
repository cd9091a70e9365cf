//! What goes over the wire, apart from what the service layer says, so that a change inside does
//! not change the API by accident.

mod account;
mod certificate;
mod domain;
mod job;
mod site;
mod traffic;

pub use account::{Credentials, Me, Token};
pub use certificate::{Certificate, NameCertificate, NewCertificate};
pub use domain::{Addresses, DnsRecord, Domain, NewAddress, NewDomain, ProofFile};
pub use job::{Begun, Job, LogEntry, Step};
use serde::Serialize;
pub use site::{Credential, LogLine, LoginLink, NewSite, Ordered, Owner, Revealed, Site, Usage};
use stoa_control::view;
pub use traffic::{LatencyBucket, Limits, NewLimits, Statuses, TrafficHour};
use utoipa::ToSchema;

/// A blueprint to order from.
#[derive(Serialize, ToSchema)]
pub struct Blueprint {
    /// Name to order by.
    pub name: String,
    /// Words for people.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// Plain facts that must be known.
    pub notices: Vec<String>,
    /// Whether it can be ordered now.
    pub available: bool,
}

impl From<view::BlueprintView> for Blueprint {
    fn from(v: view::BlueprintView) -> Self {
        let view::BlueprintView { name, title, description, notices, available } = v;
        Self { name, title, description, notices, available }
    }
}

/// Whether an address can be had.
#[derive(Serialize, ToSchema)]
pub struct Address {
    /// The label as it would be used.
    pub subdomain: String,
    /// The full hostname, if the label is well formed.
    pub hostname: Option<String>,
    /// Whether it can be ordered now.
    pub available: bool,
    /// A sentence for the person.
    pub message: String,
}

impl From<view::AddressCheck> for Address {
    fn from(v: view::AddressCheck) -> Self {
        let view::AddressCheck { subdomain, hostname, available, message } = v;
        Self { subdomain, hostname, available, message }
    }
}

/// A finding of the doctor.
#[derive(Serialize, ToSchema)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// `good`, `warning` or `bad`.
    #[schema(value_type = String)]
    pub verdict: view::Verdict,
    /// What was found.
    pub found: String,
    /// How to mend it.
    pub remedy: Option<String>,
}

impl From<view::Finding> for Finding {
    fn from(v: view::Finding) -> Self {
        Self { check: v.check, verdict: v.verdict, found: v.found, remedy: v.remedy }
    }
}

/// A page of a list, newest first.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Pass it as `before` to get the next page; absent on the last one.
    pub next: Option<String>,
}

impl<V, T: From<V>> From<view::Paged<V>> for Page<T> {
    fn from(page: view::Paged<V>) -> Self {
        Self { items: page.items.into_iter().map(Into::into).collect(), next: page.next }
    }
}
