//! Domains that customers bring along.
//!
//! ```text
//! claimed ──(TXT or file)──► verified ──(leads here)──► certificate ──(wanted)──► main address
//!    └──(claim ran out)──► removed ◄──(given up)──┘
//! ```
//!
//! The rules, and why:
//! * A claim proves nothing and keeps nobody else from claiming: else a name could be squatted. A
//!   *verified* name is one site's; the unique hostname in the database says so.
//! * The file must lie on somebody else's web server: our own answers for every name that leads
//!   here, so it proves nothing (a forgotten or wildcard record, a domain whose owner has left or
//!   has not claimed it yet). TXT counts always, as only who controls the domain can set it.
//! * What leads elsewhere is not asked a certificate for: that would only use up what the
//!   authority allows.

mod again;
mod check;
mod claim;
mod leads;
mod main;
mod show;
mod tend;

pub(crate) use again::Readdressed;
pub(crate) use leads::Leads;
