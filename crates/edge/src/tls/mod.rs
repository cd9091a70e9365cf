//! TLS on the clients' side: 1.2 and 1.3, terminated here (RFC 8446, RFC 5246).
//!
//! * `certificate_store` finds the certificate for a name. It is part of the routing table, so a request's
//!   route and certificate always belong together.
//! * `handshake` performs the handshake, and knows what the connection may then be used for.
//! * `config` is what all certificates and all threads share.
//!
//! A session is only resumed under the name that it was made for (rustls compares the names in the sealed
//! session and in the hello, RFC 6066 3), and only while the table has a certificate for it.

mod certificate_store;
mod config;
mod handshake;

pub(crate) use self::{
    certificate_store::{CertificateStore, check_certificate},
    config::TlsConfig,
    handshake::{TlsSession, accept},
};
