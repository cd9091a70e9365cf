//! Texts of one name that several parts of the platform keep at once, each its own value.
//!
//! A [`Dns`] replaces whole sets; two certificate orders at the same time, for a name and for its
//! wildcard, both need a value at the same `_acme-challenge` name (RFC 8555 8.4). They take turns
//! here, and the set always holds what all of them want.
//!
//! Only values taken in this process are known: after a crash the first change of a name sweeps away
//! what was left there, which is what a challenge that nobody waits for deserves.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::Mutex;

use super::{Dns, DnsError, RecordKind, RecordName, RecordSet, RecordValues};

/// Values that each have their own owner. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct SharedTexts {
    dns: Arc<dyn Dns>,
    names: Arc<Mutex<HashMap<RecordName, Held>>>,
}

/// Values of one name, one entry for each who wants it. Locked while its server is asked.
type Held = Arc<Mutex<Vec<String>>>;

impl SharedTexts {
    /// Texts at this server.
    pub fn new(dns: Arc<dyn Dns>) -> Self {
        Self { dns, names: Arc::default() }
    }

    /// Adds a value to the texts of a name, which live `ttl` seconds. Taken twice, it stays until it
    /// was let go twice.
    ///
    /// # Errors
    /// As [`Dns::set`]; the value is not held then.
    pub async fn hold(&self, name: &RecordName, ttl: u32, value: &str) -> Result<(), DnsError> {
        let held = self.of(name).await;
        let mut values = held.lock().await;
        let mut wanted = values.clone();
        wanted.push(value.to_owned());
        let set = RecordSet { name: name.clone(), ttl, values: RecordValues::Texts(wanted.clone()) };
        self.dns.set(&set).await?;
        *values = wanted;
        Ok(())
    }

    /// Takes a value away; other values stay. A value that is not held is no error.
    ///
    /// # Errors
    /// As [`Dns::set`]; the value is not held any more all the same, and the next change of this
    /// name removes it.
    pub async fn release(&self, name: &RecordName, ttl: u32, value: &str) -> Result<(), DnsError> {
        let held = self.of(name).await;
        let mut values = held.lock().await;
        if let Some(place) = values.iter().position(|held| held == value) {
            values.swap_remove(place);
        }
        if values.is_empty() {
            return self.dns.remove(name, RecordKind::Txt).await;
        }
        let set = RecordSet { name: name.clone(), ttl, values: RecordValues::Texts(values.clone()) };
        self.dns.set(&set).await
    }

    async fn of(&self, name: &RecordName) -> Held {
        let mut names = self.names.lock().await;
        // Names that nobody holds or waits for are forgotten, or the map would only grow.
        names.retain(|_, held| Arc::strong_count(held) > 1 || held.try_lock().is_ok_and(|held| !held.is_empty()));
        names.entry(name.clone()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use stoa_model::host::Hostname;

    use super::*;
    use crate::dns::fake::FakeDns;

    fn start() -> (Arc<FakeDns>, SharedTexts, RecordName) {
        let zone = Hostname::parse("example.com").expect("a hostname");
        let name = RecordName::acme_challenge(&zone);
        let dns = Arc::new(FakeDns::new(zone));
        (dns.clone(), SharedTexts::new(dns), name)
    }

    #[tokio::test]
    async fn two_owners_do_not_disturb_each_other() {
        let (dns, texts, name) = start();
        let (one, two) = tokio::join!(texts.hold(&name, 60, "one"), texts.hold(&name, 60, "two"));
        one.and(two).expect("both");
        assert_eq!(dns.contents(&name, RecordKind::Txt), ["one", "two"]);
        texts.release(&name, 60, "one").await.expect("released");
        assert_eq!(dns.contents(&name, RecordKind::Txt), ["two"]);
        texts.release(&name, 60, "one").await.expect("twice is no error");
        assert_eq!(dns.contents(&name, RecordKind::Txt), ["two"]);
        texts.release(&name, 60, "two").await.expect("released");
        assert!(dns.sets().is_empty());
    }

    #[tokio::test]
    async fn the_same_value_twice_stays_until_both_let_go() {
        let (dns, texts, name) = start();
        texts.hold(&name, 60, "same").await.expect("held");
        texts.hold(&name, 60, "same").await.expect("held");
        texts.release(&name, 60, "same").await.expect("released");
        assert_eq!(dns.contents(&name, RecordKind::Txt), ["same"]);
        texts.release(&name, 60, "same").await.expect("released");
        assert!(dns.sets().is_empty());
    }

    #[tokio::test]
    async fn a_failure_leaves_what_others_hold() {
        let (dns, texts, name) = start();
        texts.hold(&name, 60, "one").await.expect("held");
        dns.fail_next("busy", true);
        texts.hold(&name, 60, "two").await.expect_err("it was told to fail");
        dns.fail_next("busy", true);
        texts.release(&name, 60, "one").await.expect_err("it was told to fail");
        texts.hold(&name, 60, "three").await.expect("held");
        assert_eq!(dns.contents(&name, RecordKind::Txt), ["three"], "what was let go is swept away");
    }

    #[tokio::test]
    async fn names_that_nobody_holds_are_forgotten() {
        let (_, texts, name) = start();
        texts.hold(&name, 60, "x").await.expect("held");
        texts.release(&name, 60, "x").await.expect("released");
        let other = RecordName::ownership(&Hostname::parse("example.com").expect("a hostname"));
        texts.hold(&other, 60, "y").await.expect("held");
        assert_eq!(texts.names.lock().await.len(), 1);
    }
}
