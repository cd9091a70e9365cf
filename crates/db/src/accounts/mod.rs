//! Customers and staff, and how they log in: passwords, second factors, sessions and API tokens.

mod customers;
pub mod invitations;
pub mod known_logins;
pub mod login_failures;
pub mod login_flows;
pub mod members;
pub mod notes;
pub mod notices;
pub mod one_time;
pub mod passkeys;
mod passwords;
pub mod second_factors;
pub mod sessions;
mod staff;
pub mod staff_accounts;
mod subject;
pub mod tokens;
pub mod users;

pub use customers::{
    CustomerSort, customer_by_email, customer_count, customer_get, customer_insert, customer_list,
    customer_set_company, customers_counted, customers_listed, customers_of,
};
pub use passwords::{NO_PASSWORD, auth_epoch, password_hash, password_set};
pub use staff::{staff_by_email, staff_count, staff_get, staff_insert, staff_list, staff_login};
pub use subject::Subject;
