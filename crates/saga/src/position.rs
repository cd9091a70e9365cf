//! The position of a saga: a pure fold over its log.
//!
//! The executor and recovery use the same function, [`Position::after`], so they can't disagree. Every
//! prefix of a legal log is legal: even a log that stored only a part of an append can be recovered.

use crate::{Cause, Ending, Event, Failure, Outcome};

/// The position of a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// Going forward. All steps before `step` have succeeded.
    Forward {
        /// Index of the step to act; the number of steps when all have succeeded.
        step: usize,
        /// Whether its effects may exist.
        started: bool,
    },
    /// A step has failed, and unwinding is not logged yet.
    Failed {
        /// Index of the step.
        step: usize,
        /// Why.
        failure: Failure,
    },
    /// Going back.
    Unwinding {
        /// Why.
        cause: Cause,
        /// The step that failed or asked, if one did.
        failure: Option<Failure>,
        /// How many steps remain to be undone; the last of them is next.
        left: usize,
        /// Whether its undo has started.
        started: bool,
    },
    /// Waiting for a person.
    Stuck {
        /// Where it is stuck, and where it continues when resumed.
        at: Side,
        /// Why, for the operator.
        reason: String,
    },
    /// Over.
    Finished {
        /// How it ended.
        outcome: Ending,
        /// Why it was unwound, if it was.
        unwound: Option<(Cause, Option<Failure>)>,
    },
}

/// The half of a step that a saga is stuck at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// The act of a step that asked.
    Act {
        /// Index of the step.
        step: usize,
        /// The question.
        failure: Failure,
    },
    /// The undo of a step.
    Undo {
        /// Index of the step.
        step: usize,
        /// Why the saga unwinds.
        cause: Cause,
        /// The step that failed or asked, if one did.
        failure: Option<Failure>,
    },
}

/// A log that no run of this saga can have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {index} of the log is impossible: {event:?} while {position:?}")]
pub struct Corrupt {
    /// Index of the first impossible event.
    pub index: usize,
    /// The event.
    pub event: Box<Event>,
    /// The position before the event.
    pub position: Box<Position>,
}

/// A command to a saga that is not stuck, or not stuck in the way that the command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the job is not waiting for this decision")]
pub struct NotStuck;

impl Position {
    /// The position before the first event.
    pub const START: Self = Self::Forward { step: 0, started: false };

