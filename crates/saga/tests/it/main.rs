//! The tests of `stoa-saga`: one binary, a toy world, tokio's clock paused.

mod events;
mod execute;
mod harness;
mod position;
mod progress;
mod toy;
mod trouble;
