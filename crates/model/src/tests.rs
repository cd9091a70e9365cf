//! Tests of what the engines rely on: networks, and the names of a site's things.

use std::net::Ipv4Addr;

use uuid::Uuid;

use crate::{
    id::SiteId,
    net::Subnet,
    stack::{EnvValue, ProjectName, ServiceName},
};

fn net(text: &str) -> Subnet {
    text.parse().expect("a good network")
}

#[test]
fn only_pools_hold_blocks() {
    assert_eq!((net("10.0.0.0/28").blocks(), net("10.0.0.0/27").blocks()), (1, 2));
    assert_eq!(net("10.0.0.16/28").block(0), Some(net("10.0.0.16/28")));
    assert_eq!(net("10.0.0.0/27").block(1), Some(net("10.0.0.16/28")));
    assert_eq!((net("10.0.0.0/29").block(0), net("10.0.0.0/27").block(2)), (None, None));
}

#[test]
fn the_last_address_is_the_broadcast_address() {
    assert_eq!(net("10.0.0.0/30").service_address(0), Some(Ipv4Addr::new(10, 0, 0, 2)));
    assert_eq!(net("10.0.0.0/30").service_address(1), None);
    assert_eq!(net("10.0.0.0/28").service_address(usize::MAX), None);
}

#[test]
fn networks_overlap_in_both_directions() {
    let (wide, narrow) = (net("10.0.0.0/8"), net("10.213.0.0/28"));
    assert!(narrow.overlaps(&wide) && wide.overlaps(&wide));
    assert!(!net("11.0.0.0/8").overlaps(&narrow) && !narrow.overlaps(&net("11.0.0.0/8")));
    assert!(!net("10.0.0.0/30").overlaps(&net("10.0.0.4/30")));
}

#[test]
fn prefixes_have_bounds_and_networks_are_stored_as_text() {
    for text in ["10.0.0.0/7", "10.0.0.0/31", "10.0.0.8/28", "10.0.0.0/-8"] {
        assert!(text.parse::<Subnet>().is_err(), "{text} was accepted");
    }
    for text in ["10.0.0.0/8", "10.0.0.8/29", "10.0.0.252/30"] {
        assert_eq!(net(text).to_string(), text);
    }
    assert_eq!(serde_json::to_string(&net("10.0.0.0/8")).expect("a text"), "\"10.0.0.0/8\"");
    assert_eq!(serde_json::from_str::<Subnet>("\"10.0.0.0/8\"").expect("a network"), net("10.0.0.0/8"));
    assert!(serde_json::from_str::<Subnet>("\"10.0.0.1/8\"").is_err());
}

#[test]
fn a_project_is_named_after_its_address_and_its_site() {
    let site = SiteId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0123_4567_89ab));
    let project = ProjectName::of(site, "janes-shop2");
    assert_eq!(
        (project.as_str(), project.to_string().as_str()),
        ("stoa-janes-shop2-23456789ab", "stoa-janes-shop2-23456789ab")
    );
    assert_eq!(ProjectName::from_stored(project.to_string()), project);
    assert_eq!(ProjectName::of(site, "A_b.c/d").as_str(), "stoa-bcd-23456789ab");
    assert_eq!(ProjectName::of(site, &"x".repeat(50)).as_str(), format!("stoa-{}-23456789ab", "x".repeat(40)));
}

#[test]
fn names_print_and_values_do_not() {
    assert_eq!(ServiceName("web".into()).to_string(), "web");
    let printed = format!("{:?}", EnvValue("hunter2".into()));
    assert!(!printed.is_empty() && !printed.contains("hunter2"), "{printed}");
}
