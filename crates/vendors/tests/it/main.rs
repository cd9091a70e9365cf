//! Vendors, against the real thing or a faithful double of it.

mod dns;
mod knot;
mod resolver;
