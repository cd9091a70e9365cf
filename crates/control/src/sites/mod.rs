//! Sites: ordering them, looking at them, and what may be done with them.

mod access;
mod capacity;
mod check;
mod delete;
mod inspect;
mod limits;
mod list;
mod order;
mod power;

pub(crate) use capacity::Disk;
pub use inspect::MOST_LINES;
