//! Sites: list them, order one, look after one.

pub mod act;
pub mod credential;
pub mod danger;
pub mod domains;
pub mod list;
pub mod log;
pub mod login_link;
pub mod order;
pub mod show;
pub mod status;
pub mod traffic;
pub mod usage;
