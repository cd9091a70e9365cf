//! The executor: append the intent, run the effect, repeat until the saga is at rest.
//!
//! Each round appends one batch: the result of the last effect and the next intent. A saga of n steps
//! costs n+1 durable writes.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::effect::{Effect, Ended};
use crate::writer::Writer;
use crate::{Cause, Corrupt, Ending, Epoch, Event, Log, Outcome, Position, RunSignals, Saga, Side};

/// Runs `saga` from its position in `log` until it is at rest.
///
/// Dropping the future is as safe as killing the process: the next call continues.
pub async fn execute<P, C>(
    saga: &Saga<P, C>,
    plan: &P,
    cx: &C,
    log: Arc<dyn Log>,
    epoch: Epoch,
    signals: RunSignals,
) -> Outcome
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    let lost = signals.lost.clone();
    tokio::select! {
        biased;
        () = lost.cancelled() => Outcome::LeaseLost,
        outcome = run(saga, plan, cx, log, epoch, signals) => match outcome {
            Ok(outcome) | Err(outcome) => outcome,
        },
    }
}

async fn run<P, C>(
    saga: &Saga<P, C>,
    plan: &P,
    cx: &C,
    log: Arc<dyn Log>,
    epoch: Epoch,
    signals: RunSignals,
) -> Result<Outcome, Outcome>
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    let names = saga.names();
    let (mut writer, events) = Writer::open(log.clone(), epoch, signals.clone()).await?;
    let mut position = Position::replay(&names, &events).map_err(corrupt_outcome)?;
    if let Some(outcome) = position.outcome(&names) {
        return Ok(outcome);
    }
    let mut batch = Vec::new();
    loop {
        let stopping = signals.stop.is_cancelled();
        while let Some(event) = next_event(&position, &names, &signals.cancel, stopping) {
            position = advance(position, &names, &event)?;
            batch.push(event);
        }
        // On recovery the batch may be empty; appending it proves the lease before any effect.
        writer.append(&batch).await?;
        if let Some(outcome) = position.outcome(&names) {
            return Ok(outcome);
        }
        if stopping {
            return Err(Outcome::Interrupted);
        }
        let Some(effect) = Effect::at(&position, saga, plan, cx, &log, &signals) else {
            return Err(Outcome::Interrupted);
        };
        let Ended::With(event) = effect.run().await else {
            return Err(Outcome::Interrupted);
        };
        position = advance(position, &names, &event)?;
        batch = vec![event];
    }
}

/// The event that follows from the position alone; `None` if an effect is due or nothing follows.
fn next_event(
    position: &Position,
    names: &[&'static str],
    cancel: &CancellationToken,
    stopping: bool,
) -> Option<Event> {
    match position {
        Position::Forward { step, started: false } => match names.get(*step) {
            None => Some(Event::Finished { outcome: Ending::Succeeded }),
            Some(_) if cancel.is_cancelled() => Some(Event::Unwinding { cause: Cause::Cancelled }),
            Some(_) if stopping => None,
            Some(name) => Some(Event::Started { step: (*name).to_owned() }),
        },
        Position::Failed { .. } => Some(Event::Unwinding { cause: Cause::Failed }),
        Position::Unwinding { left: 0, .. } => Some(Event::Finished { outcome: Ending::RolledBack }),
        Position::Unwinding { left, started: false, .. } if !stopping => {
            names.get(left - 1).map(|name| Event::UndoStarted { step: (*name).to_owned() })
        }
        Position::Forward { started: true, .. }
        | Position::Unwinding { .. }
        | Position::Stuck { at: Side::Act { .. } | Side::Undo { .. }, .. }
        | Position::Finished { .. } => None,
    }
}

/// Moves with the same function as recovery.
fn advance(position: Position, names: &[&'static str], event: &Event) -> Result<Position, Outcome> {
    position.after(names, event).ok_or_else(|| {
        corrupt_outcome(Corrupt { index: 0, event: Box::new(event.clone()), position: Box::new(position) })
    })
}

fn corrupt_outcome(corrupt: Corrupt) -> Outcome {
    Outcome::Stuck { step: None, reason: corrupt.to_string() }
}
