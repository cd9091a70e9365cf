//! One domain on the page: what to do to prove it, or how it stands.

use stoa_control::view::{DnsInstruction, DomainView};
use stoa_model::domain::DomainState;

use super::{certificate_status::Lock, show::Surroundings};
use crate::ui::{
    status::{self, Badge},
    time::{self, Moment},
};

/// A domain.
pub struct DomainCard {
    /// Its id.
    pub id: String,
    /// As people write it.
    pub display: String,
    /// As DNS writes it, where that is something else.
    pub ascii: Option<String>,
    /// State.
    pub badge: Badge,
    /// Whether it is still to be proven.
    pub claimed: bool,
    /// Whether it is the site's main address.
    pub is_main: bool,
    /// Whether it becomes that as soon as it can.
    pub main_wanted: bool,
    /// Whether it works, so that visitors can be sent there.
    pub can_be_main: bool,
    /// What is wrong.
    pub problem: Option<String>,
    /// Records to make.
    pub records: Vec<RecordLine>,
    /// Address of the file that proves it too, ids of the places to copy from.
    pub file: FileProof,
    /// When the claim ends.
    pub expires: Option<(String, Moment)>,
    /// When it was last looked at.
    pub checked: Option<Moment>,
    /// Its certificate, once proven.
    pub lock: Option<Lock>,
}

/// A record to make.
pub struct RecordLine {
    /// Unique on the page.
    pub id: String,
    /// `TXT`, `A`, …
    pub kind: &'static str,
    /// Full name.
    pub name: String,
    /// Value.
    pub value: String,
    /// What it is for.
    pub purpose: &'static str,
    /// Whether it was seen.
    pub seen: Option<Badge>,
}

/// The file that proves a domain instead of the TXT record.
pub struct FileProof {
    /// Unique on the page.
    pub id: String,
    /// Its address.
    pub url: String,
    /// Its content.
    pub content: String,
}

impl DomainCard {
    /// The `n`-th domain of the page.
    pub fn new(n: usize, view: &DomainView, around: Surroundings) -> Self {
        let (url, content) = view.file.clone();
        let records = view.records.iter().enumerate();
        let mut lock = view.certificate.as_ref().map(|certificate| Lock::new(certificate, around));
        if let (Some(lock), true, true) = (&mut lock, view.problem.is_some(), around.issues) {
            // Nothing is ordered before the domain leads here.
            let waits = "The certificate follows by itself as soon as this is mended.".to_owned();
            lock.words = lock.words.take().map(|_| waits);
        }
        let works = view.problem.is_none() && lock.as_ref().is_some_and(|lock| !lock.moving);
        Self {
            id: view.id.to_string(),
            display: view.display.clone(),
            ascii: (view.name != view.display).then(|| view.name.clone()),
            badge: status::domain(view),
            claimed: view.state == DomainState::Claimed,
            is_main: view.is_main,
            main_wanted: view.main_wanted && !view.is_main,
            problem: view.problem.clone(),
            records: records.map(|(r, record)| RecordLine::new(format!("record-{n}-{r}"), record, view)).collect(),
            file: FileProof { id: format!("file-{n}"), url, content },
            expires: view.expires_at.map(|at| (time::date(at), time::moment(at, around.now))),
            checked: view.checked_at.map(|at| time::moment(at, around.now)),
            can_be_main: works && !view.is_main,
            lock,
        }
    }

    /// Whether it may change by itself soon.
    pub fn is_moving(&self) -> bool {
        self.claimed || self.main_wanted || self.problem.is_some() || self.lock.as_ref().is_some_and(|l| l.moving)
    }
}

impl RecordLine {
    fn new(id: String, record: &DnsInstruction, domain: &DomainView) -> Self {
        let DnsInstruction { kind, name, value, purpose, seen } = record.clone();
        // Once a domain is proven, the problem's own words say more than "not found".
        let seen = seen.filter(|seen| *seen || domain.state == DomainState::Claimed);
        Self { id, kind, name, value, purpose, seen: seen.map(status::record) }
    }
}
