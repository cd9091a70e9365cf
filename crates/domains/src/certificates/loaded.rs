//! Certificates that are held ready, found by their names.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use stoa_model::{
    certificate::{CertName, Certificate},
    host::Hostname,
    id::SiteId,
};

use super::spec::CertificateSpec;

/// One that ends so soon is served no more where a longer lasting one can take its place: no edge looks
/// at dates, and what it has it serves until it is given something else.
const LAST: SignedDuration = SignedDuration::from_hours(1);

/// One certificate, and what is known of it beside what the edge needs.
#[derive(Debug, Clone)]
pub(crate) struct LoadedCertificate {
    /// What the edge serves.
    pub ready: Arc<Certificate>,
    /// The site that it was uploaded for; nothing if the platform had it issued.
    pub site: Option<SiteId>,
    pub issuer: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub created_at: Timestamp,
    pub renew_at: Timestamp,
}

/// All certificates that hold, at one moment. Nothing here looks through all of them to find one:
/// there may be ten thousand, and each tick asks for each.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    /// Oldest first.
    all: Vec<Arc<LoadedCertificate>>,
    /// What the edge serves, in its order.
    ready: Arc<Vec<Arc<Certificate>>>,
    /// Places in `all`, by each name of theirs; oldest first.
    by_name: HashMap<CertName, Vec<usize>>,
}

impl Certificates {
    /// Of these, oldest first; at this moment.
    pub fn new(all: Vec<Arc<LoadedCertificate>>, now: Timestamp) -> Self {
        let mut by_name: HashMap<CertName, Vec<usize>> = HashMap::with_capacity(all.len());
        for (place, held) in all.iter().enumerate() {
            for name in &held.ready.names {
                by_name.entry(name.clone()).or_default().push(place);
            }
        }
        let these = Self { all, ready: Arc::default(), by_name };
        let is_served =
            |held: &&Arc<LoadedCertificate>| held.not_after.duration_since(now) > LAST || !these.is_outlasted(held);
        let (issued, uploaded): (Vec<_>, Vec<_>) = these.iter().filter(is_served).partition(|held| held.site.is_none());
        let ready = issued.into_iter().chain(uploaded).map(|held| Arc::clone(&held.ready)).collect();
        Self { ready: Arc::new(ready), ..these }
    }

    /// Whether longer lasting ones cover all its names.
    fn is_outlasted(&self, held: &LoadedCertificate) -> bool {
        let lasts = |other: &Arc<LoadedCertificate>| other.not_after > held.not_after;
        held.ready.names.iter().all(|name| standing_for(name).any(|name| self.named(&name).any(lasts)))
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<LoadedCertificate>> {
        self.all.iter()
    }

    /// What the edge serves, in its order: a later one wins, so the uploaded ones come last.
    pub fn ready(&self) -> Arc<Vec<Arc<Certificate>>> {
        Arc::clone(&self.ready)
    }

    /// Those that bear this very name, newest first.
    fn named(&self, name: &CertName) -> impl Iterator<Item = &Arc<LoadedCertificate>> {
        self.by_name.get(name).into_iter().flatten().rev().filter_map(|place| self.all.get(*place))
    }

    /// Those that are what is wanted, newest first.
    pub fn matching<'a>(&'a self, wanted: &'a CertificateSpec) -> impl Iterator<Item = &'a Arc<LoadedCertificate>> {
        self.named(&wanted.subject).filter(|held| wanted.is(held))
    }

    /// Whether one of them need not be renewed yet.
    pub fn has_lasting(&self, wanted: &CertificateSpec, now: Timestamp) -> bool {
        self.matching(wanted).any(|held| held.renew_at > now)
    }

    /// The issued ones that are of no use beside one for these names. Looks through all, which is done
    /// once for each that is issued.
    pub fn replaced_by<'a>(&'a self, names: &'a [CertName]) -> impl Iterator<Item = &'a Arc<LoadedCertificate>> {
        let covered = move |name: &CertName| standing_for(name).any(|name| names.contains(&name));
        self.iter().filter(move |held| held.site.is_none() && held.ready.names.iter().all(covered))
    }

    /// The newest one that covers this name and still holds; an uploaded one wins over an issued one.
    pub fn find(&self, name: &Hostname, now: Timestamp) -> Option<Arc<LoadedCertificate>> {
        let covering = CertName::covering(name).flat_map(|name| self.named(&name).collect::<Vec<_>>());
        let rank = |held: &&Arc<LoadedCertificate>| (held.site.is_some(), held.created_at, held.ready.id);
        covering.filter(|held| held.not_after > now).max_by_key(rank).cloned()
    }

    /// Whether one of them covers this name.
    pub fn covers(&self, name: &Hostname) -> bool {
        CertName::covering(name).any(|name| self.by_name.contains_key(&name))
    }
}

/// The names that are as good in a certificate as this one: a host's own and the wildcard above it.
fn standing_for(name: &CertName) -> impl Iterator<Item = CertName> {
    let above = CertName::covering(&name.host).filter(move |above| !name.wildcard && above != name);
    std::iter::once(name.clone()).chain(above)
}

#[cfg(test)]
mod tests {
    use stoa_model::id::CertificateId;

