//! Runs the act or the undo of one step to its final event: retries, deadline, cancelling, stopping, panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::writer::Backoff;
use crate::{Cause, Event, Failure, Log, Position, Reason, RunSignals, Saga, Step, StepError, StepRun, UndoError};

/// How long a step may go on after the stop signal. Then it is dropped, which recovery treats as a crash.
const STOP_GRACE_DURATION: Duration = Duration::from_secs(2);

/// How running an effect ended.
pub(crate) enum Ended {
    /// With this event, to be logged.
    With(Event),
    /// The process stops; nothing may be logged.
    Interrupted,
}

/// The act or the undo of a step.
pub(crate) struct Effect<'a, P, C> {
    step: &'a dyn Step<P, C>,
    undo: bool,
    plan: &'a P,
    cx: &'a C,
    log: &'a Arc<dyn Log>,
    signals: &'a RunSignals,
    /// Why the last attempt is retried; reported if the deadline passes.
    waiting_for: Mutex<Option<Reason>>,
}

/// How one attempt ended.
enum Attempt {
    Ended(Event),
    Retry(Reason),
    Cancelled,
}

impl<'a, P, C> Effect<'a, P, C>
where
    P: Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    /// The effect that is due at `position`, if one is.
    pub(crate) fn at(
        position: &Position,
        saga: &'a Saga<P, C>,
        plan: &'a P,
        cx: &'a C,
        log: &'a Arc<dyn Log>,
        signals: &'a RunSignals,
    ) -> Option<Self> {
        let (index, undo) = match position {
            Position::Forward { step, started: true } => (*step, false),
            Position::Unwinding { left, started: true, .. } => (left.checked_sub(1)?, true),
            _ => return None,
        };
        let step = saga.steps().get(index)?.as_ref();
        Some(Self { step, undo, plan, cx, log, signals, waiting_for: Mutex::new(None) })
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self) -> Ended {
        if self.is_cancellable() && self.signals.cancel.is_cancelled() {
            return Ended::With(Event::Unwinding { cause: Cause::Cancelled });
        }
        // The effect before may have ended by its deadline while it waited without a slot.
        if let Some(slot) = &self.signals.slot {
            tokio::select! {
                () = self.signals.stop.cancelled() => {}
                () = slot.acquire() => {}
            }
        }
        let token = CancellationToken::new();
        // Work that the step spawned must not outlive it, even if this future is dropped.
        let _cancel_on_drop = token.clone().drop_guard();
        let deadline = if self.undo { self.step.undo_deadline() } else { self.step.deadline() };
        tokio::select! {
            biased;
            () = self.forward_signals(&token) => Ended::Interrupted,
            end = timeout(deadline, catch_panic(self.attempts(&token))) => match end {
                Ok(Ok(end)) => end,
                Ok(Err(panic)) => Ended::With(self.unknown_end("This step stopped unexpectedly.", panic)),
                Err(_) => Ended::With(self.deadline_event(deadline)),
            },
        }
    }

    /// Forwards cancelling and stopping to the step. Returns when its grace period is over.
    async fn forward_signals(&self, token: &CancellationToken) {
        if self.is_cancellable() {
            tokio::select! {
                () = self.signals.stop.cancelled() => {}
                () = self.signals.cancel.cancelled() => token.cancel(),
            }
        }
        self.signals.stop.cancelled().await;
        token.cancel();
        sleep(STOP_GRACE_DURATION).await;
    }

    async fn attempts(&self, token: &CancellationToken) -> Ended {
        let mut backoff = Backoff::new();
        for attempt in 1.. {
            let run =
                StepRun::new(self.step.name(), attempt, token.clone(), self.log.clone(), self.signals.slot.clone());
            match self.attempt(&run).await {
                Attempt::Ended(event) => return Ended::With(event),
                Attempt::Cancelled => break,
                Attempt::Retry(reason) => self.note_retry(&run, reason).await,
            }
            tokio::select! {
                biased;
                () = token.cancelled() => break,
                () = run.waiting(sleep(backoff.next())) => {}
            }
        }
        self.end_after_token()
    }

    async fn attempt(&self, run: &StepRun) -> Attempt {
        let step = self.step.name().to_owned();
        if self.undo {
            return match self.step.undo(self.cx, self.plan, run).await {
                Ok(()) => Attempt::Ended(Event::UndoFinished { step }),
                Err(UndoError::Fail(reason)) => Attempt::Ended(Event::UndoFailed { step, reason }),
                Err(UndoError::Retry(public)) => Attempt::Retry(Reason { public, source: String::new() }),
            };
        }
        match self.step.act(self.cx, self.plan, run).await {
            Ok(done) => Attempt::Ended(Event::Succeeded { step, detail: done.detail }),
            Err(StepError::Retry(reason)) => Attempt::Retry(reason),
            Err(StepError::Fail(reason)) => Attempt::Ended(Event::Failed(self.failure(reason))),
            Err(StepError::AskOperator(reason)) => Attempt::Ended(Event::Asked(self.failure(reason))),
            Err(StepError::Cancelled) => Attempt::Cancelled,
        }
    }

    /// Writes a note once per reason, not once per attempt.
    async fn note_retry(&self, run: &StepRun, reason: Reason) {
        let known = {
            let mut last = self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner);
            let known = last.as_ref().is_some_and(|last| last.public == reason.public);
            *last = Some(reason.clone());
            known
        };
        if !known {
            warn!(step = self.step.name(), undo = self.undo, %reason, "a step waits to be tried again");
            run.note(&format!("Waiting to try again: {}", reason.public)).await;
        }
    }

    /// The step returned because its token was cancelled; what that means depends on the cause.
    fn end_after_token(&self) -> Ended {
        if self.is_cancellable() && self.signals.cancel.is_cancelled() {
            Ended::With(Event::Unwinding { cause: Cause::Cancelled })
        } else if self.signals.stop.is_cancelled() {
            Ended::Interrupted
        } else {
            let source = "the step returned as cancelled, but nobody had cancelled it".to_owned();
            Ended::With(self.unknown_end("This step stopped unexpectedly.", source))
        }
    }

    fn deadline_event(&self, deadline: Duration) -> Event {
        let last = self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner).take();
        match last {
            Some(Reason { public, source }) => {
                self.unknown_end(&public, format!("no success within {deadline:?}; last: {source}"))
            }
            None => self.unknown_end("This step took too long.", format!("no answer within {deadline:?}")),
        }
    }

    /// The step may or may not have taken effect. Any step but a commit can be undone in either case.
    fn unknown_end(&self, public: &str, source: String) -> Event {
        let step = self.step.name();
        error!(step, undo = self.undo, source, "a saga's step ended in an unknown state");
        let reason = Reason { public: public.to_owned(), source };
        if self.undo {
            Event::UndoFailed { step: step.to_owned(), reason: reason.to_string() }
        } else if self.step.is_commit() {
            Event::Asked(self.failure(reason))
        } else {
            Event::Failed(self.failure(reason))
        }
    }

    fn failure(&self, reason: Reason) -> Failure {
        let Reason { public, source } = reason;
        Failure { step: self.step.name().to_owned(), public, source }
    }

    fn is_cancellable(&self) -> bool {
        !self.undo && !self.step.is_commit()
    }
}

/// Awaits `work`; a panic is returned as its message, so that the worker survives.
async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    std::future::poll_fn(|cx| {
        // Unwind safe: after a panic the future is dropped and never polled again.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(panic_message(panic.as_ref()))),
        }
    })
    .await
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "without a message".to_owned()))
}
