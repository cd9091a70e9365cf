//! Extractors for handlers. Permissions are types: a handler that has an
//! [`AccessibleSite`](permissions::AccessibleSite) can't have skipped the check.

pub mod body;
pub mod id;
pub mod permissions;
mod staff_reads;
pub mod stale_form;
