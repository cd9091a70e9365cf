use stoa_model::{
    image::ImageId,
    limits::{Bytes, MilliCpu},
    stack::{EnvValue, Stack},
};
use stoa_provider::engine::RunState;

use super::*;
use crate::{
    fixture::{in_state, placement, running, running_of_old_release, stack, web},
    labels,
};

fn service(name: &str) -> Service {
    Service { name: ServiceName(name.into()), ..web() }
}

fn front() -> Service {
    Service { replace: ReplaceStrategy::StartFirst, mounts: Vec::new(), ..service("front") }
}

fn id(digit: &str) -> ImageId {
    format!("sha256:{}", digit.repeat(64)).parse().unwrap()
}

fn painted(service: &Service) -> Service {
    let mut painted = service.clone();
    painted.environment.insert("COLOR".into(), EnvValue("blue".into()));
    painted
}

/// The plan as text, for a project whose network and volume are there.
fn text(stack: &Stack, revision: u32, containers: Vec<Inspected>) -> Vec<String> {
    let present = Present { has_network: true, volumes: vec![VolumeName("data".into())], containers };
    planned(stack, revision, &present).unwrap()
}

fn planned(stack: &Stack, revision: u32, present: &Present) -> Result<Vec<String>, EngineError> {
    let placement = placement(stack);
    let ops = plan(Target { stack, placement: &placement }, Revision(revision), present)?;
    Ok(ops.iter().map(ToString::to_string).collect())
}

