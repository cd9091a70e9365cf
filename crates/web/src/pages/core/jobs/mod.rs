//! Jobs: watch one, cancel, resume or abandon one, list all.

pub mod actions;
pub mod events;
pub mod show;
pub mod staff_list;
