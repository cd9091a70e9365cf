//! Certificates: which names need one, how it is had, and how it gets to the edge.
//!
//! * [`spec`] is a pure function: from sites, domains and settings to the names that need a
//!   certificate, and how each is proven.
//! * [`cache`] holds what there is, opened, in memory; the edge gets all of it with every table.
//! * [`reconcile`] compares the two, and orders what is missing or due (`order`), within what the
//!   authority allows (`issuance_limits`), with pauses that grow after each try that fails (`attempt`); a few are
//!   under way at once (`in_flight`).
//! * What goes wrong is kept per name, in words for the customer (`failure`), and staff are told
//!   when a certificate is about to run out (`alerts`).
//! * [`upload`] takes a certificate that somebody brings along.

mod acme_account;
mod alert;
mod alert_history;
mod alerts;
mod attempt;
mod cache;
mod failure;
mod in_flight;
mod initial_issuance;
mod issuance_limits;
mod loaded;
mod order;
mod reconcile;
mod renewal;
mod show;
mod spec;
mod upload;

pub(crate) use acme_account::AcmeAccount;
pub(crate) use cache::CertificateCache;
pub(crate) use failure::Failure;
pub use initial_issuance::InitialIssuance;
pub(crate) use initial_issuance::OrderLocks;
pub(crate) use loaded::Certificates;
pub(crate) use spec::{CertificateSpec, is_public};
