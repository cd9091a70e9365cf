//! The faces over the real service layer, on a database of their own and a fake engine.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod access;
mod api;
mod browser;
mod certificates;
mod domains;
mod events;
mod guard;
mod journey;
mod openapi;
mod pages;
mod script;
mod staff;
mod templates;
mod traffic;