    use super::*;

    fn held(number: i64, names: &[&str], site: Option<SiteId>) -> Arc<LoadedCertificate> {
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
        let shelf = Certificates::new(
            vec![held(0, &["*.example.com", "example.com", "shop.test"], None)],
            Timestamp::UNIX_EPOCH,
        );
        for (name, expected) in
            [("a.example.com", true), ("example.com", true), ("a.b.example.com", false), ("www.shop.test", false)]
        {
            assert_eq!(shelf.covers(&host(name)), expected, "{name}");
        }
    }

    #[test]
    fn an_uploaded_one_wins_then_the_newest_that_holds() {
        let site = SiteId::from_uuid(stoa_core::random::uuid_at(Timestamp::UNIX_EPOCH));
        let all = [
            held(0, &["*.example.com"], None),
            held(1, &["a.example.com"], Some(site)),
            held(2, &["a.example.com"], None),
            held(3, &["*.example.com"], None),
        ];
        let shelf = Certificates::new(all.to_vec(), Timestamp::UNIX_EPOCH);
        let found = |name: &str, hour: i64| {
            let found = shelf.find(&host(name), Timestamp::from_second(hour * 3600 - 1).unwrap());
            found.and_then(|held| all.iter().position(|one| one.ready.id == held.ready.id))
        };
        assert_eq!(found("a.example.com", 5), Some(1));
        assert_eq!(found("a.example.com", 12), Some(3), "the uploaded one has run out");
        assert_eq!(found("b.example.com", 5), Some(3));
        assert_eq!(found("b.example.com", 14), None);
        assert_eq!(found("example.com", 5), None);
    }

    #[test]
    fn one_that_ends_is_served_only_where_nothing_takes_its_place() {
        let site = SiteId::from_uuid(stoa_core::random::uuid_at(Timestamp::UNIX_EPOCH));
        let all = [
            held(0, &["a.example.com", "b.example.com"], Some(site)),
            held(1, &["a.example.com"], None),
            held(2, &["*.example.com", "example.com"], None),
        ];
        let served = |all: &[Arc<LoadedCertificate>], minute: i64| {
            let ready = Certificates::new(all.to_vec(), Timestamp::from_second(minute * 60).unwrap()).ready();
            let place = |one: &Arc<Certificate>| all.iter().position(|held| held.ready.id == one.id).unwrap();
            ready.iter().map(place).collect::<Vec<_>>()
        };
        assert_eq!(served(&all, 9 * 60 - 1), [1, 2, 0]);
        assert_eq!(served(&all, 9 * 60), [1, 2], "it has an hour left");
        assert_eq!(served(&all, 10 * 60), [2]);
        assert_eq!(served(&all, 12 * 60), [2], "a bad one is better than none");
        assert_eq!(served(&all[..2], 9 * 60), [1, 0], "nothing else is there for one of its names");
        assert_eq!(served(&[held(0, &["*.example.com"], None), held(1, &["a.example.com"], None)], 9 * 60), [0, 1]);
    }

    #[test]
    fn a_wildcard_replaces_single_ones_and_none_of_them_replaces_it() {
        let site = SiteId::from_uuid(stoa_core::random::uuid_at(Timestamp::UNIX_EPOCH));
        let all = [
            held(0, &["a.example.com"], None),
            held(1, &["*.example.com", "example.com"], None),
            held(2, &["a.example.com", "shop.test"], None),
            held(3, &["b.example.com"], Some(site)),
        ];
        let shelf = Certificates::new(all.to_vec(), Timestamp::UNIX_EPOCH);
        let replaced = |names: &[&str]| {
            let names: Vec<CertName> = names.iter().map(|name| name.parse().unwrap()).collect();
            let place = |one: &Arc<LoadedCertificate>| all.iter().position(|held| Arc::ptr_eq(held, one)).unwrap();
            shelf.replaced_by(&names).map(place).collect::<Vec<_>>()
        };
        assert_eq!(replaced(&["*.example.com", "example.com"]), [0, 1]);
        assert_eq!(replaced(&["example.com"]), [] as [usize; 0], "the sites below it still need the wildcard");
        assert_eq!(replaced(&["a.example.com"]), [0]);
    }
}
