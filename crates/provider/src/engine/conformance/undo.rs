//! What an operation made can be removed without touching what others made.

use futures_util::future::join_all;

use super::Case;
use crate::engine::{EngineError, RunState, Scope};

pub(super) async fn older_things_stay(case: &Case) {
    let (engine, both) = (&case.engine, case.stack(&["db", "web"]));
    let (first, second) = (case.fixture.ground.job(), case.fixture.ground.job());
    let mut old = both.clone();
    old.services.truncate(1);

    engine.apply(&old, first).await.expect("the older part is made");
    let before = engine.observe(&old.project).await.expect("seen");
    if case.fixture.real {
        case.shell(&old, "db", "echo older > /data/file").await;
    }
    engine.apply(&both, second).await.expect("the rest is made");
    let services = engine.observe(&both.project).await.expect("seen").services;
    let made_by: Vec<_> = services.iter().map(|s| s.operation).collect();
    assert_eq!(made_by, [Some(first), Some(second)]);

    engine.remove(&both.project, Scope::CreatedBy(second)).await.expect("the newer part is removed");
    engine.remove(&both.project, Scope::CreatedBy(second)).await.expect("twice is fine");
    assert_eq!(engine.observe(&old.project).await.expect("seen"), before);
    if case.fixture.real {
        assert_eq!(case.shell(&old, "db", "cat /data/file").await.stdout, "older\n");
    }
    engine.remove(&both.project, Scope::CreatedBy(first)).await.expect("the older part is removed");
    assert!(engine.observe(&both.project).await.expect("seen").is_empty());
}

pub(super) async fn missing_image(case: &Case) {
    let (engine, mut stack) = (&case.engine, case.stack(&["db", "web"]));
    let (first, second) = (case.fixture.ground.job(), case.fixture.ground.job());
    let good = stack.clone();
    stack.services[1].image = "stoa/no-such-image:0".parse().expect("a reference");
    assert_eq!(engine.image(&stack.services[1].image).await.expect("an answer"), None);

    match engine.apply(&stack, first).await {
        Err(EngineError::ImageMissing { image }) => assert_eq!(image, "stoa/no-such-image:0"),
        other => panic!("a missing image was answered with {other:?}"),
    }
    let half = engine.observe(&stack.project).await.expect("seen");
    assert!(half.services.iter().all(|s| s.state == RunState::Created), "nothing runs of a half stack: {half:?}");

    // Forward: what is missing is added. Back: each operation takes its own share, and nothing is left.
    engine.apply(&good, second).await.expect("the stack is completed");
    assert!(engine.observe(&stack.project).await.expect("seen").all_running());
    for operation in [second, first] {
        engine.remove(&stack.project, Scope::CreatedBy(operation)).await.expect("removed");
    }
    assert!(engine.observe(&stack.project).await.expect("seen").is_empty());
}

/// Giving up in the middle and undoing at once must leave nothing, however it falls.
pub(super) async fn side_by_side(case: &Case) {
    let stacks: Vec<_> = (0..4).map(|_| (case.stack(&["db", "web"]), case.fixture.ground.job())).collect();
    join_all(stacks.iter().zip(0u32..).map(|((stack, job), n)| async move {
        let patience = std::time::Duration::from_millis(5) * 4u32.pow(n);
        let given_up = tokio::time::timeout(patience, case.engine.apply(stack, *job)).await;
        drop(given_up);
        case.engine.remove(&stack.project, Scope::CreatedBy(*job)).await.expect("removed");
        let left = case.engine.observe(&stack.project).await.expect("seen");
        assert!(left.is_empty(), "{left:?}");
    }))
    .await;
}
