//! Tests a saga: every fault, at every step and every write, must leave a clean world.
//!
//! Give [`prove`] the saga, a factory of new plans and contexts, and a check of the world. It runs the saga
//! through failures, retries, repetitions, crashes, cancelling, stopping, questions, stuck undos and the
//! takeover by another executor. It stops at the first scenario that does not end as it must: all done, or
//! the world as before.
//!
//! A crash drops the executor's future where it stands, at a write to the log (before and after it) or
//! inside the step. A new executor with a new epoch recovers from the log and the world.
//!
//! ```ignore
//! let report = harness::prove(
//!     create_site,
//!     async || (plan(), Context::with_fake_engine()),
//!     async |plan, cx, outcome| cx.engine.check(plan, outcome).await,
//! ).await?;
//! ```
//!
//! An ordinary module without further dependencies, so that the tests of any crate can use it.

mod faults;
mod faulty_log;
mod report;
mod runner;
mod scenario;

use crate::{Outcome, Saga};
use runner::Runner;
use scenario::{Place, SagaShape, Scenario};

pub use report::{Report, Row, Violation};

/// Runs `saga` through every scenario.
///
/// `fresh` creates a plan and a context with a new world for each scenario. `world` checks whether that
/// world fits the outcome: complete after [`Outcome::Succeeded`], as before after
/// [`Outcome::RolledBack`]. It is called with no other outcome.
pub async fn prove<P, C>(
    saga: impl Fn() -> Saga<P, C>,
    fresh: impl AsyncFnMut() -> (P, C),
    world: impl AsyncFnMut(&P, &C, &Outcome) -> Result<(), String>,
) -> Result<Report, Violation>
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    let mut runner = Runner::new(saga, fresh, world);
    let mut shape = SagaShape::of(&runner.saga());
    shape.writes_forward = runner.run_scenario(&Scenario::happy()).await?.writes;
    shape.writes_back = runner.run_scenario(&shape.unwound()).await?.writes;
    for scenario in shape.scenarios() {
        runner.run_scenario(&scenario).await?;
    }
    for step in 0..shape.names.len() {
        let waits = runner.waits(&shape, step, Place::Act).await?;
        for wait in 1..=waits {
            runner.run_scenario(&shape.dies_at_wait(step, Place::ActThenCancelled, wait)).await?;
        }
        runner.waits(&shape, step, Place::Undo).await?;
        runner.takeover(&shape, step).await?;
    }
    Ok(runner.report)
}
