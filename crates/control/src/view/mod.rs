//! What the faces show: display-ready facts without anything secret.

mod accounts;
mod domains;

use jiff::Timestamp;
use serde::Serialize;
use stoa_model::{
    account::Actor,
    id::{CustomerId, JobId, SiteId},
    job::{JobKind, JobState},
    secret::SecretString,
    site::{Health, SiteState},
};

/// A fresh session: the token goes into the cookie and is stored nowhere in clear.
#[derive(Debug)]
pub struct NewSession {
    /// Who logged in.
    pub actor: Actor,
    /// The cookie's value.
    pub token: SecretString,
}

/// A session that holds.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// Who.
    pub actor: Actor,
    /// Login name.
    pub email: String,
    /// Company of a customer, role of staff.
    pub label: String,
    /// Token that forms of this session carry.
    pub csrf: String,
}

/// Whether an address can be had.
#[derive(Debug, Clone, Serialize)]
pub struct AddressCheck {
    /// The label as it would be used.
    pub subdomain: String,
    /// The full hostname, if the label is well formed.
    pub hostname: Option<String>,
    /// Whether it can be ordered now.
    pub available: bool,
    /// A sentence for the person.
    pub message: String,
}

/// A blueprint to choose.
#[derive(Debug, Clone, Serialize)]
pub struct BlueprintView {
    /// Name to order by.
    pub name: String,
    /// Words for people.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// Plain facts that must be known, for example that a plugin is absent from the image.
    pub notices: Vec<String>,
    /// Whether its images are on the engine; `false` means that it can't be ordered now.
    pub available: bool,
}

/// What was ordered: the site, and the job that makes it.
#[derive(Debug, Clone, Copy, Serialize, serde::Deserialize)]
pub struct Ordered {
    /// The new site.
    pub site: SiteId,
    /// Its job.
    pub job: JobId,
}

/// Whose a site is.
#[derive(Debug, Clone, Serialize)]
pub struct OwnerView {
    /// Company, or the owner's own name.
    pub company: String,
    /// Login name and address for mail.
    pub email: String,
}

/// A site, as lists and pages show it.
#[derive(Debug, Clone, Serialize)]
pub struct SiteView {
    /// Its id.
    pub id: SiteId,
    /// Its owner.
    pub customer: CustomerId,
    /// Its owner in words, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerView>,
    /// Blueprint's name.
    pub blueprint: String,
    /// Blueprint in words; its name, if the blueprint is not loaded any more.
    pub blueprint_title: String,
    /// Title as typed.
    pub title: String,
    /// Hostname.
    pub hostname: String,
    /// Address to open, with scheme and, where it isn't the default, port.
    pub url: String,
    /// Intent.
    pub state: SiteState,
    /// Why, in words for the owner.
    pub reason: Option<String>,
    /// Observation.
    pub health: Health,
    /// Since when it has been so.
    pub health_at: Option<Timestamp>,
    /// Login name of its administrator.
    pub admin_user: String,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When its purge begins, if marked for deletion.
    pub purge_at: Option<Timestamp>,
    /// Plain facts about its images.
    pub notices: Vec<String>,
    /// Its unfinished job, if any.
    pub job: Option<JobId>,
    /// What may be done with it now.
    pub actions: Vec<SiteAction>,
}

/// Something that may be done with a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteAction {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Try to make it once more.
    Retry,
    /// Mark it for deletion.
    Delete,
    /// Take the deletion back.
    Undelete,
    /// Log in to its administration with one click.
    LogIn,
}

impl SiteAction {
    /// The word in the addresses of pages; the API's are those of `serde`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Retry => "retry",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
            Self::LogIn => "login-link",
        }
    }
}

/// One page of a list, newest first.
#[derive(Debug, Clone, Serialize)]
pub struct Paged<T> {
    /// The items.
    pub items: Vec<T>,
    /// Pass as `before` to get the next page; absent on the last one.
    pub next: Option<String>,
}

impl<T> Paged<T> {
    /// Of `found`, one more of which than `limit` was asked for: by that it is known whether more follow.
    pub(crate) fn of(mut found: Vec<T>, limit: u64, id: impl Fn(&T) -> String) -> Self {
        let more = found.len() as u64 > limit;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(id);
        Self { items: found, next }
    }
}

/// A login that the customer may reveal; the password is fetched by itself.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialView {
    /// Which of the site's credentials.
    pub ordinal: u32,
    /// For what.
    pub label: String,
    /// Where.
    pub url: String,
    /// Login name.
    pub username: String,
}

/// A job with its steps.
#[derive(Debug, Clone, Serialize)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// The site it works on.
    pub site: SiteId,
    /// The site's hostname.
    pub hostname: String,
    /// The site's title.
    pub site_title: String,
    /// What it does.
    pub kind: JobKind,
    /// Words for it.
    pub title: String,
    /// Where it stands.
    pub state: JobState,
    /// Why it failed, in words for the customer.
    pub error: Option<String>,
    /// Why it failed, for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<String>,
    /// What to do now, in words.
    pub advice: Option<String>,
    /// Whether it can be cancelled now.
    pub can_cancel: bool,
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Its steps in order.
    pub steps: Vec<StepView>,
    /// The live log, oldest first.
    pub log: Vec<LogView>,
}

/// One step of a job.
#[derive(Debug, Clone, Serialize)]
pub struct StepView {
    /// Stable name.
    pub name: String,
    /// Words for people.
    pub title: String,
    /// `waiting`, `running`, `done`, `failed`, `undoing`, `undone` or `undo_failed`.
    pub state: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// How long it took, or has taken so far, in milliseconds.
    pub duration_ms: Option<u64>,
    /// What it says about its result.
    pub detail: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// One line of a job's log.
#[derive(Debug, Clone, Serialize)]
pub struct LogView {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub line: String,
}

/// One finding of the doctor.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// How to mend it, if it needs mending.
    pub remedy: Option<String>,
}

/// How a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works, but should be looked at.
    Warning,
    /// Stoa can't do its work like this.
    Bad,
}

pub use accounts::{AuditView, CustomerView, StaffView, TokenView};
pub use domains::{
    CertificateSource, CertificateState, CertificateView, DnsInstruction, DomainView, DomainsView, NameCertificate,
    TrafficHour,
};
pub use stoa_provider::engine::{LogLine, ServiceStats};
