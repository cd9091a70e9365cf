//! Where a site lies on Docker: a block of addresses, and which instance of which service has which.
//!
//! Every address is fixed before the first effect, so that containers can be created before their
//! network, the edge can be told before they run, and a reboot gives each its own again. A service
//! that starts first has a second address, for the instance that takes over.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::{Deserialize, Serialize};
use stoa_model::{
    compose,
    placement::Placement,
    stack::{ServiceName, Stack},
};
use stoa_provider::engine::{EngineError, PlacementRequest};

use crate::{NAME, names, subnet::Subnet};

/// [`Placement::data`] of this engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DockerPlacement {
    /// The site's network.
    pub(crate) subnet: Subnet,
    /// Per service, the address of instance 1 and, if it starts first, of instance 2.
    addresses: BTreeMap<ServiceName, Vec<Ipv4Addr>>,
}

fn refused(reason: impl Into<String>) -> EngineError {
    EngineError::Refused { doing: "placing a stack".into(), reason: reason.into() }
}

/// The first services get the first addresses in the blueprint's order; what `previous` chose stays.
pub(crate) fn place(request: &PlacementRequest<'_>) -> Result<Placement, EngineError> {
    let lease = request.lease.ok_or_else(|| refused("the site has no lease of a subnet"))?;
    let subnet = Subnet::of_lease(lease).ok_or_else(|| refused(format!("no subnet begins at {lease}")))?;
    let mut placement = match request.previous {
        Some(previous) => DockerPlacement::read(previous)?,
        None => DockerPlacement { subnet, addresses: BTreeMap::new() },
    };
    if placement.subnet != subnet {
        let reason = format!("its containers have addresses in {}, but its lease is {subnet}", placement.subnet);
        return Err(refused(reason));
    }
    for service in request.services {
        if !placement.addresses.contains_key(service) {
            let mut free = placement.free();
            let address = free.next().ok_or_else(|| refused(format!("{subnet} has no address left for {service}")))?;
            drop(free);
            placement.addresses.insert(service.clone(), vec![address]);
        }
    }
    for service in request.start_first {
        // From the end of the block, so that services added later still follow one another. Without
        // room the service is stopped before it is replaced.
        let Some(address) = placement.free().last() else { break };
        if let Some(own) = placement.addresses.get_mut(service).filter(|own| own.len() == 1) {
            own.push(address);
        }
    }
    placement.write()
}

impl DockerPlacement {
    pub(crate) fn read(placement: &Placement) -> Result<Self, EngineError> {
        if placement.engine != NAME {
            return Err(refused(format!("it was placed on the engine {}, not on {NAME}", placement.engine)));
        }
        serde_json::from_value(placement.data.clone())
            .map_err(|error| refused(format!("its placement can't be read: {error}")))
    }

    fn write(&self) -> Result<Placement, EngineError> {
        let data = serde_json::to_value(self).map_err(|error| refused(error.to_string()))?;
        Ok(Placement { engine: NAME.to_owned(), data })
    }

    /// The address of a service's instance.
    pub(crate) fn address(&self, service: &ServiceName, instance: u32) -> Option<Ipv4Addr> {
        self.addresses.get(service)?.get(instance.checked_sub(1)? as usize).copied()
    }

    /// Names and addresses for the Compose file.
    pub(crate) fn compose_network(&self, stack: &Stack) -> compose::Network {
        let first = |(service, own): (&ServiceName, &Vec<Ipv4Addr>)| Some((service.clone(), own.first()?.to_string()));
        compose::Network {
            name: names::network(&stack.project),
            subnet: self.subnet.to_string(),
            gateway: self.subnet.gateway().to_string(),
            addresses: self.addresses.iter().filter_map(first).collect(),
            volumes: stack.volumes.iter().map(|v| (v.clone(), names::volume(&stack.project, v))).collect(),
        }
    }

    fn free(&self) -> impl Iterator<Item = Ipv4Addr> {
        let used = |address: &Ipv4Addr| self.addresses.values().flatten().any(|used| used == address);
        (0..).map_while(|n| self.subnet.service_address(n)).filter(move |address| !used(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<ServiceName> {
        names.iter().map(|&name| ServiceName(name.into())).collect()
    }

    fn request<'a>(services: &'a [ServiceName], previous: Option<&'a Placement>) -> PlacementRequest<'a> {
        PlacementRequest { lease: Some(0x0ad5_0010), services, start_first: &services[..1], previous }
    }

    fn addresses(placement: &Placement) -> String {
        let read = DockerPlacement::read(placement).unwrap();
        let each = read.addresses.iter().map(|(service, own)| {
            format!("{service} {}", own.iter().map(|a| a.octets()[3].to_string()).collect::<Vec<_>>().join("+"))
        });
        format!("{}: {}", read.subnet, each.collect::<Vec<_>>().join(", "))
    }

    /// A site of an older release has no placement: it must get the addresses that its containers have.
    #[test]
    fn the_first_placement_counts_in_the_blueprints_order() {
        let placed = place(&request(&names(&["web", "db", "cache"]), None)).unwrap();
        assert_eq!(addresses(&placed), "10.213.0.16/28: cache 20, db 19, web 18+30");
        assert_eq!(
            placed.data,
            serde_json::json!({
                "subnet": "10.213.0.16/28",
                "addresses": {
                    "web": ["10.213.0.18", "10.213.0.30"], "db": ["10.213.0.19"], "cache": ["10.213.0.20"]
                }
            }),
            "a stored format: change it only so that this still reads"
        );
    }

    #[test]
    fn a_changed_blueprint_moves_nothing() {
        let first = place(&request(&names(&["web", "db", "cache"]), None)).unwrap();
        let changed = place(&request(&names(&["new", "cache", "web"]), Some(&first))).unwrap();
        assert_eq!(addresses(&changed), "10.213.0.16/28: cache 20, db 19, new 21+29, web 18+30");
    }

    #[test]
    fn a_block_has_room_for_thirteen_services() {
        let many: Vec<String> = (0..14).map(|n| format!("s{n:02}")).collect();
        let many = names(&many.iter().map(String::as_str).collect::<Vec<_>>());
        let full = place(&request(&many[..13], None)).unwrap();
        let read = DockerPlacement::read(&full).unwrap();
        assert_eq!(read.address(&many[12], 1), Some(Ipv4Addr::new(10, 213, 0, 30)));
        assert_eq!((read.address(&many[0], 1).is_some(), read.address(&many[0], 2)), (true, None));
        assert!(matches!(place(&request(&many, None)), Err(EngineError::Refused { reason, .. })
            if reason == "10.213.0.16/28 has no address left for s13"));
    }

    #[test]
    fn leases_and_placements_of_others_are_refused() {
        let services = names(&["web"]);
        let good = request(&services, None);
        for lease in [None, Some(7)] {
            assert!(place(&PlacementRequest { lease, ..good }).is_err(), "{lease:?}");
        }
        let placed = place(&good).unwrap();
        assert!(place(&PlacementRequest { lease: Some(0x0ad5_0020), previous: Some(&placed), ..good }).is_err());
        let foreign = Placement { engine: "kubernetes".into(), ..placed };
        assert!(place(&PlacementRequest { previous: Some(&foreign), ..good }).is_err());
    }
}
