//! The nouns of Stoa, their states and the rules between them.
//!
//! This crate never reads a clock, a disk, the network or a random generator: what it needs of
//! them is passed in. Everything that comes from outside is parsed into these types once, at the
//! door; inside the platform there are no bare strings for them.

pub mod ability;
pub mod account;
pub mod billing;
pub mod blueprint;
pub mod certificate;
pub mod compose;
pub mod domain;
pub mod field;
pub mod host;
pub mod id;
pub mod image;
pub mod job;
pub mod limits;
pub mod mail;
pub mod member;
pub mod placement;
pub mod route;
pub mod routes;
pub mod secret;
pub mod site;
pub mod site_mail;
pub mod stack;
pub mod status;
pub mod storage;
pub mod text;
pub mod traffic;

#[cfg(test)]
mod tests;
