//! What an operation created can be removed without touching what others created.

use futures_util::future::join_all;

use super::Case;
use crate::engine::{Deployment, EngineError, RunState, Scope};

pub(super) async fn older_objects_stay(case: &Case) {
    let (engine, old) = (&case.engine, case.deployment(&["db", "web"]));
    let both = Deployment { operation: case.fixture.fixtures.job(), ..old.clone() };
    let (first, second) = (old.operation, both.operation);
    let mut old = old;
    old.stack.services.truncate(1);
    let project = &old.stack.project;

    engine.deploy(&old).await.expect("the older part is created");
    let before = engine.observe(project).await.expect("seen");
    if case.fixture.is_real {
        case.shell(&old, "db", "echo older > /data/file").await;
    }
    engine.deploy(&both).await.expect("the rest is created");
    let services = engine.observe(project).await.expect("seen").services;
    let made_by: Vec<_> = services.iter().map(|s| s.operation).collect();
    assert_eq!(made_by, [Some(first), Some(second)]);

    engine.remove(project, Scope::CreatedBy(second)).await.expect("the newer part is removed");
    engine.remove(project, Scope::CreatedBy(second)).await.expect("twice is fine");
    assert_eq!(engine.observe(project).await.expect("seen"), before);
    if case.fixture.is_real {
        assert_eq!(case.shell(&old, "db", "cat /data/file").await.stdout, "older\n");
    }
    engine.remove(project, Scope::CreatedBy(first)).await.expect("the older part is removed");
    assert!(engine.observe(project).await.expect("seen").is_empty());
}

pub(super) async fn missing_image(case: &Case) {
    let (engine, good) = (&case.engine, case.deployment(&["db", "web"]));
    let mut bad = Deployment { operation: case.fixture.fixtures.job(), ..good.clone() };
    bad.stack.services[1].image = "stoa/no-such-image:0".parse().expect("a reference");
    let project = &good.stack.project;
    assert_eq!(engine.image(&bad.stack.services[1].image).await.expect("an answer"), None);

    match engine.deploy(&bad).await {
        Err(EngineError::ImageMissing { image }) => assert_eq!(image, "stoa/no-such-image:0"),
        other => panic!("a missing image was answered with {other:?}"),
    }
    let half = engine.observe(project).await.expect("seen");
    assert!(half.services.iter().all(|s| s.state == RunState::Created), "nothing runs of a half stack: {half:?}");

    // Forward: what is missing is added. Back: each operation takes its own share, and nothing is left.
    engine.deploy(&good).await.expect("the stack is completed");
    assert!(engine.observe(project).await.expect("seen").all_running());
    for operation in [good.operation, bad.operation] {
        engine.remove(project, Scope::CreatedBy(operation)).await.expect("removed");
    }
    assert!(engine.observe(project).await.expect("seen").is_empty());
}

/// Giving up in the middle and undoing at once leaves nothing, whatever was in progress.
pub(super) async fn side_by_side(case: &Case) {
    let deployments: Vec<_> = (0..4).map(|_| case.deployment(&["db", "web"])).collect();
    join_all(deployments.iter().zip(0u32..).map(|(deployment, n)| async move {
        let patience = std::time::Duration::from_millis(5) * 4u32.pow(n);
        let given_up = tokio::time::timeout(patience, case.engine.deploy(deployment)).await;
        drop(given_up);
        let project = &deployment.stack.project;
        case.engine.remove(project, Scope::CreatedBy(deployment.operation)).await.expect("removed");
        let left = case.engine.observe(project).await.expect("seen");
        assert!(left.is_empty(), "{left:?}");
    }))
    .await;
}