/// Containers of `stack` as `make` makes them.
fn all_of(stack: &Stack, make: impl Fn(Target<'_>, &Service) -> Inspected) -> Vec<Inspected> {
    let placement = placement(stack);
    stack.services.iter().map(|service| make(Target { stack, placement: &placement }, service)).collect()
}

#[test]
fn a_first_deployment_creates_everything() {
    let stack = stack(vec![service("db"), web()]);
    let plan = planned(&stack, 1, &Present::default()).unwrap();
    assert_eq!(
        plan,
        [
            "create the network: not there",
            "create the volume data: not there",
            "create db: no instance",
            "create web: no instance",
        ]
    );
}

#[test]
fn what_is_up_to_date_is_left_alone() {
    let one = stack(vec![service("db"), web(), front()]);
    let there = all_of(&one, |target, service| running(target, service, 1, 1));
    let mut other = one.clone();
    other.services.reverse();
    other.services[0].depends_on = vec![stoa_model::stack::Dependency::started(ServiceName("db".into()))];
    other.services[1].replace = ReplaceStrategy::Recreate;
    assert_eq!(text(&other, 2, there), Vec::<String>::new());
}

#[test]
fn what_is_down_is_started() {
    let stack = stack(vec![service("db"), web()]);
    let mut there = all_of(&stack, |target, service| running(target, service, 1, 1)).into_iter();
    let there =
        vec![in_state(there.next().unwrap(), RunState::Paused), in_state(there.next().unwrap(), RunState::Exited)];
    assert_eq!(text(&stack, 1, there), ["resume db: it is paused", "start web: it does not run"]);
}

#[test]
fn one_changed_service_is_replaced() {
    let old = stack(vec![service("db"), web()]);
    let there = all_of(&old, |target, service| running(target, service, 1, 1));
    let new = stack(vec![service("db"), painted(&web())]);
    assert_eq!(text(&new, 2, there), ["replace web (removes 1): the configuration differs"]);
}

#[test]
fn a_stateless_service_gets_a_second_instance() {
    let old = stack(vec![front()]);
    let there = all_of(&old, |target, service| running(target, service, 1, 1));
    let new = stack(vec![painted(&front())]);
    let beside = ["create front (instance 2) beside the old one: the configuration differs"];
    assert_eq!(text(&new, 2, there.clone()), beside);

    let placed = placement(&new);
    let target = Target { stack: &new, placement: &placed };
    let both = [there, vec![running(target, &new.services[0], 2, 2)]].concat();
    assert_eq!(text(&new, 2, both.clone()), Vec::<String>::new(), "the old one stays until it is retired");
    let third = stack(vec![Service { user: None, ..front() }]);
    let expected = ["replace front (instance 2) (removes 2): the configuration differs"];
    assert_eq!(text(&third, 3, both.clone()), expected, "the older one serves");
    assert_eq!(text(&old, 1, both), Vec::<String>::new(), "rolled back: the old one is current again");
}

#[test]
fn without_a_second_address_it_is_stopped_first() {
    let old = stack(vec![front()]);
    let there = all_of(&old, |target, service| running(target, service, 1, 1));
    let new = stack(vec![painted(&front())]);
    let full = placement(&stack(vec![service("front")]));
    let present = Present { has_network: true, volumes: Vec::new(), containers: there };
    let ops = plan(Target { stack: &new, placement: &full }, Revision(2), &present).unwrap();
    assert_eq!(ops[0].to_string(), "replace front (removes 1): the configuration differs");
}

#[test]
fn limits_change_in_place() {
    let old = stack(vec![web()]);
    let there = all_of(&old, |target, service| running(target, service, 1, 1));
    let mut new = old.clone();
    new.services[0].limits.memory = Bytes::mib(512);
    new.services[0].limits.cpu = MilliCpu(1500);
    let expected = ["change the limits of web: limits: memory 512 MiB, not 256; processor 1500 m, not 500"];
    assert_eq!(text(&new, 2, there.clone()), expected);
    let stopped = there.into_iter().map(|found| in_state(found, RunState::Exited)).collect();
    assert_eq!(text(&new, 2, stopped)[1..], ["start web: it does not run"]);
}

#[test]
fn images_are_compared_by_content_once_they_are_pinned() {
    let old = stack(vec![web()]);
    let there = || all_of(&old, |target, service| running(target, service, 1, 1));
    let pinned = |id| stack(vec![Service { image_id: Some(id), ..web() }]);
    assert_eq!(text(&pinned(id("a")), 2, there()), Vec::<String>::new());
    let expected = ["replace web (removes 1): the image of stoa/wordpress:1 is bbbbbbbbbbbb, not aaaaaaaaaaaa"];
    assert_eq!(text(&pinned(id("b")), 2, there()), expected);
    let renamed = stack(vec![Service { image: "stoa/wordpress:2".parse().unwrap(), ..web() }]);
    let expected = ["replace web (removes 1): the image is stoa/wordpress:2, not stoa/wordpress:1"];
    assert_eq!(text(&renamed, 2, there()), expected);
    let renamed = stack(vec![Service { image_id: Some(id("a")), ..renamed.services[0].clone() }]);
    assert_eq!(text(&renamed, 2, there()), Vec::<String>::new(), "another name for the same content");
}

#[test]
fn containers_of_older_releases_are_recognized() {
    let old = stack(vec![service("db"), web()]);
    let there = || all_of(&old, running_of_old_release);
    assert_eq!(text(&old, 1, there()), Vec::<String>::new(), "an upgrade restarts nothing");
    let mut pinned = old.clone();
    pinned.services[1].image_id = Some(id("a"));
    pinned.services[0].limits.memory = Bytes::mib(512);
    let expected = ["change the limits of db: limits: memory 512 MiB, not 256"];
    assert_eq!(text(&pinned, 1, there()), expected, "limits and pins don't count");
    pinned.services[1].image_id = Some(id("b"));
    let changed = stack(vec![painted(&service("db")), pinned.services[1].clone()]);
    let expected = [
        "replace db (removes 1): the configuration differs",
        "replace web (removes 1): the image of stoa/wordpress:1 is bbbbbbbbbbbb, not aaaaaaaaaaaa",
    ];
    assert_eq!(text(&changed, 1, there()), expected);
}

#[test]
fn a_container_of_an_unknown_render_version_is_trusted_within_its_revision() {
    let stack = stack(vec![web()]);
    let there = || {
        let mut there = all_of(&stack, |target, service| running(target, service, 1, 4));
        there[0].container.labels.insert(labels::RENDER_VERSION.into(), "99".into());
        there
    };
    assert_eq!(text(&stack, 4, there()), Vec::<String>::new());
    assert_eq!(text(&stack, 5, there()), ["replace web (removes 1): the configuration differs"]);
}

#[test]
fn data_without_a_name_is_not_thrown_away() {
    let old = stack(vec![web()]);
    let mut there = all_of(&old, |target, service| running(target, service, 1, 1));
    there[0].unnamed_volumes = vec!["/var/lib/thing".into()];
    let present = Present { has_network: true, volumes: vec![VolumeName("data".into())], containers: there };
    assert_eq!(planned(&old, 1, &present).unwrap(), Vec::<String>::new());
    let refused = planned(&stack(vec![painted(&web())]), 2, &present).unwrap_err().to_string();
    assert!(refused.contains("/var/lib/thing") && refused.contains("replacing web"), "{refused}");
}

#[test]
fn changes_name_every_service_of_the_stack() {
    let old = stack(vec![service("db"), web(), front()]);
    let there = all_of(&old, |target, service| running(target, service, 1, 1));
    let mut new = stack(vec![service("db"), painted(&web()), painted(&front()), service("new")]);
    new.services[0].limits.pids = 7;
    let placed = placement(&new);
    let target = Target { stack: &new, placement: &placed };
    let present = Present { has_network: true, volumes: vec![VolumeName("data".into())], containers: there };
    let ops = plan(target, Revision(2), &present).unwrap();
    let changes: Vec<_> = changes(target, &ops).changes.into_iter().map(|c| (c.service.0, c.action)).collect();
    let expected = [
        ("db", Action::LimitsChanged),
        ("web", Action::Replaced),
        ("front", Action::Replaced),
        ("new", Action::Created),
    ];
    assert_eq!(changes, expected.map(|(name, action)| (name.to_owned(), action)));
}
