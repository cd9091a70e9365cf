//! Registration, login and logout.

pub mod login;
pub mod logout;
pub mod register;
pub mod staff_customer;
pub mod staff_customers;
