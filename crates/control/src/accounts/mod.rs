//! Accounts: registering, logging in and out, sessions, API tokens, staff.

mod customers;
mod login;
mod register;
mod sessions;
mod staff;
mod tokens;
