//! CNAME records: the aliases between a name and its addresses.

use std::collections::HashMap;

use hickory_resolver::{
    TokioResolver,
    lookup::Lookup,
    proto::rr::{Name, RData, RecordType},
};
use stoa_model::host::Hostname;

use super::{
    ResolveError,
    query::{QueryFailure, query},
};

/// More aliases than this count as a loop; resolvers give up at 8 to 16.
const MAX_ALIASES: usize = 16;

/// The aliases that an answer contains.
pub(super) fn of_answer(lookup: &Lookup, host: &Hostname) -> Vec<Hostname> {
    let aliases = aliases(lookup);
    let mut via = Vec::new();
    let mut at = host.to_string();
    while let Some(target) = aliases.get(&at) {
        via.push(target.clone());
        at = target.clone();
        if via.len() > MAX_ALIASES {
            break;
        }
    }
    hosts(&via)
}

/// Queries alias by alias: for names without addresses, and for loops, in which every other query fails.
pub(super) async fn follow(resolver: &TokioResolver, host: &Hostname) -> Result<Vec<Hostname>, ResolveError> {
    let mut path = vec![host.to_string()];
    while let Some(at) = path.last().cloned() {
        let unavailable =
            |QueryFailure { cause, reason }| ResolveError::Unavailable { name: host.to_string(), reason, cause };
        let answer = query(resolver, &at, RecordType::CNAME).await.map_err(unavailable)?;
        let Some(target) = answer.and_then(|lookup| aliases(&lookup).remove(&at)) else { break };
        let is_loop = path.contains(&target) || path.len() > MAX_ALIASES;
        path.push(target);
        if is_loop {
            return Err(ResolveError::Loop { name: host.to_string(), via: hosts(&path) });
        }
    }
    Ok(hosts(&path[1..]))
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
