//! Names for what must be unique, whatever the database calls it in its message.

use std::fmt;

/// Something that must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// A hostname leads to one site.
    Hostname,
    /// A site claims a domain once at a time.
    DomainClaim,
    /// A customer's e-mail address.
    CustomerEmail,
    /// A staff member's e-mail address.
    StaffEmail,
    /// One unfinished job per site.
    ActiveJob,
    /// A lease belongs to one site.
    Lease,
    /// A site's name on the engine.
    Project,
    /// An idempotency key of one actor.
    IdempotencyKey,
    /// The hash of an API token.
    TokenHash,
    /// A secret of a site that another job put.
    Secret,
    /// A credential of a site that another job put.
    Credential,
    /// The id of a new row, or another key that only a bug repeats.
    Key,
}

/// Each with its unique index, and with the columns by which SQLite names that index.
const NAMES: [(Constraint, &str, &str); 11] = [
    (Constraint::Hostname, "hostnames_hostname", "hostnames.hostname"),
    (Constraint::DomainClaim, "domains_claim", "domains.site, domains.active_name"),
    (Constraint::CustomerEmail, "customers_email", "customers.email"),
    (Constraint::StaffEmail, "staff_email", "staff.email"),
    (Constraint::ActiveJob, "jobs_active_site", "jobs.active_site"),
    (Constraint::Lease, "sites_subnet_base", "sites.subnet_base"),
    (Constraint::Project, "sites_project", "sites.project"),
    (Constraint::IdempotencyKey, "idempotency_key", "idempotency.actor, idempotency.idem_key"),
    (Constraint::TokenHash, "tokens_hash", "tokens.hash"),
    (Constraint::Secret, "secrets_name", "secrets.site, secrets.name"),
    (Constraint::Credential, "credentials_ordinal", "credentials.site, credentials.ordinal"),
];

impl Constraint {
    /// The one that `named` means: an index, with or without its table, or SQLite's list of columns.
    pub(crate) fn find(named: &str) -> Self {
        let index = named.rsplit('.').next().unwrap_or(named);
        NAMES.iter().find(|(_, name, columns)| *name == index || *columns == named).map_or(Self::Key, |found| found.0)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hostname => "this hostname",
            Self::DomainClaim => "this site's claim of this domain",
            Self::CustomerEmail => "a customer with this e-mail address",
            Self::StaffEmail => "a staff member with this e-mail address",
            Self::ActiveJob => "an unfinished job of this site",
            Self::Lease => "this lease",
            Self::Project => "a site with this name on the engine",
            Self::IdempotencyKey => "this idempotency key",
            Self::TokenHash => "this token",
            Self::Secret => "this secret, put by another job,",
            Self::Credential => "this credential, put by another job,",
            Self::Key => "a row with this key",
        })
    }
}
