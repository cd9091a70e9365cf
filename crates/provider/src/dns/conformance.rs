//! What every DNS provider must do, checked by looking at the zone another way. The fake and every real
//! provider pass the same suite.
//!
//! For tests: it panics at the first broken promise. Its TTLs are at least 3600 seconds, which every
//! provider accepts.

use async_trait::async_trait;
use stoa_model::host::Hostname;

use super::{Dns, DnsError, RecordKind, RecordName, RecordSet, RecordValues};

/// The records of one name and kind in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSet {
    /// In seconds.
    pub ttl: u32,
    /// In the form of [`RecordSet::contents`].
    pub contents: Vec<String>,
}

/// Reads the zone, and changes it without the provider's knowledge.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Creates records as somebody else would.
    async fn plant(&self, set: &RecordSet);

    /// The records, or `None` if there are none.
    async fn held(&self, name: &RecordName, kind: RecordKind) -> Option<StoredSet>;
}

/// Runs the whole suite. Uses names under `conformance.` in the provider's zone, which must be free.
///
/// # Panics
/// At the first broken promise.
pub async fn run(dns: &dyn Dns, probe: &dyn Probe) {
    let suite = Suite { dns, probe };
    suite.sets().await;
    suite.replaces().await;
    suite.texts().await;
    suite.removes().await;
    suite.leaves_the_rest().await;
    suite.odd_names().await;
    suite.refuses().await;
}

struct Suite<'a> {
    dns: &'a dyn Dns,
    probe: &'a dyn Probe,
}

