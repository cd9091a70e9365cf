//! A stack from its creation to its purge.

use stoa_model::stack::VolumeName;

use super::{Case, named};
use crate::engine::{Action, Deployment, EngineError, LogQuery, Revision, RunState, Scope, logs_tail};

pub(super) async fn whole_life(case: &Case) {
    let (engine, first) = (&case.engine, case.deployment(&["db", "web"]));
    let project = &first.stack.project;

    let deployed = engine.deploy(&first).await.expect("a stack is deployed");
    assert!(deployed.changes.iter().all(|change| change.action == Action::Created), "{deployed:?}");
    let made = engine.observe(project).await.expect("it can be seen");
    assert!(made.all_running(), "{made:?}");
    assert_eq!((made.site, made.has_network), (Some(first.stack.site), true));
    assert_eq!(made.volumes, [VolumeName("data".into())]);
    let services: Vec<_> = made.services.iter().map(|s| (&*s.service.0, s.instance, s.revision, s.operation)).collect();
    let (one, by) = (Revision(1), Some(first.operation));
    assert_eq!(services, [("db", 1, one, by), ("web", 1, one, by)]);
    assert!(made.services.iter().all(|s| s.readiness.is_none() && s.exit_code.is_none() && s.reason.is_none()));
    assert!(made.services.iter().all(|s| s.image.is_some() && s.spec_hash.is_some()), "{made:?}");

    let second = Deployment { operation: case.fixture.fixtures.job(), ..first.clone() };
    let again = engine.deploy(&second).await.expect("a second time");
    assert!(again.is_unchanged(), "{again:?}");
    assert_eq!(engine.observe(project).await.expect("seen"), made);

    if case.fixture.is_real {
        case.shell(&first, "web", "echo kept > /data/file").await;
    }
    engine.stop(project).await.expect("it stops");
    engine.stop(project).await.expect("stopping what is stopped is fine");
    let stopped = engine.observe(project).await.expect("seen");
    let down = |s: &crate::engine::ObservedService| s.state == RunState::Exited && s.exit_code == Some(0);
    assert!(stopped.services.iter().all(down), "{stopped:?}");
    assert_eq!(stopped.volumes, made.volumes);

    engine.start(project).await.expect("it starts");
    engine.start(project).await.expect("starting what runs is fine");
    assert!(engine.observe(project).await.expect("seen").all_running());
    if case.fixture.is_real {
        assert_eq!(case.shell(&first, "db", "cat /data/file").await.stdout, "kept\n");
    }

    engine.stop(project).await.expect("it stops");
    let started = engine.deploy(&second).await.expect("deploying starts what is down");
    assert!(started.changes.iter().all(|change| change.action == Action::Started), "{started:?}");
    assert!(engine.observe(project).await.expect("seen").all_running());

    engine.remove(project, Scope::Everything).await.expect("it is removed");
    engine.remove(project, Scope::Everything).await.expect("removing what is gone is fine");
    assert!(engine.observe(project).await.expect("seen").is_empty());
}

pub(super) async fn nothing_there(case: &Case) {
    let (engine, deployment) = (&case.engine, case.deployment(&["web"]));
    let (project, web) = (&deployment.stack.project, named("web"));
    assert!(engine.observe(project).await.expect("nothing can be seen").is_empty());
    engine.stop(project).await.expect("there is nothing to stop");
    engine.retire(&deployment).await.expect("there is nothing to retire");
    let started = engine.start(project).await;
    assert!(matches!(started, Err(EngineError::NotFound { .. })), "{started:?}");
    let query = LogQuery { tail: 5, follow: false, max_bytes: 1000 };
    let logs = engine.logs(project, Some(&web), query).await.map(drop);
    assert!(matches!(logs, Err(EngineError::NotFound { .. })), "{logs:?}");
    assert_eq!(logs_tail(&**engine, project, None, 5).await.expect("no logs"), []);
    assert_eq!(engine.stats(project).await.expect("no stats"), []);
    let endpoint = engine.endpoint(project, &deployment.placement, &web, 80, Revision(1)).await;
    assert!(matches!(endpoint, Err(EngineError::NotFound { .. })), "{endpoint:?}");

    let info = engine.describe().await.expect("a description");
    assert!(!info.version.is_empty() && info.cores > 0 && info.memory > 0, "{info:?}");
    let image = case.fixture.fixtures.image();
    assert!(engine.image(image).await.expect("an answer").is_some(), "the test image {image} is there");
    assert_eq!(deployment.placement.engine, engine.name());
    assert!(!engine.manifests(&deployment.stack, &deployment.placement).expect("manifests").is_empty());
}
