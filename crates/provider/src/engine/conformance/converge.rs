//! Deploying again changes what differs and nothing else.

use std::time::Duration;

use stoa_model::stack::{ServiceName, VolumeName};
use tokio::time;

use super::{
    Case,
    fixtures::{next_revision, paint},
    named,
};
use crate::engine::{Action, Deployed, EngineError, PlacementRequest, Revision, RunState};

fn actions(deployed: &Deployed) -> Vec<(&str, Action)> {
    deployed.changes.iter().map(|change| (change.service.0.as_str(), change.action)).collect()
}

pub(super) async fn only_what_differs(case: &Case) {
    let (engine, first) = (&case.engine, case.deployment(&["db", "web"]));
    let (project, web) = (&first.stack.project, named("web"));
    engine.deploy(&first).await.expect("deployed");
    let before = engine.observe(project).await.expect("seen");
    let reached = engine.endpoint(project, &first.placement, &web, 80, Revision(1)).await.expect("an endpoint");
    if case.fixture.is_real {
        case.shell(&first, "web", "echo kept > /data/file").await;
    }

    let mut reordered = next_revision(&case.fixture.fixtures, &first);
    reordered.stack.services.reverse();
    let deployed = engine.deploy(&reordered).await.expect("deployed");
    assert!(deployed.is_unchanged(), "the order of services means nothing: {deployed:?}");

    let mut second = next_revision(&case.fixture.fixtures, &reordered);
    paint(&mut second, "web", "blue");
    let deployed = engine.deploy(&second).await.expect("deployed");
    assert_eq!(actions(&deployed), [("web", Action::Replaced), ("db", Action::Unchanged)]);
    assert!(deployed.changes.iter().all(|change| !change.cause.is_empty() && !change.cause.contains("blue")));

    let after = engine.observe(project).await.expect("seen");
    assert!(after.all_running(), "{after:?}");
    assert_eq!(after.services[0], before.services[0], "the other service is the same instance");
    let replaced = &after.services[1];
    assert_eq!((replaced.instance, replaced.revision, replaced.operation), (1, Revision(3), Some(second.operation)));
    assert_ne!(replaced.spec_hash, before.services[1].spec_hash);
    for revision in [1, 3, 9] {
        let now = engine.endpoint(project, &second.placement, &web, 80, Revision(revision)).await;
        assert_eq!(now.expect("an endpoint"), reached, "it has the same address");
    }
    if case.fixture.is_real {
        assert_eq!(case.shell(&second, "web", "echo $COLOR; cat /data/file").await.stdout, "blue\nkept\n");
    }
    assert!(engine.deploy(&second).await.expect("deployed").is_unchanged());
    engine.retire(&second).await.expect("nothing to retire");
    assert_eq!(engine.observe(project).await.expect("seen"), after);
}

/// A process that goes away in the middle leaves a deployment that the next one finishes.
pub(super) async fn finishes_what_was_dropped(case: &Case) {
    let (engine, first) = (&case.engine, case.deployment(&["db", "web"]));
    engine.deploy(&first).await.expect("deployed");
    let mut deployment = first;
    for (n, color) in ["blue", "green", "black"].into_iter().enumerate() {
        deployment = next_revision(&case.fixture.fixtures, &deployment);
        paint(&mut deployment, "web", color);
        let patience = Duration::from_millis([1, 30, 200][n]);
        drop(time::timeout(patience, engine.deploy(&deployment)).await);
        engine.deploy(&deployment).await.expect("finished");
        let seen = engine.observe(&deployment.stack.project).await.expect("seen");
        assert!(seen.all_running() && seen.services.len() == 2, "{seen:?}");
        assert_eq!(seen.services[1].revision, deployment.revision);
        if case.fixture.is_real {
            assert_eq!(case.shell(&deployment, "web", "echo $COLOR").await.stdout, format!("{color}\n"));
        }
    }
}

