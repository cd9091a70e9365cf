//! Certificates in memory, indexed by name.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use stoa_model::{
    certificate::{CertName, Certificate},
    host::Hostname,
    id::SiteId,
};

use super::spec::CertificateSpec;

/// A certificate that expires this soon is no longer served if another one can replace it: edges don't check dates,
/// and serve what they have until it is replaced.
const REPLACE_BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(1);

/// A certificate with its metadata.
#[derive(Debug, Clone)]
pub(crate) struct LoadedCertificate {
    /// What the edge serves.
    pub ready: Arc<Certificate>,
    /// The site that it was uploaded for; `None` if the platform had it issued.
    pub site: Option<SiteId>,
    pub issuer: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub created_at: Timestamp,
    pub renew_at: Timestamp,
}

/// All valid certificates. Lookups use the index by name, not a scan: there may be ten thousand certificates, and
/// each tick looks up each of them.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    /// Oldest first.
    all: Vec<Arc<LoadedCertificate>>,
    /// What the edge serves, in its order of precedence.
    ready: Arc<Vec<Arc<Certificate>>>,
    /// Indexes in `all` by name; oldest first.
    by_name: HashMap<CertName, Vec<usize>>,
}

impl Certificates {
    /// Indexes these certificates, which must be sorted oldest first.
    pub fn new(all: Vec<Arc<LoadedCertificate>>, now: Timestamp) -> Self {
        let mut by_name: HashMap<CertName, Vec<usize>> = HashMap::with_capacity(all.len());
        for (place, loaded) in all.iter().enumerate() {
            for name in &loaded.ready.names {
                by_name.entry(name.clone()).or_default().push(place);
            }
        }
        let these = Self { all, ready: Arc::default(), by_name };
        let is_served = |loaded: &&Arc<LoadedCertificate>| {
            loaded.not_after.duration_since(now) > REPLACE_BEFORE_EXPIRY || !these.is_outlasted(loaded)
        };
        let (issued, uploaded): (Vec<_>, Vec<_>) =
            these.iter().filter(is_served).partition(|loaded| loaded.site.is_none());
        let ready = issued.into_iter().chain(uploaded).map(|loaded| Arc::clone(&loaded.ready)).collect();
        Self { ready: Arc::new(ready), ..these }
    }

    /// Whether certificates that expire later cover all its names.
    fn is_outlasted(&self, loaded: &LoadedCertificate) -> bool {
        let expires_later = |other: &Arc<LoadedCertificate>| other.not_after > loaded.not_after;
        loaded.ready.names.iter().all(|name| covering_names(name).any(|name| self.named(&name).any(expires_later)))
    }

    /// All certificates, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<LoadedCertificate>> {
        self.all.iter()
    }

    /// What the edge serves. Later certificates take precedence, so uploaded ones come last.
    pub fn ready(&self) -> Arc<Vec<Arc<Certificate>>> {
        Arc::clone(&self.ready)
    }

    /// Certificates with exactly this name, newest first.
    fn named(&self, name: &CertName) -> impl Iterator<Item = &Arc<LoadedCertificate>> {
        self.by_name.get(name).into_iter().flatten().rev().filter_map(|place| self.all.get(*place))
    }

    /// Certificates that satisfy this spec, newest first.
    pub fn matching<'a>(&'a self, wanted: &'a CertificateSpec) -> impl Iterator<Item = &'a Arc<LoadedCertificate>> {
        self.named(&wanted.subject).filter(|loaded| wanted.is_satisfied_by(loaded))
    }

    /// Whether a certificate for this spec exists that is not due for renewal.
    pub fn has_current(&self, wanted: &CertificateSpec, now: Timestamp) -> bool {
        self.matching(wanted).any(|loaded| loaded.renew_at > now)
    }

    /// The issued certificates that become redundant with one for these names. Scans all certificates; called once
    /// per issuance.
    pub fn replaced_by<'a>(&'a self, names: &'a [CertName]) -> impl Iterator<Item = &'a Arc<LoadedCertificate>> {
        let covered = move |name: &CertName| covering_names(name).any(|name| names.contains(&name));
        self.iter().filter(move |loaded| loaded.site.is_none() && loaded.ready.names.iter().all(covered))
    }

    /// The newest valid certificate that covers this name; uploaded ones take precedence over issued ones.
    pub fn find(&self, name: &Hostname, now: Timestamp) -> Option<Arc<LoadedCertificate>> {
        let covering = CertName::covering(name).flat_map(|name| self.named(&name).collect::<Vec<_>>());
        let rank = |loaded: &&Arc<LoadedCertificate>| (loaded.site.is_some(), loaded.created_at, loaded.ready.id);
        covering.filter(|loaded| loaded.not_after > now).max_by_key(rank).cloned()
    }

    /// Whether a certificate covers this name.
    pub fn covers(&self, name: &Hostname) -> bool {
        CertName::covering(name).any(|name| self.by_name.contains_key(&name))
    }
}

/// The names in a certificate that cover this one: the name itself, and for a host the wildcard above it.
fn covering_names(name: &CertName) -> impl Iterator<Item = CertName> {
    let above = CertName::covering(&name.host).filter(move |above| !name.wildcard && above != name);
    std::iter::once(name.clone()).chain(above)
}

