//! Providers of DNS records.

mod acme;
mod bind;
mod cloudflare;
mod desec;
mod digitalocean;
mod fake;
mod hetzner;
mod powerdns;
mod rfc2136;
mod services;

use stoa_provider::dns::{RecordSet, conformance::StoredSet};

/// An address whose records the double of Cloudflare shows as proxied.
const PROXIED: &str = "192.0.2.250";

/// What a name server answered, for the suite.
fn held(found: Vec<(u32, String)>) -> Option<StoredSet> {
    let ttl = found.first()?.0;
    let mut contents = found.into_iter().map(|(_, data)| data.trim_matches('"').to_owned()).collect::<Vec<_>>();
    contents.sort_unstable();
    Some(StoredSet { ttl, contents })
}

/// How `knsupdate` makes these records.
fn plant(set: &RecordSet) -> Vec<String> {
    let (name, kind) = (&set.name, set.kind().as_str());
    let add = |content| match kind {
        "TXT" => format!("add {name}. {} TXT \"{content}\"", set.ttl),
        _ => format!("add {name}. {} {kind} {content}", set.ttl),
    };
    let lines = set.contents().into_iter().map(add);
    std::iter::once(format!("del {name}. {kind}")).chain(lines).collect()
}
