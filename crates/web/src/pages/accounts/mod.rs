//! Registration, login and logout, and the account's API tokens.

pub mod login;
pub mod logout;
pub mod register;
pub mod staff_customer;
pub mod staff_customers;
pub mod tokens;
