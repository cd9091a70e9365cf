//! Answers from a map: public DNS in tests of the service layer.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stoa_model::host::Hostname;
use stoa_provider::dns::RecordName;
use tokio::sync::oneshot;

use super::{Addresses, ResolveError};

/// The answers; clones share them. Other names do not exist.
#[derive(Debug, Clone, Default)]
pub struct FixedAnswers {
    world: Arc<Mutex<World>>,
}

#[derive(Debug, Default)]
struct World {
    addresses: HashMap<Hostname, Result<Addresses, ResolveError>>,
    texts: HashMap<RecordName, Result<Vec<String>, ResolveError>>,
    absences: HashMap<RecordName, Duration>,
    delayed: HashMap<Hostname, oneshot::Receiver<()>>,
}

impl FixedAnswers {
    /// Gives a name these addresses, without an alias.
    pub fn set_addresses(&self, host: &Hostname, list: &[IpAddr]) {
        self.answer(host, Ok(Addresses { list: list.to_vec(), via: Vec::new() }));
    }

    /// Sets the answer about a name's addresses.
    pub fn answer(&self, host: &Hostname, answer: Result<Addresses, ResolveError>) {
        self.world().addresses.insert(host.clone(), answer);
    }

    /// Delays the next answer about a name's addresses until the returned value is dropped.
    pub fn delay_next(&self, host: &Hostname) -> oneshot::Sender<()> {
        let (release, delayed) = oneshot::channel();
        self.world().delayed.insert(host.clone(), delayed);
        release
    }

    /// Sets the answer about a name's texts.
    pub fn answer_texts(&self, name: &RecordName, answer: Result<Vec<String>, ResolveError>) {
        self.world().texts.insert(name.clone(), answer);
    }

    /// Sets how long the absence of a name's texts is remembered.
    pub fn set_absence(&self, name: &RecordName, absence: Duration) {
        self.world().absences.insert(name.clone(), absence);
    }

    /// Removes a name and the texts at and below it.
    pub fn forget(&self, host: &Hostname) {
        let mut world = self.world();
        world.addresses.remove(host);
        world.texts.retain(|name, _| !name.is_in(host));
    }

    pub(super) async fn addresses(&self, host: &Hostname) -> Result<Addresses, ResolveError> {
        let delayed = self.world().delayed.remove(host);
        if let Some(delayed) = delayed {
            // Nothing is ever sent: dropping the sender ends the wait.
            delayed.await.ok();
        }
        self.world().addresses.get(host).cloned().unwrap_or_else(|| Ok(Addresses::default()))
    }

    pub(super) fn texts(&self, name: &RecordName) -> Result<Vec<String>, ResolveError> {
        self.world().texts.get(name).cloned().unwrap_or_else(|| Ok(Vec::new()))
    }

    pub(super) fn absence(&self, name: &RecordName) -> Option<Duration> {
        self.world().absences.get(name).copied()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolver::{Cause, Resolver};

    #[tokio::test]
    async fn answers_change_while_in_use() {
        let answers = FixedAnswers::default();
        let resolver = Resolver::fixed(answers.clone());
        let host = Hostname::parse("a.example.com").expect("a hostname");
        assert_eq!(resolver.addresses(&host).await, Ok(Addresses::default()));
        let ip = IpAddr::from([192, 0, 2, 1]);
        answers.set_addresses(&host, &[ip]);
        assert_eq!(resolver.addresses(&host).await.map(|found| found.list), Ok(vec![ip]));
        let name = RecordName::ownership(&host);
        answers.answer_texts(&name, Ok(vec!["mine".into()]));
        assert_eq!(resolver.texts(&name).await, Ok(vec!["mine".to_owned()]));
        let (release, asked) = (answers.delay_next(&host), resolver.addresses(&host));
        let mut asked = std::pin::pin!(asked);
        assert!(tokio::time::timeout(Duration::ZERO, asked.as_mut()).await.is_err(), "it waits");
        assert!(resolver.addresses(&host).await.is_ok(), "only the first one");
        drop(release);
        assert_eq!(asked.await.map(|found| found.list), Ok(vec![ip]));
        let broken =
            ResolveError::Unavailable { name: host.to_string(), reason: "SERVFAIL".into(), cause: Cause::Failing };
        answers.answer(&host, Err(broken.clone()));
        assert_eq!(resolver.addresses(&host).await, Err(broken));
        answers.forget(&host);
        assert_eq!(resolver.addresses(&host).await, Ok(Addresses::default()));
        assert_eq!(resolver.texts(&name).await, Ok(Vec::new()));
    }
}
