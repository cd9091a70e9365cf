//! Jobs: watch one, steer one, list all.

pub mod actions;
pub mod events;
pub mod show;
pub mod staff_list;
