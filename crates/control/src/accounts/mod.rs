//! Accounts: registering, logging in and out, sessions, API tokens, staff, and what all of them did.

mod audit;
mod customers;
mod login;
mod register;
mod sessions;
mod staff;
mod tokens;
