//! A zone in memory that fails on request.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use stoa_model::host::Hostname;

use super::{
    Dns, DnsError, RecordKind, RecordName, RecordSet,
    conformance::{Probe, StoredSet},
};

/// The fake.
#[derive(Debug)]
pub struct FakeDns {
    zone: Hostname,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sets: BTreeMap<(RecordName, &'static str), RecordSet>,
    failures: Vec<(String, bool)>,
    changes: u64,
}

impl FakeDns {
    /// An empty zone.
    pub fn new(zone: Hostname) -> Self {
        Self { zone, state: Mutex::default() }
    }

    /// Makes the next change fail for this reason. Several calls make several changes fail, in order.
    pub fn fail_next(&self, reason: impl Into<String>, transient: bool) {
        self.state().failures.push((reason.into(), transient));
    }

    /// All sets in the zone, ordered by name and kind.
    pub fn sets(&self) -> Vec<RecordSet> {
        self.state().sets.values().cloned().collect()
    }

    /// The values of one name and kind, sorted.
    pub fn contents(&self, name: &RecordName, kind: RecordKind) -> Vec<String> {
        self.state().sets.get(&(name.clone(), kind.as_str())).map(RecordSet::contents).unwrap_or_default()
    }

    /// How many calls changed something. A call that finds the records as they should be does not count.
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first part of every change.
    fn begin(&self, doing: &str, checked: Result<(), String>) -> Result<MutexGuard<'_, State>, DnsError> {
        let error = |reason, transient| DnsError { provider: "fake", doing: doing.to_owned(), reason, transient };
        checked.map_err(|reason| error(reason, false))?;
        let mut state = self.state();
        if state.failures.is_empty() {
            return Ok(state);
        }
        let (reason, transient) = state.failures.remove(0);
        Err(error(reason, transient))
    }
}

#[async_trait]
impl Dns for FakeDns {
    async fn set(&self, set: &RecordSet) -> Result<(), DnsError> {
        let kind = set.kind().as_str();
        let doing = format!("setting the {kind} records of {}", set.name);
        let mut state = self.begin(&doing, set.check(&self.zone))?;
        let previous = state.sets.insert((set.name.clone(), kind), set.clone());
        let same = previous.is_some_and(|previous| previous.ttl == set.ttl && previous.contents() == set.contents());
        state.changes += u64::from(!same);
        Ok(())
    }

    async fn remove(&self, name: &RecordName, kind: RecordKind) -> Result<(), DnsError> {
        let doing = format!("removing the {} records of {name}", kind.as_str());
        let mut state = self.begin(&doing, name.check(&self.zone))?;
        let existed = state.sets.remove(&(name.clone(), kind.as_str())).is_some();
        state.changes += u64::from(existed);
        Ok(())
    }

    fn zone(&self) -> &Hostname {
        &self.zone
    }

    fn ttl(&self) -> u32 {
        300
    }
}

#[async_trait]
impl Probe for FakeDns {
    async fn plant(&self, set: &RecordSet) {
        self.state().sets.insert((set.name.clone(), set.kind().as_str()), set.clone());
    }

    async fn held(&self, name: &RecordName, kind: RecordKind) -> Option<StoredSet> {
        let state = self.state();
        let set = state.sets.get(&(name.clone(), kind.as_str()))?;
        Some(StoredSet { ttl: set.ttl, contents: set.contents() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{RecordValues, conformance};

    fn zone() -> Hostname {
        Hostname::parse("example.com").expect("a hostname")
    }

    #[tokio::test]
    async fn conforms() {
        let dns = FakeDns::new(zone());
        conformance::run(&dns, &dns).await;
    }

    #[tokio::test]
    async fn a_failure_changes_nothing_and_is_reported() {
        let dns = FakeDns::new(zone());
        let name = RecordName::ownership(&zone());
        let set = RecordSet { name: name.clone(), ttl: 60, values: RecordValues::Texts(vec!["x".into()]) };
        dns.fail_next("no room", true);
        let error = dns.set(&set).await.expect_err("it was told to fail");
        assert_eq!(error.to_string(), "setting the TXT records of _stoa.example.com at the fake name server: no room");
        assert!(error.transient && dns.sets().is_empty());
        dns.set(&set).await.expect("only the next one fails");
        dns.set(&set).await.expect("twice is the same");
        assert_eq!((dns.contents(&name, RecordKind::Txt), dns.changes()), (vec!["x".to_owned()], 1));
    }
}
