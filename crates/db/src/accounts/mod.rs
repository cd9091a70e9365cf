//! Customers and staff, and how they log in: passwords, sessions and API tokens.

mod customers;
mod passwords;
pub mod sessions;
mod staff;
pub mod tokens;

pub use customers::{
    CustomerSort, customer_by_email, customer_count, customer_get, customer_insert, customer_list, customers_counted,
    customers_listed, customers_of,
};
pub use passwords::password_set;
pub use staff::{staff_by_email, staff_count, staff_get, staff_insert, staff_list};
