//! What our files on the disk say: whom they serve, where to, and with which certificate. It is asked
//! when nginx has refused something, and what served before may have to go on.
//!
//! * Whose certificate is refused shows the one that he had. Nothing else of his waits for it: else a
//!   customer could keep his site as it is by a certificate that is never taken.
//! * Whose file is refused keeps the former one only while that says nothing that is wrong by now.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use stoa_model::{
    certificate::{CertName, Certificate},
    id::CertificateId,
};

use super::{
    attempt::{ConfigFiles, certificates_in},
    disk::{ConfigFile, Disk, Link},
    file_name::{self, FileName},
};
use crate::plan::CertificateIndex;

/// One `server` block.
#[derive(Debug, Default)]
struct Server<'a> {
    names: Vec<&'a str>,
    /// Whether it listens with TLS.
    tls: bool,
    /// Its own certificate; without one it shows the shared one.
    certificate: Option<CertificateId>,
    /// The lines that say where visitors are led.
    target: BTreeSet<String>,
}

/// The servers of a file, as `site` and `platform` write them.
fn servers(text: &str) -> Vec<Server<'_>> {
    let (mut all, mut upstreams) = (Vec::new(), BTreeMap::new());
    let (mut upstream, mut moved) = (None, false);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("upstream ") {
            upstream = name.strip_suffix(" {");
        } else if line == "server {" {
            (upstream, moved) = (None, false);
            all.push(Server::default());
        }
        let Some((word, rest)) = line.trim().strip_suffix(';').and_then(|line| line.split_once(' ')) else { continue };
        if let (Some(upstream), "server") = (upstream, word) {
            upstreams.insert(upstream, rest);
        }
        let Some(server) = all.last_mut().filter(|_| upstream.is_none()) else { continue };
        match (word, rest) {
            ("server_name", names) => server.names = names.split(' ').collect(),
            ("listen", address) => server.tls |= address.contains(" ssl"),
            ("ssl_certificate", path) => server.certificate = file_name::certificate(path.trim_matches('"').as_ref()),
            ("set", "$stoa_moved 1") => moved = true,
            // Whether over HTTPS or without follows from the certificates.
            ("set", to) if moved && to.starts_with("$stoa_to ") => {
                server.target.extend(to.split_once("://").map(|(_, to)| format!("moved {to}")));
            }
            ("proxy_pass", to) => {
                let to = to.trim_start_matches("http://");
                server.target.insert(format!("proxy_pass {}", upstreams.get(to).unwrap_or(&to)));
            }
            ("error_page" | "return", _) => drop(server.target.insert(format!("{word} {rest}"))),
            _ => {}
        }
    }
    all
}

