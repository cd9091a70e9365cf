//! Registration, login and logout, forgotten passwords, verified addresses, and the account's own pages: profile,
//! security with its second factor, team, API tokens.

pub mod confirm;
pub mod customer_view;
pub mod email_change;
pub mod export;
pub mod forgot;
pub mod invitation;
pub mod login;
pub mod login_code;
pub mod logout;
pub mod new_password;
pub mod notice;
pub mod passkeys;
pub mod profile;
pub mod register;
pub mod reset;
pub mod second_factor;
pub mod security;
pub mod staff_account;
pub mod staff_account_new;
pub mod staff_accounts;
pub mod staff_customer;
pub mod staff_customers;
pub mod team;
pub mod tokens;
pub mod verify;