impl Suite<'_> {
    async fn sets(&self) {
        let set = addresses(&self.host("set"), 3600, &["192.0.2.1"]);
        assert_eq!(self.probe.held(&set.name, RecordKind::A).await, None, "the suite's names must be free");
        self.set(&set).await;
        self.holds(&set, "a record is made").await;
        self.set(&set).await;
        self.holds(&set, "setting twice is setting once").await;
        let six = addresses(&self.host("set"), 3600, &["2001:db8::1", "2001:db8::2"]);
        self.set(&six).await;
        self.holds(&six, "several values are made").await;
        self.holds(&set, "the other family stays").await;
    }

    async fn replaces(&self) {
        let host = self.host("replace");
        for (list, ttl, promise) in [
            (&["192.0.2.1", "192.0.2.2"][..], 3600, "two values are made"),
            (&["192.0.2.2", "192.0.2.3"], 3600, "one goes, one stays, one comes"),
            (&["192.0.2.2", "192.0.2.3"], 7200, "the time to live changes alone"),
            (&["192.0.2.9"], 3600, "all values and the time change at once"),
            (&["192.0.2.9", "192.0.2.9"], 3600, "a value given twice is made once"),
        ] {
            let set = addresses(&host, ttl, list);
            self.set(&set).await;
            self.holds(&set, promise).await;
        }
    }

    /// As a certificate for a name and its wildcard needs: two values at one name (RFC 8555 8.4).
    async fn texts(&self) {
        let host = self.host("text");
        let (one, two) = ("tH3-qUick_br0wn-f0x", "Lazy d0g; with=blanks, commas & more");
        for values in [&[one][..], &[one, two], &[two]] {
            let set = texts(RecordName::acme_challenge(&host), values);
            self.set(&set).await;
            self.holds(&set, "texts are kept letter by letter").await;
        }
        let long = "x".repeat(255);
        let set = texts(RecordName::ownership(&host), &[&long]);
        self.set(&set).await;
        self.holds(&set, "the longest text is kept whole").await;
    }

    async fn removes(&self) {
        let set = addresses(&self.host("remove"), 3600, &["192.0.2.1", "192.0.2.2"]);
        self.remove(&set.name, RecordKind::A).await;
        self.set(&set).await;
        self.remove(&set.name, RecordKind::A).await;
        assert_eq!(self.probe.held(&set.name, RecordKind::A).await, None, "removed records are gone");
        self.remove(&set.name, RecordKind::A).await;
        self.set(&set).await;
        self.holds(&set, "what was removed can be created again").await;
    }

    async fn leaves_the_rest(&self) {
        let host = self.host("others");
        let mine = addresses(&host, 3600, &["192.0.2.1"]);
        let others = [
            addresses(&host, 3600, &["2001:db8::9"]),
            texts(mine.name.clone(), &["v=spf1 -all"]),
            addresses(&self.host("a.others"), 3600, &["192.0.2.7"]),
            addresses(&self.host("xothers"), 3600, &["192.0.2.8"]),
            texts(RecordName::acme_challenge(&host), &["of somebody else"]),
        ];
        for other in &others {
            self.probe.plant(other).await;
        }
        self.set(&mine).await;
        self.set(&addresses(&host, 3600, &["192.0.2.2"])).await;
        for other in &others {
            self.holds(other, "setting touches nothing else").await;
        }
        self.remove(&mine.name, RecordKind::A).await;
        for other in &others {
            self.holds(other, "removing touches nothing else").await;
        }
        self.probe.plant(&addresses(&host, 7200, &["192.0.2.66", "192.0.2.67"])).await;
        self.set(&mine).await;
        self.holds(&mine, "what others put into a set that is ours goes").await;
    }

    async fn odd_names(&self) {
        let host = self.host("odd");
        let wildcard = RecordSet { name: RecordName::wildcard(&host), ..addresses(&host, 3600, &["192.0.2.1"]) };
        let below = addresses(&self.host("under.odd"), 3600, &["192.0.2.2"]);
        self.set(&wildcard).await;
        self.set(&below).await;
        self.holds(&wildcard, "a wildcard is made").await;
        self.remove(&wildcard.name, RecordKind::A).await;
        assert_eq!(self.probe.held(&wildcard.name, RecordKind::A).await, None, "a wildcard is removed");
        self.holds(&below, "a wildcard is not the names that it covers").await;

        let apex = texts(RecordName::host(self.dns.zone()), &["stoa-conformance"]);
        self.set(&apex).await;
        self.holds(&apex, "the zone itself can have records").await;
        self.remove(&apex.name, RecordKind::Txt).await;
        assert_eq!(self.probe.held(&apex.name, RecordKind::Txt).await, None, "records of the zone itself go");
    }

    async fn refuses(&self) {
        let zone = self.dns.zone();
        let outside = Hostname::parse(&format!("x{zone}")).expect("a hostname");
        let set = addresses(&outside, 3600, &["192.0.2.1"]);
        permanent(self.dns.set(&set).await, "a name outside the zone is refused");
        permanent(self.dns.remove(&set.name, RecordKind::A).await, "a name outside the zone is refused");
        let host = self.host("refused");
        permanent(self.dns.set(&addresses(&host, 3600, &[])).await, "no values are refused");
        let mixed = addresses(&host, 3600, &["192.0.2.1", "2001:db8::1"]);
        permanent(self.dns.set(&mixed).await, "two kinds at once are refused");
        let quoted = texts(RecordName::host(&host), &["a \"quote\""]);
        permanent(self.dns.set(&quoted).await, "texts that servers escape are refused");
        for kind in [RecordKind::A, RecordKind::Aaaa, RecordKind::Txt] {
            assert_eq!(self.probe.held(&mixed.name, kind).await, None, "what is refused leaves nothing");
        }
    }

    fn host(&self, label: &str) -> Hostname {
        Hostname::parse(&format!("{label}.conformance.{}", self.dns.zone())).expect("a hostname")
    }

    async fn set(&self, set: &RecordSet) {
        let result = self.dns.set(set).await;
        assert!(result.is_ok(), "{set:?} was refused: {}", result.expect_err("it failed"));
    }

    async fn remove(&self, name: &RecordName, kind: RecordKind) {
        let result = self.dns.remove(name, kind).await;
        assert!(result.is_ok(), "{kind:?} of {name} can't be removed: {}", result.expect_err("it failed"));
    }

    async fn holds(&self, set: &RecordSet, promise: &str) {
        let expected = StoredSet { ttl: set.ttl, contents: set.contents() };
        assert_eq!(self.probe.held(&set.name, set.kind()).await, Some(expected), "{promise} ({})", set.name);
    }
}

fn permanent(result: Result<(), DnsError>, promise: &str) {
    let error = result.expect_err(promise);
    assert!(!error.transient, "{promise} for good, but {error} is transient");
}

fn addresses(host: &Hostname, ttl: u32, list: &[&str]) -> RecordSet {
    let list = list.iter().map(|ip| ip.parse().expect("an address")).collect();
    RecordSet { name: RecordName::host(host), ttl, values: RecordValues::Addresses(list) }
}

fn texts(name: RecordName, values: &[&str]) -> RecordSet {
    let values = values.iter().map(|&text| text.to_owned()).collect();
    RecordSet { name, ttl: 3600, values: RecordValues::Texts(values) }
}