fn text(slot: &ConfigFile) -> &str {
    slot.file.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// What takes the place of a refused file: the former one, if all of its names are still this site's
/// and lead where they did; otherwise nothing that nginx reads. The platform's own names stay.
pub(crate) fn stand_in(name: FileName, former: Option<&ConfigFile>, refused: &ConfigFile) -> ConfigFile {
    let former = former.cloned().unwrap_or_default();
    let whole = servers(text(refused));
    let now: BTreeMap<_, _> =
        whole.iter().flat_map(|server| server.names.iter().map(|name| (*name, &server.target))).collect();
    let holds = |server: &Server<'_>| server.names.iter().all(|name| now.get(name) == Some(&&server.target));
    if !matches!(name, FileName::Site(_)) || servers(text(&former)).iter().all(holds) {
        former
    } else {
        ConfigFile { link: None, ..former }
    }
}

/// The table's certificates without the refused ones, and before them those that were shown until now
/// by names which have none left.
pub(crate) fn certificates(
    table: &[Arc<Certificate>],
    refused: &BTreeSet<CertificateId>,
    present: &ConfigFiles,
    disk: &Disk,
) -> Vec<Arc<Certificate>> {
    let (bad, mut good): (Vec<_>, Vec<_>) = table.iter().cloned().partition(|one| refused.contains(&one.id));
    let mut shown: BTreeMap<CertificateId, Vec<CertName>> = BTreeMap::new();
    let (without, with) = (CertificateIndex::new(&good), CertificateIndex::new(&bad));
    for (name, id) in shown_now(present).into_iter().filter(|(_, id)| !refused.contains(id)) {
        if with.has(&name) && !without.has(&name) {
            shown.entry(id).or_default().push(name);
        }
    }
    let former = shown.into_iter().filter_map(|(id, names)| Some(Arc::new(disk.certificate(id, names)?)));
    good.splice(..0, former.collect::<Vec<_>>());
    good
}

/// The names in files that nginx reads, with what they show.
fn shown_now(present: &ConfigFiles) -> Vec<(CertName, CertificateId)> {
    let shared = present.get(&FileName::Unknown).and_then(|slot| certificates_in(slot).next());
    let enabled = present.iter().filter(|(name, slot)| name.may_be_refused() && slot.link == Some(Link::Ours));
    let servers = enabled.flat_map(|(_, slot)| servers(text(slot))).filter(|server| server.tls);
    let pairs = servers.flat_map(|server| {
        let id = server.certificate.or(shared);
        server.names.into_iter().filter_map(move |name| Some((cert_name(name)?, id?)))
    });
    pairs.collect()
}

/// A `server_name` as the name in a certificate.
fn cert_name(name: &str) -> Option<CertName> {
    let below = name.strip_prefix("~^[^.]+[.]").and_then(|name| name.strip_suffix('$'));
    below.map_or_else(|| name.parse().ok(), |parent| format!("*.{}", parent.replace("[.]", ".")).parse().ok())
}

#[cfg(test)]
mod tests {
    use stoa_model::{host::Hostname, id::SiteId};

    use super::*;
    use crate::nginx::conf::Argument;

    const FORMER: &str = "upstream x_stoa_0 {\n    server 10.0.0.1:80;\n}\nserver {\n    server_name a.example b.example;\n    \
        set $stoa_moved \"\";\n    set $stoa_to https://$host;\n    location / {\n        proxy_pass http://x_stoa_0;\n    }\n}\n\
        server {\n    server_name c.example;\n    set $stoa_moved 1;\n    set $stoa_to http://a.example;\n}\n";

    fn slot(text: &str) -> ConfigFile {
        ConfigFile::wanted(FileName::Limits, text.into())
    }

    #[test]
    fn a_former_file_stays_while_it_is_true() {
        let site = FileName::Site(SiteId::from_uuid(uuid::Uuid::from_u128(7)));
        let former = slot(FORMER);
        for (from, to, stays) in [
            ("a.example b", "a.example new.example b", true),
            ("_stoa_0", "_stoa_1", true),
            ("http://a.example", "https://a.example", true),
            ("https://$host", "\"\"", true),
            ("a.example b.example", "a.example", false),
            ("10.0.0.1", "10.0.0.2", false),
            ("http://a.example", "http://b.example", false),
            ("moved 1", "moved \"\"", false),
            ("proxy_pass http://x_stoa_0", "return 503", false),
        ] {
            let refused = slot(&FORMER.replace(from, to));
            assert_eq!(stand_in(site, Some(&former), &refused).link.is_some(), stays, "{from} is now {to}");
            assert_eq!(stand_in(FileName::Portal, Some(&former), &refused), former);
        }
        assert!(stand_in(site, None, &former).is_empty());
    }

    #[test]
    fn names_of_servers_are_names_of_certificates() {
        let host = Hostname::parse("a.example.com").expect("a name");
        for (text, expected) in [(host.to_string(), "a.example.com"), (below(&host), "*.a.example.com")] {
            assert_eq!(cert_name(&text).map(|name| name.to_string()).as_deref(), Some(expected));
        }
        assert_eq!(cert_name("_").or_else(|| cert_name("~^")), None);
    }

    fn below(host: &Hostname) -> String {
        let mut conf = crate::nginx::conf::Conf::default();
        conf.line("server_name", &[Argument::below(host)]);
        conf.finish().trim_start_matches("server_name ").trim_end_matches(";\n").to_owned()
    }
}
