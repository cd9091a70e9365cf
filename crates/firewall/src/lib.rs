//! The tenant firewall: what containers of sites can reach, by rules of our own.
//!
//! Docker separates its networks, but any reload of the machine's firewall may remove its rules, and it
//! lets containers reach the machine, its neighbours and a cloud's metadata. So:
//!
//! - **Two walls.** The table `inet stoa` of nftables only refuses: a drop in any chain is final, whatever
//!   Docker, firewalld, ufw or an administrator accept in theirs. And policy routing prohibits packets from
//!   one site's network to another's, which `nft flush ruleset` does not touch.
//! - **Nothing depends on a site.** Sites' bridges are called `stoa-…`, and the rules match that. They hold
//!   before the first container starts, and an order does not change them.
//! - **A keeper** ([`keep`]) looks at every change of nftables and every [`INTERVAL`], and puts back what is missing. The
//!   result is in a file ([`Status`]), as the platform itself need not run as root: see
//!   `docs/decisions/026-tenant-firewall.md`.
//!
//! Programs (`nft`, `ip`, `iptables`) get argument lists and have a deadline.

mod host;
mod keeper;
mod policy;
mod ruleset;
mod status;

pub use host::{Error, apply, is_permitted, remove};
pub use keeper::{INTERVAL, keep};
pub use policy::{Destination, EdgePort, Policy, system_name_servers};
pub use status::{Condition, Status};
