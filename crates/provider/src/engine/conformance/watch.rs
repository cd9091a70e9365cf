//! What can be seen of running services: logs, use, events, health.

use std::time::Duration;

use futures_util::{StreamExt, stream::BoxStream};
use stoa_model::stack::{Health, ProjectName};
use tokio::time;

use super::{Case, named};
use crate::engine::{EngineError, EngineEvent, EngineEventKind as Kind, Scope};

pub(super) async fn logs_and_stats(case: &Case) {
    let (engine, stack) = (&case.engine, case.stack(&["db", "web"]));
    engine.apply(&stack, case.fixture.ground.job()).await.expect("made");
    // A program's first line may come a moment after its start.
    let mut lines = Vec::new();
    for _ in 0..1200 {
        lines = engine.logs(&stack.project, None, 10).await.expect("logs");
        if lines.len() == 2 {
            break;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    assert!(lines.iter().all(|line| line.line == "hello"), "{lines:?}");
    assert!(lines.iter().any(|line| line.service == "db") && lines.iter().any(|line| line.service == "web"));
    assert!(lines.is_sorted_by(|a, b| a.at <= b.at), "{lines:?}");

    engine.stop(&stack.project).await.expect("stopped");
    engine.start(&stack.project).await.expect("started");
    for _ in 0..1200 {
        lines = engine.logs(&stack.project, Some(&named("web")), 10).await.expect("logs");
        if lines.len() == 2 {
            break;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lines.len(), 2, "a log outlives a stop: {lines:?}");
    let last = engine.logs(&stack.project, Some(&named("web")), 1).await.expect("logs");
    assert_eq!(last, lines[1..]);

    let stats = engine.stats(&stack.project).await.expect("stats");
    assert_eq!(stats.iter().map(|s| &*s.service).collect::<Vec<_>>(), ["db", "web"]);
    for one in stats {
        assert_eq!(one.memory_limit, stack.services[0].limits.memory.0, "{one:?}");
        assert!(one.memory > 0 && one.memory < one.memory_limit && one.pids > 0, "{one:?}");
    }
}

pub(super) async fn events(case: &Case) {
    let (engine, stack, other) = (&case.engine, case.stack(&["web"]), case.stack(&["web"]));
    let mut events = engine.events().await.expect("a stream");
    case.fixture.neighbour.apply(&other, case.fixture.ground.job()).await.expect("the neighbour's is made");
    engine.apply(&stack, case.fixture.ground.job()).await.expect("made");
    engine.stop(&stack.project).await.expect("stopped");
    engine.remove(&stack.project, Scope::Everything).await.expect("removed");
    for kind in [Kind::Started, Kind::Died, Kind::Removed] {
        let event = next(&mut events).await;
        let expected = EngineEvent { project: stack.project.clone(), service: named("web"), kind };
        assert_eq!(event, expected, "in this order, and nothing of the neighbour's");
    }
}

pub(super) async fn health(case: &Case) {
    let (engine, mut stack) = (&case.engine, case.stack(&["good", "plain"]));
    stack.services[0].health = Some(Health {
        test: ["CMD", "/bin/busybox", "true"].map(Into::into).to_vec(),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
        retries: 2,
        start_period: Duration::ZERO,
    });
    engine.apply(&stack, case.fixture.ground.job()).await.expect("made");
    let verdicts = || async {
        let observed = engine.observe(&stack.project).await.expect("seen");
        observed.services.iter().map(|service| service.healthy).collect::<Vec<_>>()
    };
    for _ in 0..1200 {
        if verdicts().await == [Some(true), None] {
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

/// Waits until a project's service is told to have started.
pub(super) async fn started(events: &mut BoxStream<'static, Result<EngineEvent, EngineError>>, project: &ProjectName) {
    loop {
        let event = next(events).await;
        if event.project == *project && event.kind == Kind::Started {
            return;
        }
    }
}
