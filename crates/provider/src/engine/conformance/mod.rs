//! What every engine must do, as one suite that the fake and all real providers pass.
//!
//! The core is for every engine. The parts after it belong to a [capability](super::Capabilities): an
//! engine without one must answer `Unsupported` instead. A scenario creates its own stacks and removes
//! them at its end, also when it fails, and uses only the trait. What an engine without real programs
//! can't show (files in volumes, packets between containers) is only asked of real ones.

mod build;
mod converge;
mod dependencies;
mod exec;
mod fixtures;
mod lifecycle;
mod limits;
mod logs;
mod many;
mod neighbors;
mod pause;
mod start_first;
mod streams;
mod undo;
mod volumes;
mod watch;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream};
use stoa_model::stack::{ProjectName, ServiceName};
use tokio::time;

pub use self::fixtures::Fixtures;
use super::{Deployment, Engine, EngineError, ExecOutput, Program, Scope, run_program};

/// No scenario may take longer, however busy the machine is.
const SCENARIO_TIMEOUT: Duration = Duration::from_secs(900);

/// What the suite needs beside the engine itself.
pub struct Fixture {
    /// Another installation on the same engine.
    pub neighbor: Arc<dyn Engine>,
    /// Makes the stacks. Their image has busybox at `/bin/busybox` and links to it for the programs
    /// `sh`, `sleep` and `cat`.
    pub fixtures: Fixtures,
    /// Whether programs really run in the services.
    pub is_real: bool,
}

/// Runs the whole suite; panics at the first difference.
pub async fn engine_conforms(engine: Arc<dyn Engine>, fixture: Fixture) {
    let case = Case { engine, fixture };
    core(&case).await;
    case.scenario("volumes", volumes::round_trip(&case)).await;
    case.scenario("import errors", volumes::bad_imports(&case)).await;
    case.scenario("build", build::images(&case)).await;
    case.scenario("pause and resume", pause::freeze(&case)).await;
    case.scenario("live limits", limits::live(&case)).await;
}

async fn core(case: &Case) {
    case.scenario("deploy, stop, start, remove", lifecycle::whole_life(case)).await;
    case.scenario("nothing there", lifecycle::nothing_there(case)).await;
    case.scenario("undo leaves older objects", undo::older_objects_stay(case)).await;
    case.scenario("undo of a missing image", undo::missing_image(case)).await;
    case.scenario("undo while others work", undo::side_by_side(case)).await;
    case.scenario("replace only what differs", converge::only_what_differs(case)).await;
    case.scenario("finish a dropped deployment", converge::finishes_what_was_dropped(case)).await;
    case.scenario("images that are missing or pinned", converge::images(case)).await;
    case.scenario("services that are gone", converge::services_that_are_gone(case)).await;
    case.scenario("missing data", converge::missing_data(case)).await;
    case.scenario("placement", converge::placements_keep_addresses(case)).await;
    case.scenario("start first", start_first::both_until_retired(case)).await;
    case.scenario("start first, rolled back", start_first::rolled_back(case)).await;
    case.scenario("exec", exec::programs(case)).await;
    case.scenario("exec deadline", exec::deadline(case)).await;
    case.scenario("exec streams", streams::large_input_and_output(case)).await;
    case.scenario("logs and stats", logs::logs_and_stats(case)).await;
    case.scenario("followed logs", logs::followed(case)).await;
    case.scenario("events", watch::events(case)).await;
    case.scenario("health", watch::health(case)).await;
    case.scenario("dependencies", dependencies::conditions(case)).await;
    case.scenario("programs that end", dependencies::exits(case)).await;
    case.scenario("neighbors", neighbors::apart(case)).await;
    case.scenario("leases", neighbors::leases(case)).await;
    case.scenario("many stacks", many::at_once(case)).await;
}

/// The engine under test, for the scenarios.
struct Case {
    engine: Arc<dyn Engine>,
    fixture: Fixture,
}

impl Case {
    async fn scenario(&self, name: &str, run: impl Future<Output = ()>) {
        let ended = time::timeout(SCENARIO_TIMEOUT, AssertUnwindSafe(run).catch_unwind()).await;
        stream::iter(self.fixture.fixtures.made()).for_each_concurrent(8, |project| self.clean_up(project)).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => {
                eprintln!("the scenario {name:?} failed");
                std::panic::resume_unwind(panic)
            }
            Err(_) => panic!("the scenario {name:?} took longer than {SCENARIO_TIMEOUT:?}"),
        }
    }

    async fn clean_up(&self, project: ProjectName) {
        for engine in [&self.engine, &self.fixture.neighbor] {
            engine.remove(&project, Scope::Everything).await.expect("the scenario's objects are removed");
        }
    }

    /// A new site's first deployment of services that share the volume `data` at `/data`.
    fn deployment(&self, services: &[&str]) -> Deployment {
        self.fixture.fixtures.deployment(&*self.engine, services, &[])
    }

    async fn run(&self, deployment: &Deployment, service: &str, program: Program) -> Result<ExecOutput, EngineError> {
        run_program(&*self.engine, &deployment.stack.project, &named(service), program).await
    }

    /// Runs a shell line in a service. Only tests do: the platform passes argument lists.
    async fn shell(&self, deployment: &Deployment, service: &str, line: &str) -> ExecOutput {
        let program = program(&["/bin/sh", "-c", line], None);
        self.run(deployment, service, program).await.expect("a shell in a running service")
    }
}

fn named(service: &str) -> ServiceName {
    ServiceName(service.to_owned())
}

fn program(argv: &[&str], stdin: Option<&str>) -> Program {
    Program {
        argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
        stdin: stdin.map(Into::into),
        user: None,
        deadline: Duration::from_secs(60),
    }
}

/// The part of the suite for an engine that lacks a capability.
fn assert_unsupported<T: std::fmt::Debug>(answer: Result<T, EngineError>) {
    assert!(matches!(answer, Err(EngineError::Unsupported { .. })), "{answer:?}");
}
