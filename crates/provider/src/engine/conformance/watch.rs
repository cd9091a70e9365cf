//! What happens to running services: events and health.

use std::time::Duration;

use futures_util::{StreamExt, stream::BoxStream};
use stoa_model::stack::{Health, ProjectName};
use tokio::time;

use super::{Case, named};
use crate::engine::{EngineError, EngineEvent, EngineEventKind as Kind, Readiness, Scope};

pub(super) async fn events(case: &Case) {
    let (engine, deployment, other) = (&case.engine, case.deployment(&["web"]), case.deployment(&["web"]));
    let mut events = engine.events().await.expect("a stream");
    let project = &deployment.stack.project;
    case.fixture.neighbor.deploy(&other).await.expect("the neighbor's is deployed");
    engine.deploy(&deployment).await.expect("deployed");
    engine.stop(project).await.expect("stopped");
    engine.remove(project, Scope::Everything).await.expect("removed");
    for kind in [Kind::Started, Kind::Died, Kind::Removed] {
        let event = next(&mut events).await;
        let expected = EngineEvent { project: project.clone(), service: named("web"), kind };
        assert_eq!(event, expected, "in this order, and nothing of the neighbor's");
    }
}

pub(super) async fn health(case: &Case) {
    let (engine, mut deployment) = (&case.engine, case.deployment(&["good", "plain"]));
    deployment.stack.services[0].health = Some(Health {
        test: ["CMD", "/bin/busybox", "true"].map(Into::into).to_vec(),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
        retries: 2,
        start_period: Duration::ZERO,
    });
    engine.deploy(&deployment).await.expect("deployed");
    let verdicts = || async {
        let observed = engine.observe(&deployment.stack.project).await.expect("seen");
        observed.services.iter().map(|service| service.readiness).collect::<Vec<_>>()
    };
    for _ in 0..1200 {
        if verdicts().await == [Some(Readiness::Passing), None] {
            return;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    panic!("expected one healthy service and one without a check, not {:?}", verdicts().await);
}

async fn next(events: &mut BoxStream<'static, Result<EngineEvent, EngineError>>) -> EngineEvent {
    let next = time::timeout(Duration::from_secs(60), events.next()).await;
    next.expect("an event comes").expect("the stream goes on").expect("it is an event")
}

/// Waits for the event that a project's service has started.
pub(super) async fn started(events: &mut BoxStream<'static, Result<EngineEvent, EngineError>>, project: &ProjectName) {
    loop {
        let event = next(events).await;
        if event.project == *project && event.kind == Kind::Started {
            return;
        }
    }
}