    /// Folds a log over the saga's step names.
    pub fn replay(names: &[&'static str], log: &[Event]) -> Result<Self, Corrupt> {
        log.iter().enumerate().try_fold(Self::START, |position, (index, event)| {
            position.after(names, event).ok_or_else(|| Corrupt {
                index,
                event: Box::new(event.clone()),
                position: Box::new(position),
            })
        })
    }

    /// The position after `event`; `None` when the event is impossible here.
    pub fn after(&self, names: &[&'static str], event: &Event) -> Option<Self> {
        match self {
            Self::Forward { step, started } => forward(names, *step, *started, event),
            Self::Failed { step, failure } => match event {
                Event::Unwinding { cause: Cause::Failed } => Some(unwinding(Cause::Failed, Some(failure), step + 1)),
                _ => None,
            },
            Self::Unwinding { cause, failure, left, started } => {
                backward(names, (*cause, failure.as_ref()), *left, *started, event)
            }
            Self::Stuck { at, .. } => after_decision(at, event),
            Self::Finished { .. } => None,
        }
    }

    /// The outcome, if nothing more happens without a person.
    pub fn outcome(&self, names: &[&'static str]) -> Option<Outcome> {
        match self {
            Self::Stuck { at, reason } => {
                let (Side::Act { step, .. } | Side::Undo { step, .. }) = at;
                let step = names.get(*step).map(|name| (*name).to_owned());
                Some(Outcome::Stuck { step, reason: reason.clone() })
            }
            Self::Finished { outcome, unwound } => Some(match (outcome, unwound) {
                (Ending::Abandoned { by }, _) => Outcome::Abandoned { by: by.clone() },
                (Ending::RolledBack, Some((cause, failure))) => {
                    Outcome::RolledBack { cause: *cause, failure: failure.clone() }
                }
                (Ending::Succeeded | Ending::RolledBack, _) => Outcome::Succeeded,
            }),
            Self::Forward { .. } | Self::Failed { .. } | Self::Unwinding { .. } => None,
        }
    }

    /// The event by which `by` makes a stuck saga retry. Append it, then run the saga.
    pub fn resume(&self, by: &str) -> Result<Event, NotStuck> {
        match self {
            Self::Stuck { .. } => Ok(Event::Resumed { by: by.to_owned() }),
            _ => Err(NotStuck),
        }
    }

    /// The event by which `by` closes a stuck saga and leaves everything as it is.
    pub fn abandon(&self, by: &str) -> Result<Event, NotStuck> {
        match self {
            Self::Stuck { .. } => Ok(Event::Finished { outcome: Ending::Abandoned { by: by.to_owned() } }),
            _ => Err(NotStuck),
        }
    }

    /// The event by which a person answers a step that asked: undo everything. Append it, then run the
    /// saga.
    pub fn unwind(&self) -> Result<Event, NotStuck> {
        match self {
            Self::Stuck { at: Side::Act { .. }, .. } => Ok(Event::Unwinding { cause: Cause::Abandoned }),
            _ => Err(NotStuck),
        }
    }
}

fn forward(names: &[&str], step: usize, started: bool, event: &Event) -> Option<Position> {
    let here = |name: &str| names.get(step).is_some_and(|expected| *expected == name);
    match event {
        Event::Started { step: name } if !started && here(name) => Some(Position::Forward { step, started: true }),
        Event::Succeeded { step: name, .. } if started && here(name) => {
            Some(Position::Forward { step: step + 1, started: false })
        }
        Event::Failed(failure) if started && here(&failure.step) => {
            Some(Position::Failed { step, failure: failure.clone() })
        }
        Event::Asked(failure) if started && here(&failure.step) => {
            Some(Position::Stuck { at: Side::Act { step, failure: failure.clone() }, reason: failure.to_string() })
        }
        Event::Unwinding { cause: Cause::Cancelled } if step < names.len() => {
            Some(unwinding(Cause::Cancelled, None, step + usize::from(started)))
        }
        Event::Finished { outcome: Ending::Succeeded } if step == names.len() => {
            Some(Position::Finished { outcome: Ending::Succeeded, unwound: None })
        }
        _ => None,
    }
}

fn backward(
    names: &[&str],
    why: (Cause, Option<&Failure>),
    left: usize,
    started: bool,
    event: &Event,
) -> Option<Position> {
    let (cause, failure) = (why.0, why.1.cloned());
    let step = left.checked_sub(1);
    let here = |name: &str| step.and_then(|i| names.get(i)).is_some_and(|it| *it == name);
    match event {
        Event::UndoStarted { step: name } if !started && here(name) => {
            Some(Position::Unwinding { cause, failure, left, started: true })
        }
        Event::UndoFinished { step: name } if started && here(name) => {
            Some(Position::Unwinding { cause, failure, left: step?, started: false })
        }
        Event::UndoFailed { step: name, reason } if started && here(name) => {
            let at = Side::Undo { step: step?, cause, failure };
            Some(Position::Stuck { at, reason: reason.clone() })
        }
        Event::Finished { outcome: Ending::RolledBack } if left == 0 => {
            let unwound = Some((cause, failure));
            Some(Position::Finished { outcome: Ending::RolledBack, unwound })
        }
        _ => None,
    }
}

/// The position after a person's decision about a stuck saga.
fn after_decision(at: &Side, event: &Event) -> Option<Position> {
    match (event, at) {
        (Event::Resumed { .. }, Side::Act { step, .. }) => Some(Position::Forward { step: *step, started: true }),
        (Event::Resumed { .. }, Side::Undo { step, cause, failure }) => {
            let (cause, failure) = (*cause, failure.clone());
            Some(Position::Unwinding { cause, failure, left: step + 1, started: true })
        }
        (Event::Unwinding { cause: Cause::Abandoned }, Side::Act { step, failure }) => {
            Some(unwinding(Cause::Abandoned, Some(failure), step + 1))
        }
        (Event::Finished { outcome: outcome @ Ending::Abandoned { .. } }, _) => {
            Some(Position::Finished { outcome: outcome.clone(), unwound: None })
        }
        _ => None,
    }
}

fn unwinding(cause: Cause, failure: Option<&Failure>, left: usize) -> Position {
    Position::Unwinding { cause, failure: failure.cloned(), left, started: false }
}
