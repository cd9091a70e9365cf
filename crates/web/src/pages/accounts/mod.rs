//! Registration, login and logout; the account's second factor and API tokens.

pub mod login;
pub mod login_code;
pub mod logout;
pub mod register;
pub mod second_factor;
pub mod staff_customer;
pub mod staff_customers;
pub mod tokens;