#[cfg(test)]
mod tests {
    use stoa_model::id::CertificateId;

    use super::*;

    fn loaded(number: i64, names: &[&str], site: Option<SiteId>) -> Arc<LoadedCertificate> {
        let at = |hours: i64| Timestamp::from_second(hours * 3600).unwrap();
        let ready = Certificate {
            id: CertificateId::from_uuid(stoa_core::random::uuid_at(at(number))),
            names: names.iter().map(|name| name.parse().unwrap()).collect(),
            chain: String::new(),
            key: String::new().into(),
        };
        let (not_before, not_after) = (at(number), at(number + 10));
        Arc::new(LoadedCertificate {
            ready: Arc::new(ready),
            site,
            issuer: String::new(),
            not_before,
            not_after,
            created_at: not_before,
            renew_at: not_after,
        })
    }

    fn host(name: &str) -> Hostname {
        Hostname::parse(name).unwrap()
    }

    #[test]
    fn covered_names() {
        let cached = Certificates::new(
            vec![loaded(0, &["*.example.com", "example.com", "shop.test"], None)],
            Timestamp::UNIX_EPOCH,
        );
        for (name, expected) in
            [("a.example.com", true), ("example.com", true), ("a.b.example.com", false), ("www.shop.test", false)]
        {
            assert_eq!(cached.covers(&host(name)), expected, "{name}");
        }
    }

    #[test]
    fn an_uploaded_certificate_wins_then_the_newest_valid_one() {
        let site = SiteId::from_uuid(stoa_core::random::uuid_at(Timestamp::UNIX_EPOCH));
        let all = [
            loaded(0, &["*.example.com"], None),
            loaded(1, &["a.example.com"], Some(site)),
            loaded(2, &["a.example.com"], None),
            loaded(3, &["*.example.com"], None),
        ];
        let cached = Certificates::new(all.to_vec(), Timestamp::UNIX_EPOCH);
        let found = |name: &str, hour: i64| {
            let found = cached.find(&host(name), Timestamp::from_second(hour * 3600 - 1).unwrap());
            found.and_then(|loaded| all.iter().position(|one| one.ready.id == loaded.ready.id))
        };
        assert_eq!(found("a.example.com", 5), Some(1));
        assert_eq!(found("a.example.com", 12), Some(3), "the uploaded one has expired");
        assert_eq!(found("b.example.com", 5), Some(3));
        assert_eq!(found("b.example.com", 14), None);
        assert_eq!(found("example.com", 5), None);
    }

    #[test]
    fn an_expiring_certificate_is_served_only_without_a_replacement() {
        let site = SiteId::from_uuid(stoa_core::random::uuid_at(Timestamp::UNIX_EPOCH));
        let all = [
            loaded(0, &["a.example.com", "b.example.com"], Some(site)),
            loaded(1, &["a.example.com"], None),
            loaded(2, &["*.example.com", "example.com"], None),
        ];
        let served = |all: &[Arc<LoadedCertificate>], minute: i64| {
            let ready = Certificates::new(all.to_vec(), Timestamp::from_second(minute * 60).unwrap()).ready();
            let place = |one: &Arc<Certificate>| all.iter().position(|loaded| loaded.ready.id == one.id).unwrap();
            ready.iter().map(place).collect::<Vec<_>>()
        };
        assert_eq!(served(&all, 9 * 60 - 1), [1, 2, 0]);
        assert_eq!(served(&all, 9 * 60), [1, 2], "it has an hour left");
        assert_eq!(served(&all, 10 * 60), [2]);
        assert_eq!(served(&all, 12 * 60), [2], "an expired one is better than none");
        assert_eq!(served(&all[..2], 9 * 60), [1, 0], "nothing else covers one of its names");
        assert_eq!(served(&[loaded(0, &["*.example.com"], None), loaded(1, &["a.example.com"], None)], 9 * 60), [0, 1]);
    }

    #[test]
    fn a_wildcard_replaces_single_ones_and_none_of_them_replaces_it() {
        let site = SiteId::from_uuid(stoa_core::random::uuid_at(Timestamp::UNIX_EPOCH));
        let all = [
            loaded(0, &["a.example.com"], None),
            loaded(1, &["*.example.com", "example.com"], None),
            loaded(2, &["a.example.com", "shop.test"], None),
            loaded(3, &["b.example.com"], Some(site)),
        ];
        let cached = Certificates::new(all.to_vec(), Timestamp::UNIX_EPOCH);
        let replaced = |names: &[&str]| {
            let names: Vec<CertName> = names.iter().map(|name| name.parse().unwrap()).collect();
            let place = |one: &Arc<LoadedCertificate>| all.iter().position(|loaded| Arc::ptr_eq(loaded, one)).unwrap();
            cached.replaced_by(&names).map(place).collect::<Vec<_>>()
        };
        assert_eq!(replaced(&["*.example.com", "example.com"]), [0, 1]);
        assert_eq!(replaced(&["example.com"]), [] as [usize; 0], "the sites below it still need the wildcard");
        assert_eq!(replaced(&["a.example.com"]), [0]);
    }
}
