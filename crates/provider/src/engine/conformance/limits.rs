//! Limits that change while a service runs.

use stoa_model::limits::{Bytes, Limits, MilliCpu};

use super::{Case, assert_unsupported, fixtures::next_revision, named};
use crate::engine::{Action, EngineError};

pub(super) async fn live(case: &Case) {
    let (engine, first) = (&case.engine, case.deployment(&["db", "web"]));
    let (project, web) = (&first.stack.project, named("web"));
    let larger = Limits { memory: Bytes::mib(48), cpu: MilliCpu(750), pids: 30 };
    if !engine.capabilities().live_limits {
        assert_unsupported(engine.set_limits(project, &web, larger).await);
        return;
    }
    let nobody = engine.set_limits(project, &web, larger).await;
    assert!(matches!(nobody, Err(EngineError::NotFound { .. })), "{nobody:?}");
    engine.deploy(&first).await.expect("deployed");
    let before = engine.observe(project).await.expect("seen");
    let memory = async || {
        let stats = engine.stats(project).await.expect("stats");
        stats.iter().map(|one| one.memory_limit >> 20).collect::<Vec<_>>()
    };

    let mut second = next_revision(&case.fixture.fixtures, &first);
    second.stack.services[1].limits = larger;
    let deployed = engine.deploy(&second).await.expect("deployed");
    let actions: Vec<_> = deployed.changes.iter().map(|change| change.action).collect();
    assert_eq!(actions, [Action::Unchanged, Action::LimitsChanged], "{deployed:?}");
    assert_eq!(engine.observe(project).await.expect("seen"), before, "nothing was restarted");
    assert_eq!(memory().await, [32, 48]);
    assert!(engine.deploy(&second).await.expect("deployed").is_unchanged());

    engine.set_limits(project, &web, first.stack.services[1].limits).await.expect("and back");
    assert_eq!(memory().await, [32, 32]);
    assert!(engine.deploy(&first).await.expect("deployed").is_unchanged(), "the limits are compared as they are");
    let deployed = engine.deploy(&second).await.expect("deployed");
    assert_eq!(deployed.changes[1].action, Action::LimitsChanged, "not as they were at the start: {deployed:?}");
    assert_eq!(engine.observe(project).await.expect("seen"), before, "nothing was restarted");
}
