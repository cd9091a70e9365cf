//! Sites: list, order, manage.

pub mod actions;
pub mod activity;
pub mod credentials;
pub mod limits;
pub mod list;
pub mod login_link;
pub mod logs;
pub mod mail;
pub mod order;
pub mod settings;
pub mod show;
pub mod staff_list;
pub mod staff_order;
pub mod status;
pub mod suspension;
pub mod traffic;
pub mod usage;
