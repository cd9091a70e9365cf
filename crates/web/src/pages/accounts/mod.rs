//! Accounts: register, log in, log out.

pub mod login;
pub mod logout;
pub mod register;
