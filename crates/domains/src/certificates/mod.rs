//! Certificates: which names need one, how it is obtained, and how it gets to the edge.
//!
//! * [`spec`] computes which names need a certificate, and how each is validated, from sites, domains and settings.
//!   It is a pure function.
//! * [`cache`] holds all valid certificates in memory; each routing table for the edge contains all of them.
//! * [`reconcile`] compares the two and orders missing and due certificates (`order`), within the limits of the
//!   authority (`issuance_limits`), with backoff after failures (`attempt`), a few at a time (`in_flight`).
//! * Failures are recorded per name, with a message for the customer (`failure`). Staff get an e-mail when a
//!   certificate is about to expire (`alerts`).
//! * [`upload`] accepts certificates from customers.

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
mod owner_notices;
mod reconcile;
mod renewal;
mod show;
mod spec;
mod upload;

pub(crate) use acme_account::AcmeAccount;
pub(crate) use cache::CertificateCache;
pub(crate) use failure::Failure;
pub use initial_issuance::InitialIssuance;
pub(crate) use loaded::Certificates;
pub(crate) use spec::{CertificateSpec, is_public};

/// The state of this process's orders: when renewal information was requested, which alerts were sent, and which orders
/// are in progress.
#[derive(Default)]
pub(crate) struct OrderState {
    renewals: renewal::Renewals,
    alert_history: alert_history::AlertHistory,
    in_flight: in_flight::InFlightOrders,
}
