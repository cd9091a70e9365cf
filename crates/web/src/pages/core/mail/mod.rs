//! The mail log for staff: the list, an e-mail with its preview, and the addresses that nothing is sent to.

pub mod list;
pub mod show;
pub mod suppressions;
