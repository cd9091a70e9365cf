//! A stack from its making to its purge.

use super::{Case, named};
use crate::engine::{EngineError, RunState, Scope};

pub(super) async fn whole_life(case: &Case) {
    let (engine, stack) = (&case.engine, case.stack(&["db", "web"]));
    let (first, second) = (case.fixture.ground.job(), case.fixture.ground.job());

    engine.apply(&stack, first).await.expect("a stack is made");
    let made = engine.observe(&stack.project).await.expect("it can be seen");
    assert!(made.all_running(), "{made:?}");
    assert_eq!(made.site, Some(stack.site));
    assert_eq!(made.networks, [stack.engine_network()]);
    assert_eq!(made.volumes, [stack.engine_volume(&stack.volumes[0])]);
    let services: Vec<_> = made.services.iter().map(|s| (&*s.service.0, s.operation, s.healthy, s.exit_code)).collect();
    assert_eq!(services, [("db", Some(first), None, None), ("web", Some(first), None, None)]);

    engine.apply(&stack, second).await.expect("a second time changes nothing");
    assert_eq!(engine.observe(&stack.project).await.expect("seen"), made);

    if case.fixture.real {
        case.shell(&stack, "web", "echo kept > /data/file").await;
    }
    engine.stop(&stack.project).await.expect("it stops");
    engine.stop(&stack.project).await.expect("stopping what is stopped is fine");
    let stopped = engine.observe(&stack.project).await.expect("seen");
    assert!(stopped.services.iter().all(|s| s.state == RunState::Down && s.exit_code == Some(0)), "{stopped:?}");
    assert_eq!(stopped.volumes, made.volumes);

    engine.start(&stack.project).await.expect("it starts");
    engine.start(&stack.project).await.expect("starting what runs is fine");
    assert!(engine.observe(&stack.project).await.expect("seen").all_running());
    if case.fixture.real {
        assert_eq!(case.shell(&stack, "db", "cat /data/file").await.stdout, "kept\n");
    }

    engine.stop(&stack.project).await.expect("it stops");
    engine.apply(&stack, second).await.expect("apply starts what is down");
    assert!(engine.observe(&stack.project).await.expect("seen").all_running());

    engine.remove(&stack.project, Scope::Everything).await.expect("it is removed");
    engine.remove(&stack.project, Scope::Everything).await.expect("removing what is gone is fine");
    assert!(engine.observe(&stack.project).await.expect("seen").is_empty());
}

pub(super) async fn nothing_there(case: &Case) {
    let (engine, stack) = (&case.engine, case.stack(&["web"]));
    assert!(engine.observe(&stack.project).await.expect("nothing can be seen").is_empty());
    engine.stop(&stack.project).await.expect("there is nothing to stop");
    let started = engine.start(&stack.project).await;
    assert!(matches!(started, Err(EngineError::NotFound { .. })), "{started:?}");
    let logs = engine.logs(&stack.project, Some(&named("web")), 5).await;
    assert!(matches!(logs, Err(EngineError::NotFound { .. })), "{logs:?}");
    assert_eq!(engine.logs(&stack.project, None, 5).await.expect("no logs"), []);
    assert_eq!(engine.stats(&stack.project).await.expect("no stats"), []);

    let info = engine.describe().await.expect("a description");
    assert!(!info.version.is_empty() && info.cores > 0 && info.memory > 0, "{info:?}");
    let known = stack.services[0].image.clone();
    assert!(engine.image(&known).await.expect("an answer").is_some(), "the test image {known} is there");
}
