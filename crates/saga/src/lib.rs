//! Durable steps: all done, or all undone, or visibly *stuck*.
//!
//! A [`Saga`] is a straight list of [`Step`]s over a plan `P` (every choice, made and saved
//! before the first effect) and a context `C` (what the steps may touch). [`execute`] runs it
//! against a durable [`Log`], and can be killed at any time: the next call, by any process that holds the
//! lease, continues from the log.
//!
//! The rules, and why:
//!
//! 1. **Intent is logged before the effect.** No effect exists without a row in the log.
//! 2. **`act` and `undo` are idempotent.** After a crash the log can't tell how far a started step got,
//!    so it runs again.
//! 3. **`undo` takes the plan, not the step's output**, and runs for every *started* step in
//!    reverse, the failed one included: a half-made container is the normal failure.
//! 4. **One executor per saga.** Every append checks the lease's [`Epoch`]; an executor that has lost it
//!    touches nothing more.
//! 5. **Cancelling means unwinding.** It takes effect between steps, and inside steps that watch their
//!    token.
//! 6. **A failed undo is never hidden.** The saga is stuck until a person resumes or abandons it.
//! 7. **Step names and their order are the log's format.** A log that this list of steps can't have
//!    written is [`Corrupt`]: the job is stuck until a person closes it.
//!
//! This crate does no I/O and knows nothing of hosting. Test a saga with the [`harness`].

mod effect;
mod error;
mod event;
mod execute;
pub mod harness;
mod log;
pub mod memory;
mod position;
mod progress;
mod saga;
mod signals;
mod step;
mod writer;

pub use error::{Reason, ResultExt, StepError, UndoError};
pub use event::{Cause, Ending, Entry, Event, Failure};
pub use execute::execute;
pub use log::{Epoch, Log, LogError};
pub use position::{Corrupt, NotStuck, Position, Side};
pub use progress::{StepState, StepView, progress};
pub use saga::{Heading, Saga};
pub use signals::{Outcome, RunSignals, Slot};
pub use step::{Done, Step, StepRun};
