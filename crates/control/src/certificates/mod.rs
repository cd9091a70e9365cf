//! Certificates: which names need one, how it is had, and how it gets to the edge.
//!
//! * [`wanted`] is a pure function: from sites, domains and settings to the names that need a
//!   certificate, and how each is proven.
//! * [`shelf`] holds what there is, opened, in memory; the edge gets all of it with every table.
//! * [`keep`] compares the two, and orders what is missing or due (`order`), within what the
//!   authority allows (`allowance`), with pauses that grow after each try that fails (`attempt`); a few are
//!   under way at once (`under_way`).
//! * What goes wrong is kept per name, in words for the customer (`words`), and staff are told
//!   when a certificate is about to run out (`alarm`).
//! * [`upload`] takes a certificate that somebody brings along.

mod alarm;
mod allowance;
mod attempt;
mod ca;
mod danger;
mod doctor;
pub(crate) mod first;
mod held;
mod keep;
mod order;
mod renew;
pub(crate) mod shelf;
mod told;
mod under_way;
mod upload;
mod view;
mod wanted;
mod words;

pub(crate) use ca::Authority;
pub(crate) use first::{First, Ordering};
pub(crate) use held::Certificates;
pub(crate) use shelf::Shelf;
pub(crate) use wanted::Wanted;
pub(crate) use words::Failure;
