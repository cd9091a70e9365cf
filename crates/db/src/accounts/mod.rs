//! Customers and staff, and how they log in: sessions and API tokens.

mod customers;
pub mod sessions;
pub mod tokens;

pub use customers::{
    customer_by_email, customer_count, customer_get, customer_insert, customer_list, customers_of, password_set,
    staff_by_email, staff_count, staff_get, staff_insert, staff_list,
};
