//! Sleeping sites: frozen, with their memory.

use super::{Case, assert_unsupported};
use crate::engine::{RunState, Scope};

pub(super) async fn freeze(case: &Case) {
    let (engine, deployment) = (&case.engine, case.deployment(&["db", "web"]));
    let project = &deployment.stack.project;
    if !engine.capabilities().pause {
        assert_unsupported(engine.pause(project).await);
        assert_unsupported(engine.resume(project).await);
        return;
    }
    engine.deploy(&deployment).await.expect("deployed");
    let running = engine.observe(project).await.expect("seen");
    let states = async || {
        let seen = engine.observe(project).await.expect("seen");
        seen.services.iter().map(|service| service.state).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        engine.pause(project).await.expect("paused; twice is fine");
        assert_eq!(states().await, [RunState::Paused; 2]);
    }
    for _ in 0..2 {
        engine.resume(project).await.expect("resumed; twice is fine");
        assert_eq!(engine.observe(project).await.expect("seen"), running);
    }
    engine.pause(project).await.expect("paused");
    engine.start(project).await.expect("starting wakes what is paused");
    assert_eq!(states().await, [RunState::Running; 2]);
    engine.pause(project).await.expect("paused");
    engine.deploy(&deployment).await.expect("deploying too");
    assert_eq!(states().await, [RunState::Running; 2]);
    engine.pause(project).await.expect("paused");
    engine.stop(project).await.expect("what is paused can be stopped");
    assert_eq!(states().await, [RunState::Exited; 2]);
    engine.start(project).await.expect("and started");
    engine.pause(project).await.expect("paused");
    engine.remove(project, Scope::Everything).await.expect("and removed");
    assert!(engine.observe(project).await.expect("seen").is_empty());
}
