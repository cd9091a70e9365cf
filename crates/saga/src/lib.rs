//! Durable steps: all done, or the world as before, or loudly *stuck*.
//!
//! A [`Saga`] is a straight list of [`Step`]s over a plan `P` (every choice, made and saved
//! before the first effect) and a context `C` (what the steps may touch). [`execute`] runs it
//! against a durable [`Log`], and can be killed at any moment: the next call, by any process that
//! holds the lease, goes on where the log says the last one stood.
//!
//! The rules, and why:
//!
//! 1. **Intent is logged before the effect.** No effect without a row that admits to it.
//! 2. **`act` and `undo` are idempotent.** After a crash the log can't tell how far a started step
//!    came, so it is run again.
//! 3. **`undo` takes the plan, not the step's output**, and runs for every *started* step in
//!    reverse, the failed one included: a half-made container is the normal failure.
//! 4. **One executor per saga.** A lease's [`Epoch`] is checked at every append; who finds it
//!    gone touches nothing more.
//! 5. **Cancelling is unwinding**, noticed between steps and, by steps that listen, inside them.
//! 6. **A failed undo is never hidden.** The saga is stuck until a person resumes or abandons it.
//! 7. **Step names and their order are the log's format.** A log that a changed list of steps can't
//!    have written is [`Corrupt`], never guessed at: such a job is stuck until a person closes it.
//!
//! This crate does no I/O and knows nothing of hosting. Prove a saga with the [`harness`].

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

pub use error::{Reason, ResultExt, StepError, UndoError, chain};
pub use event::{Cause, Ending, Entry, Event, Failure};
pub use execute::execute;
pub use log::{Epoch, Log, LogError};
pub use position::{Corrupt, NotStuck, Position, Side};
pub use progress::{StepState, StepView, progress};
pub use saga::{Heading, Saga};
pub use signals::{Outcome, RunSignals};
pub use step::{Done, Step, StepRun};
