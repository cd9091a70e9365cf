//! What services wait for before they start, and programs that end.

use std::time::Duration;

use stoa_model::stack::{Condition, Dependency, Health};
use tokio::time;

use super::{Case, named};
use crate::engine::{EngineError, Readiness, RunState};

/// A command that ends at once.
fn ends(program: &str) -> Option<Vec<String>> {
    Some(["/bin/busybox", program].map(Into::into).to_vec())
}

fn on(service: &str, condition: Condition) -> Dependency {
    Dependency { service: named(service), condition }
}

/// A service that waits for a health check, and for a program that must have ended.
pub(super) async fn conditions(case: &Case) {
    let (engine, mut deployment) = (&case.engine, case.deployment(&["web", "once", "db"]));
    let [web, once, db] = &mut deployment.stack.services[..] else { panic!("three services") };
    web.depends_on = vec![on("db", Condition::Healthy), on("once", Condition::Completed)];
    once.depends_on = vec![on("db", Condition::Started)];
    (once.command, once.runs_once) = (ends("true"), true);
    db.health = Some(Health {
        test: ["CMD", "/bin/busybox", "true"].map(Into::into).to_vec(),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
        retries: 3,
        start_period: Duration::ZERO,
    });
    for attempt in 0..2 {
        engine.deploy(&deployment).await.expect("deployed");
        let observed = engine.observe(&deployment.stack.project).await.expect("seen");
        let of = |name: &str| observed.services.iter().find(|s| s.service.0 == name).expect("it is there");
        assert_eq!(of("web").state, RunState::Running);
        assert_eq!(of("db").readiness, Some(Readiness::Passing), "it was waited for");
        let once = of("once");
        assert_eq!((once.state, once.exit_code, once.exits), (RunState::Exited, Some(0), 0), "{attempt}");
    }
    if !case.fixture.is_real {
        return;
    }
    // One that fails stops the deployment before what waits for it.
    let mut failing = case.deployment(&["web", "once"]);
    let [web, once] = &mut failing.stack.services[..] else { panic!("two services") };
    web.depends_on = vec![on("once", Condition::Completed)];
    (once.command, once.runs_once) = (ends("false"), true);
    let refused = engine.deploy(&failing).await;
    let is_named = |reason: &str| reason.contains("once: it ended with code 1");
    assert!(matches!(&refused, Err(EngineError::Refused { reason, .. }) if is_named(reason)), "{refused:?}");
    let observed = engine.observe(&failing.stack.project).await.expect("seen");
    assert!(observed.services.iter().all(|s| s.service.0 != "web" || s.state == RunState::Created), "{observed:?}");
}

/// A program that ends whenever it is started is counted.
pub(super) async fn exits(case: &Case) {
    let (engine, mut deployment) = (&case.engine, case.deployment(&["web", "db"]));
    deployment.stack.services[0].command = ends("false");
    engine.deploy(&deployment).await.expect("deployed");
    let mut seen = Vec::new();
    for _ in 0..600 {
        seen = engine.observe(&deployment.stack.project).await.expect("seen").services;
        let of = |name: &str| seen.iter().find(|s| s.service.0 == name).expect("it is there");
        assert_eq!(of("db").exits, 0);
        if of("web").exits >= 3 && of("web").exit_code == Some(1) {
            return;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    panic!("expected three ends with code 1, not {seen:?}");
}
