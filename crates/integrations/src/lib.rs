//! Clients of other people's services: mail, certificate authorities, DNS providers and resolvers; and
//! the reading of certificates.

pub mod acme;
pub mod dns;
mod http_client;
pub mod mail;
pub mod mail_relay;
pub mod probe;
pub mod resolver;
pub mod site_dns;
pub mod stripe;
pub mod x509;
