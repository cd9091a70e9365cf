//! Makers of single effects in the outside world. For now: mail.

pub mod mail;
