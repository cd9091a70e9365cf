//! Makers of single effects in the outside world: mail, certificates, DNS records, and what the world
//! says.

pub mod acme;
pub mod dns;
pub mod mail;
pub mod probe;
pub mod resolver;
pub mod x509;
