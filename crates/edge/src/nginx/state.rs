//! What our files on the disk stand for, kept in a file beside them, so that nothing has to read nginx's
//! configuration back. It is written and restored together with the other files; without it the next
//! table only takes longer.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use stoa_model::{
    certificate::CertName,
    host::Hostname,
    id::{CertificateId, SiteId},
    route::Target,
};

use super::disk::ConfigFile;

/// Where each name of a site leads.
pub(crate) type SiteRoutes = BTreeMap<Hostname, Target>;

/// The contents of [`FileName::State`](super::file_name::FileName::State).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Differs between any two configurations that nginx was told to load.
    pub(crate) stamp: String,
    /// The certificate of servers that name none.
    pub(crate) shared_certificate: Option<CertificateId>,
    /// The certificates that nginx has accepted, with the names that they are served for.
    pub(crate) certificates: BTreeMap<CertificateId, Vec<CertName>>,
    /// The rates that have a zone to be counted in.
    pub(crate) rates: BTreeSet<u32>,
    /// The sites that nginx serves.
    pub(crate) sites: BTreeMap<SiteId, SiteRoutes>,
}

impl State {
    /// Reads the file; a missing or damaged one is an empty state.
    pub(crate) fn parse(file: Option<&ConfigFile>) -> Self {
        let bytes = file.and_then(|file| file.file.as_deref()).unwrap_or_default();
        let mut state: Self = serde_json::from_slice(bytes).unwrap_or_default();
        // It is written into nginx's configuration again.
        if !state.stamp.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            state.stamp.clear();
        }
        state
    }

    /// The newest accepted certificate for a name: an exact one, or else the wildcard above it.
    pub(crate) fn certificate_for(&self, name: &CertName) -> Option<CertificateId> {
        let has = |wanted: &CertName| {
            let mut newest_first = self.certificates.iter().rev();
            newest_first.find(|(_, names)| names.contains(wanted)).map(|(id, _)| *id)
        };
        let above = || CertName::covering(&name.host).nth(1).filter(|_| !name.wildcard);
        has(name).or_else(|| has(&above()?))
    }

    /// Adds a site as it was, with all that its file may need.
    pub(crate) fn keep_former_site(&mut self, site: SiteId, former: &Self) {
        self.sites.extend(former.sites.get(&site).map(|routes| (site, routes.clone())));
        self.rates.extend(&former.rates);
        for (id, names) in &former.certificates {
            self.certificates.entry(*id).or_insert_with(|| names.clone());
        }
    }

    /// Whether all names that a site has here still lead where they did.
    pub(crate) fn still_holds(&self, site: SiteId, wanted: &Self) -> bool {
        self.sites.get(&site).is_some_and(|routes| {
            routes.iter().all(|(host, target)| wanted.sites.get(&site).and_then(|now| now.get(host)) == Some(target))
        })
    }
}

#[cfg(test)]
mod tests {
    use stoa_model::route::Notice;

    use super::*;

    fn id(number: u128) -> CertificateId {
        CertificateId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn host(name: &str) -> Hostname {
        Hostname::parse(name).expect("a hostname")
    }

    fn routes(routes: &[(&str, Target)]) -> State {
        let site = SiteId::from_uuid(uuid::Uuid::from_u128(7));
        let routes = routes.iter().map(|(name, target)| (host(name), target.clone())).collect();
        State { sites: BTreeMap::from([(site, routes)]), ..State::default() }
    }

    #[test]
    fn a_state_survives_its_file() {
        let mut state = routes(&[("a.example", Target::Upstream(([10, 0, 0, 1], 80).into()))]);
        state.certificates.insert(id(1), vec!["*.example.com".parse().expect("a name")]);
        (state.shared_certificate, state.stamp) = (Some(id(1)), "3-4".into());
        state.rates.insert(50);
        let bytes = serde_json::to_vec(&state).expect("JSON");
        let file = |length| ConfigFile { file: Some(bytes[..length].to_vec()), link: None };
        assert_eq!(State::parse(Some(&file(bytes.len()))), state);
        assert_eq!(State::parse(Some(&file(bytes.len() / 2))), State::default());
        assert_eq!(State::parse(None), State::default());
    }

    #[test]
    fn a_former_site_holds_while_its_names_lead_where_they_did() {
        let site = SiteId::from_uuid(uuid::Uuid::from_u128(7));
        let (stopped, suspended) = (Target::Notice(Notice::Stopped), Target::Notice(Notice::Suspended));
        let former = routes(&[("a.example", stopped.clone()), ("b.example", stopped.clone())]);
        for (now, holds) in [
            (routes(&[("a.example", stopped.clone()), ("b.example", stopped.clone())]), true),
            (
                routes(&[
                    ("a.example", stopped.clone()),
                    ("b.example", stopped.clone()),
                    ("c.example", suspended.clone()),
                ]),
                true,
            ),
            (routes(&[("a.example", stopped.clone()), ("b.example", suspended)]), false),
            (routes(&[("a.example", stopped)]), false),
            (State::default(), false),
        ] {
            assert_eq!(former.still_holds(site, &now), holds, "{now:?}");
        }
        assert!(!State::default().still_holds(site, &former), "a site that was not served has nothing to keep");
    }

    #[test]
    fn an_exact_certificate_comes_before_a_wildcard() {
        let mut state = State::default();
        for (number, name) in [(1, "a.example.com"), (2, "a.example.com"), (3, "*.example.com")] {
            state.certificates.insert(id(number), vec![name.parse().expect("a name")]);
        }
        for (name, expected) in [
            ("a.example.com", Some(2)),
            ("b.example.com", Some(3)),
            ("*.example.com", Some(3)),
            ("*.a.example.com", None),
            ("b.a.example.com", None),
        ] {
            assert_eq!(state.certificate_for(&name.parse().expect("a name")), expected.map(id), "{name}");
        }
    }
}
