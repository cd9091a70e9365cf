//! Makers of DNS records.

mod rfc2136;
