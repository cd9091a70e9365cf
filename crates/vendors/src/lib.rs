//! Makers of single effects in the outside world: mail, DNS records, and what the world says.

pub mod dns;
pub mod mail;
pub mod resolver;
