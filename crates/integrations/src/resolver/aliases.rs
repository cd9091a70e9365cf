//! Aliases: which way a name goes before it has addresses.

use std::collections::HashMap;

use hickory_resolver::{
    TokioResolver,
    lookup::Lookup,
    proto::rr::{Name, RData, RecordType},
};
use stoa_model::host::Hostname;

use super::{ResolveError, query::ask};

/// Longer ways than this are taken for a circle; resolvers give up at 8 to 16.
const LONGEST: usize = 16;

/// The way that an answer shows.
pub(super) fn within(lookup: &Lookup, host: &Hostname) -> Vec<Hostname> {
    let aliases = aliases(lookup);
    let mut via = Vec::new();
    let mut at = host.to_string();
    while let Some(target) = aliases.get(&at) {
        via.push(target.clone());
        at = target.clone();
        if via.len() > LONGEST {
            break;
        }
    }
    hosts(&via)
}

/// The way, alias by alias: for names without addresses, and for circles, in which every other
/// question fails.
///
/// # Errors
/// A circle, or no answer.
pub(super) async fn follow(resolver: &TokioResolver, host: &Hostname) -> Result<Vec<Hostname>, ResolveError> {
    let mut way = vec![host.to_string()];
    while let Some(at) = way.last().cloned() {
        let unavailable = |reason| ResolveError::Unavailable { name: host.to_string(), reason };
        let answer = ask(resolver, &at, RecordType::CNAME).await.map_err(unavailable)?;
        let Some(target) = answer.and_then(|lookup| aliases(&lookup).remove(&at)) else { break };
        let again = way.contains(&target) || way.len() > LONGEST;
        way.push(target);
        if again {
            return Err(ResolveError::Loop { name: host.to_string(), via: hosts(&way) });
        }
    }
    Ok(hosts(&way[1..]))
}

fn aliases(lookup: &Lookup) -> HashMap<String, String> {
    let of = |record: &hickory_resolver::proto::rr::Record| match &record.data {
        RData::CNAME(target) => Some((text(&record.name), text(&target.0))),
        _ => None,
    };
    lookup.answers().iter().filter_map(of).collect()
}

fn text(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

fn hosts(names: &[String]) -> Vec<Hostname> {
    names.iter().filter_map(|name| Hostname::parse(name).ok()).collect()
}
