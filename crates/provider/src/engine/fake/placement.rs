//! Where the fake's stacks lie: addresses from a pool of its own, so that tests can ask who answers
//! at one.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::{Deserialize, Serialize};
use stoa_model::{
    placement::{LeasePool, Placement},
    stack::ServiceName,
};

use crate::engine::{EngineError, PlacementRequest};

/// 10.213.0.0/16 in blocks of 16 addresses.
pub(super) fn default_pool() -> LeasePool {
    LeasePool { name: "fake".into(), first: 0x0ad5_0000, step: 16, count: 4096, taken: Vec::new() }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FakePlacement {
    pub(super) lease: i64,
    addresses: BTreeMap<ServiceName, Vec<Ipv4Addr>>,
}

impl FakePlacement {
    pub(super) fn address(&self, service: &ServiceName, instance: u32) -> Option<Ipv4Addr> {
        self.addresses.get(service)?.get(instance.checked_sub(1)? as usize).copied()
    }
}

fn refused(reason: impl Into<String>) -> EngineError {
    EngineError::Refused { doing: "placing a stack".into(), reason: reason.into() }
}

pub(super) fn read(placement: &Placement) -> Result<FakePlacement, EngineError> {
    serde_json::from_value(placement.data.clone()).map_err(|error| refused(error.to_string()))
}

pub(super) fn place(engine: &str, pool: &LeasePool, request: &PlacementRequest<'_>) -> Result<Placement, EngineError> {
    let lease = request.lease.ok_or_else(|| refused("the site has no lease"))?;
    if !(pool.first..pool.end()).contains(&lease) || (lease - pool.first) % pool.step != 0 {
        return Err(refused(format!("{lease} is not a lease of the pool {}", pool.name)));
    }
    let mut addresses = match request.previous {
        Some(previous) => read(previous)?.addresses,
        None => BTreeMap::new(),
    };
    let block: Vec<Ipv4Addr> = (lease + 2..lease + 15).filter_map(|n| u32::try_from(n).ok()).map(Into::into).collect();
    let full = || refused("the lease has no address left");
    let used = |addresses: &BTreeMap<ServiceName, Vec<Ipv4Addr>>, address: &Ipv4Addr| {
        addresses.values().flatten().any(|used| used == address)
    };
    for service in request.services {
        if !addresses.contains_key(service) {
            let free = *block.iter().find(|address| !used(&addresses, address)).ok_or_else(full)?;
            addresses.insert(service.clone(), vec![free]);
        }
    }
    for service in request.start_first {
        if addresses.get(service).is_some_and(|own| own.len() == 1) {
            let free = *block.iter().rev().find(|address| !used(&addresses, address)).ok_or_else(full)?;
            addresses.entry(service.clone()).or_default().push(free);
        }
    }
    let data = serde_json::to_value(FakePlacement { lease, addresses }).map_err(|error| refused(error.to_string()))?;
    Ok(Placement { engine: engine.to_owned(), data })
}
