//! Proves a saga: every fault, at every step and at every write, must leave a clean world.
//!
//! Give [`prove`] the saga, a factory of fresh plans and contexts, and a check of the world. It
//! runs the saga through fail, retry, repeat, crash, cancel, stop, ask, stuck, and takeover by
//! another executor, and stops at the first scenario that ends otherwise than it must: all done,
//! or the world as before.
//!
//! A crash here is a real one: the executor's future is dropped where it stands, at the log write
//! ("did not happen" and "happened, and then it died" both) or inside the step, and a new executor
//! with a new epoch recovers from the log and the world, which outlive it.
//!
//! ```ignore
//! let report = harness::prove(
//!     create_site,
//!     async || (plan(), RunSignals::with_fake_engine()),
//!     async |plan, cx, outcome| cx.engine.check(plan, outcome).await,
//! ).await?;
//! ```
//!
//! An ordinary module without dependencies of its own, so that any crate's tests can use it.

mod faults;
mod log;
mod report;
mod scenario;
mod stage;

use crate::{Outcome, Saga};
use scenario::{Place, Plot, Shape};
use stage::Stage;

pub use report::{Dirty, Report, Row};

/// Runs `saga` through every scenario.
///
/// `fresh` makes a plan and a context, with a world of its own, for each scenario. `world` says
/// whether that world fits the outcome: complete after [`Outcome::Succeeded`], as before after
/// [`Outcome::RolledBack`]; it sees no other outcome.
pub async fn prove<P, C>(
    saga: impl Fn() -> Saga<P, C>,
    fresh: impl AsyncFnMut() -> (P, C),
    world: impl AsyncFnMut(&P, &C, &Outcome) -> Result<(), String>,
) -> Result<Report, Dirty>
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    let mut stage = Stage::new(saga, fresh, world);
    let mut shape = Shape::of(&stage.saga());
    shape.writes_forward = stage.play(&Plot::happy()).await?.writes;
    shape.writes_back = stage.play(&shape.unwound()).await?.writes;
    for plot in shape.plots() {
        stage.play(&plot).await?;
    }
    for step in 0..shape.names.len() {
        let waits = stage.waits(&shape, step, Place::Act).await?;
        for wait in 1..=waits {
            stage.play(&shape.dies_at_wait(step, Place::ActThenCancelled, wait)).await?;
        }
        stage.waits(&shape, step, Place::Undo).await?;
        stage.takeover(&shape, step).await?;
    }
    Ok(stage.report)
}
