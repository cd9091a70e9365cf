//! Jobs: watch one, steer one.

pub mod act;
pub mod events;
pub mod show;