pub(super) async fn images(case: &Case) {
    let (engine, first) = (&case.engine, case.deployment(&["web"]));
    let project = &first.stack.project;
    engine.deploy(&first).await.expect("deployed");
    let before = engine.observe(project).await.expect("seen");

    let info = engine.image(case.fixture.fixtures.image()).await.expect("an answer").expect("the test image");
    assert_eq!(before.services[0].image.as_ref(), Some(&info.id));
    let mut pinned = next_revision(&case.fixture.fixtures, &first);
    pinned.stack.services[0].image_id = Some(info.id.clone());
    let deployed = engine.deploy(&pinned).await.expect("deployed");
    assert!(deployed.is_unchanged(), "pinning to what runs replaces nothing: {deployed:?}");

    let mut missing = next_revision(&case.fixture.fixtures, &pinned);
    missing.stack.services[0].image = "stoa/no-such-image:0".parse().expect("a reference");
    missing.stack.services[0].image_id = None;
    let refused = engine.deploy(&missing).await;
    assert!(matches!(refused, Err(EngineError::ImageMissing { .. })), "{refused:?}");
    assert_eq!(engine.observe(project).await.expect("seen"), before, "what runs is left alone");

    // The reference may move or go away: what is pinned is what runs.
    let mut moved = next_revision(&case.fixture.fixtures, &pinned);
    paint(&mut moved, "web", "blue");
    if case.fixture.is_real {
        moved.stack.services[0].image = "stoa/no-such-image:0".parse().expect("a reference");
    }
    engine.deploy(&moved).await.expect("deployed from the pinned content");
    let after = engine.observe(project).await.expect("seen");
    assert_eq!((after.services[0].image.as_ref(), after.services[0].state), (Some(&info.id), RunState::Running));
}

pub(super) async fn services_that_are_gone(case: &Case) {
    let (engine, first) = (&case.engine, case.deployment(&["db", "web"]));
    let project = &first.stack.project;
    engine.deploy(&first).await.expect("deployed");
    let mut second = next_revision(&case.fixture.fixtures, &first);
    second.stack.services.remove(0);
    second.stack.services[0].mounts.clear();
    second.stack.volumes.clear();
    engine.deploy(&second).await.expect("deployed");
    let both = engine.observe(project).await.expect("seen");
    assert!(both.all_running() && both.services.len() == 2, "deploying removes no service: {both:?}");
    engine.retire(&second).await.expect("retired");
    engine.retire(&second).await.expect("twice is fine");
    let left = engine.observe(project).await.expect("seen");
    assert_eq!(left.services.iter().map(|s| s.service.0.as_str()).collect::<Vec<_>>(), ["web"]);
    assert_eq!(left.volumes, [VolumeName("data".into())], "data outlives its service");
}

pub(super) async fn missing_data(case: &Case) {
    let (engine, first) = (&case.engine, case.deployment(&["db", "web"]));
    let claimed = first.clone().with_all_claimed();
    match engine.deploy(&claimed).await {
        Err(EngineError::DataMissing { volume }) => assert_eq!(volume.0, "data"),
        other => panic!("a missing volume was answered with {other:?}"),
    }
    assert!(engine.observe(&first.stack.project).await.expect("seen").is_empty(), "nothing is created");
    engine.deploy(&first).await.expect("the first deployment creates the volume");
    engine.deploy(&claimed).await.expect("then it is there");
}

pub(super) async fn placements_keep_addresses(case: &Case) {
    let (engine, first) = (&case.engine, case.deployment(&["db", "web"]));
    let project = &first.stack.project;
    engine.deploy(&first).await.expect("deployed");
    let names: Vec<ServiceName> = ["new", "web", "db"].map(named).to_vec();
    let request = PlacementRequest {
        lease: case.fixture.fixtures.lease_of(project),
        services: &names,
        start_first: &names[..1],
        previous: Some(&first.placement),
    };
    let extended = engine.place(&request).expect("room for one more");
    assert_eq!(engine.place(&request).expect("again"), extended, "the same choices every time");
    let again = PlacementRequest { previous: Some(&extended), ..request };
    assert_eq!(engine.place(&again).expect("again"), extended, "nothing is left to choose");

    let mut second = next_revision(&case.fixture.fixtures, &first);
    second.placement = extended;
    second.stack.services.insert(0, case.fixture.fixtures.service("new"));
    let deployed = engine.deploy(&second).await.expect("deployed");
    let expected = [("new", Action::Created), ("db", Action::Unchanged), ("web", Action::Unchanged)];
    assert_eq!(actions(&deployed), expected);
    for service in ["db", "web"] {
        let at = async |placement| {
            engine.endpoint(project, placement, &named(service), 80, second.revision).await.expect("an endpoint")
        };
        assert_eq!(at(&first.placement).await, at(&second.placement).await, "{service} has kept its address");
    }
}
