//! Tests of what the engines rely on: the names of a site's things.

use uuid::Uuid;

use crate::{
    id::SiteId,
    stack::{EnvValue, ProjectName, ServiceName},
};

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
