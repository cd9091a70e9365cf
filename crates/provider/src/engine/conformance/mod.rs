//! What every engine must do, as one suite that the fake and all real makers pass.
//!
//! A scenario makes its own stacks and removes them at its end, also when it fails. It only uses
//! the trait. What an engine without real programs can't show (files in volumes, packets between
//! containers) is asked of real ones only.

mod exec;
mod fixtures;
mod lifecycle;
mod many;
mod neighbours;
mod undo;
mod watch;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream};
use stoa_model::stack::{ProjectName, ServiceName, Stack};
use tokio::time;

pub use self::fixtures::Fixtures;
use super::{Engine, Exec, ExecOutput, Scope};

/// No scenario may take longer, however busy the machine is.
const LONGEST: Duration = Duration::from_secs(900);

/// What the suite needs beside the engine itself.
pub struct Fixture {
    /// Another installation on the same engine.
    pub neighbour: Arc<dyn Engine>,
    /// Addresses and the image for the stacks that are made. The image has busybox at `/bin/busybox`
    /// and links to it for the programs `sh`, `sleep` and `cat`.
    pub ground: Fixtures,
    /// Whether programs really run in the services.
    pub real: bool,
}

/// Runs the whole suite; panics at the first thing that is not as it must be.
pub async fn engine_conforms(engine: Arc<dyn Engine>, fixture: Fixture) {
    let case = Case { engine, fixture };
    case.scenario("apply, stop, start, remove", lifecycle::whole_life(&case)).await;
    case.scenario("nothing there", lifecycle::nothing_there(&case)).await;
    case.scenario("undo leaves older things", undo::older_things_stay(&case)).await;
    case.scenario("undo of a missing image", undo::missing_image(&case)).await;
    case.scenario("undo while others work", undo::side_by_side(&case)).await;
    case.scenario("exec", exec::programs(&case)).await;
    case.scenario("exec deadline", exec::deadline(&case)).await;
    case.scenario("logs and stats", watch::logs_and_stats(&case)).await;
    case.scenario("events", watch::events(&case)).await;
    case.scenario("health", watch::health(&case)).await;
    case.scenario("neighbours", neighbours::apart(&case)).await;
    case.scenario("subnets", neighbours::subnets(&case)).await;
    case.scenario("many stacks", many::at_once(&case)).await;
}

/// The engine under test, for the scenarios.
struct Case {
    engine: Arc<dyn Engine>,
    fixture: Fixture,
}

impl Case {
    async fn scenario(&self, name: &str, run: impl Future<Output = ()>) {
        let ended = time::timeout(LONGEST, AssertUnwindSafe(run).catch_unwind()).await;
        stream::iter(self.fixture.ground.made()).for_each_concurrent(8, |project| self.removed(project)).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => panic!("the scenario {name:?} took longer than {LONGEST:?}"),
        }
    }

    async fn removed(&self, project: ProjectName) {
        for engine in [&self.engine, &self.fixture.neighbour] {
            engine.remove(&project, Scope::Everything).await.expect("the scenario's things are removed");
        }
    }

    fn stack(&self, services: &[&str]) -> Stack {
        self.fixture.ground.stack(services)
    }

    /// Runs a shell line in a service, as the tests' own programs are.
    async fn shell(&self, stack: &Stack, service: &str, line: &str) -> ExecOutput {
        let exec = command(&["/bin/sh", "-c", line], None);
        self.engine.exec(&stack.project, &named(service), exec).await.expect("a shell in a running service")
    }
}

fn named(service: &str) -> ServiceName {
    ServiceName(service.to_owned())
}

fn command(argv: &[&str], stdin: Option<&str>) -> Exec {
    Exec {
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        stdin: stdin.map(Into::into),
        user: None,
        deadline: Duration::from_secs(60),
    }
}
