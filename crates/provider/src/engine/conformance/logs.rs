//! What services write, and what they use.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use tokio::time;

use super::{Case, named};
use crate::engine::{LogQuery, logs_tail};

pub(super) async fn logs_and_stats(case: &Case) {
    let (engine, deployment) = (&case.engine, case.deployment(&["db", "web"]));
    let (project, web) = (&deployment.stack.project, named("web"));
    engine.deploy(&deployment).await.expect("deployed");
    let tail = |service, lines| logs_tail(&**engine, project, service, lines);
    // A program's first line may come a moment after its start.
    let mut lines = Vec::new();
    for _ in 0..1200 {
        lines = tail(None, 10).await.expect("logs");
        if lines.len() == 2 {
            break;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    assert!(lines.iter().all(|line| line.line == "hello"), "{lines:?}");
    assert!(lines.iter().any(|line| line.service == "db") && lines.iter().any(|line| line.service == "web"));
    assert!(lines.is_sorted_by(|a, b| a.at <= b.at), "{lines:?}");

    engine.stop(project).await.expect("stopped");
    engine.start(project).await.expect("started");
    for _ in 0..1200 {
        lines = tail(Some(&web), 10).await.expect("logs");
        if lines.len() == 2 {
            break;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lines.len(), 2, "a log outlives a stop: {lines:?}");
    assert_eq!(tail(Some(&web), 1).await.expect("logs"), lines[1..]);

    let stats = engine.stats(project).await.expect("stats");
    assert_eq!(stats.iter().map(|s| &*s.service).collect::<Vec<_>>(), ["db", "web"]);
    for one in stats {
        assert_eq!(one.memory_limit, deployment.stack.services[0].limits.memory.0, "{one:?}");
        assert!(one.memory > 0 && one.memory < one.memory_limit && one.pids > 0, "{one:?}");
    }
}

pub(super) async fn followed(case: &Case) {
    let (engine, deployment) = (&case.engine, case.deployment(&["web"]));
    let (project, web) = (&deployment.stack.project, named("web"));
    engine.deploy(&deployment).await.expect("deployed");
    let query = LogQuery { tail: 10, follow: true, max_bytes: 1000 };
    let mut lines = engine.logs(project, Some(&web), query).await.expect("logs");
    let first = time::timeout(Duration::from_secs(60), lines.next()).await.expect("a line comes");
    assert_eq!(first.expect("the stream goes on").expect("a line").line, "hello");
    let more = time::timeout(Duration::from_millis(300), lines.next()).await;
    assert!(more.is_err(), "the stream waits for more: {more:?}");
    drop(lines);

    engine.stop(project).await.expect("stopped");
    engine.start(project).await.expect("started");
    for _ in 0..1200 {
        if logs_tail(&**engine, project, Some(&web), 10).await.expect("logs").len() == 2 {
            break;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    let query = LogQuery { tail: 10, follow: false, max_bytes: 4 };
    let cut: Vec<_> = engine.logs(project, None, query).await.expect("logs").try_collect().await.expect("lines");
    assert_eq!(cut.len(), 1, "the stream ends after so much text: {cut:?}");
}
