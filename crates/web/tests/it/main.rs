//! Pages and API over the real service layer, with a database per test and a fake engine.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod account;
mod api;
mod audit;
mod browser;
mod certificates;
mod domains;
mod dto;
mod events;
mod guard;
mod journey;
mod lists;
mod logs;
mod mail;
mod memory;
mod openapi;
mod pages;
mod permissions;
mod script;
mod second_factor;
mod settings;
mod site_mail;
mod staff;
mod staff_accounts;
mod stale_forms;
mod suspension;
mod templates;
mod tokens;
mod traffic;
