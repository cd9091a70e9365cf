//! The product from outside: a real service layer over a real database, a fake engine and a fake
//! edge, and after every story a look at everything that there is.

mod accounts;
mod audit;
mod billing;
mod capacity;
mod certificate_orders;
mod certificate_trouble;
mod certificates;
mod crash;
mod delete;
mod dns_records;
mod domains;
mod failures;
mod inspect;
mod lanes;
mod lifecycle;
mod login_alerts;
mod login_limits;
mod mail;
mod members;
mod order;
mod pebble;
mod people;
mod permissions;
mod proxies;
mod reconcilers;
mod retention;
mod saga_proofs;
mod secrecy;
mod site_mail;
mod staff;
mod storage;
mod supervision;
mod support;
mod tasks;
mod update;
