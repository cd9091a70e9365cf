//! Names of the unique constraints, independent of how a database reports them.

use std::fmt;

/// A unique constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// A hostname belongs to one site.
    Hostname,
    /// A site has one active claim per domain.
    DomainClaim,
    /// A customer's e-mail address.
    CustomerEmail,
    /// A staff member's e-mail address.
    StaffEmail,
    /// A person's e-mail address.
    UserEmail,
    /// An organization has one open invitation per address.
    OpenInvitation,
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
    /// The id of a passkey's credential.
    Passkey,
    /// A secret of a site that another job wrote.
    Secret,
    /// A credential of a site that another job wrote.
    Credential,
    /// A plan's short name.
    PlanSlug,
    /// One running subscription per site.
    SiteSubscription,
    /// A subscription's id at Stripe.
    StripeSubscription,
    /// A name that another order waits for the payment of.
    ReservedHostname,
    /// The id of a row, or another key that only a bug repeats.
    Key,
}

/// Each constraint with its unique index, and the columns by which SQLite reports that index.
const NAMES: [(Constraint, &str, &str); 18] = [
    (Constraint::Hostname, "hostnames_hostname", "hostnames.hostname"),
    (Constraint::DomainClaim, "domains_claim", "domains.site, domains.active_name"),
    (Constraint::CustomerEmail, "customers_email", "customers.email"),
    (Constraint::StaffEmail, "staff_email", "staff.email"),
    (Constraint::UserEmail, "users_email", "users.email"),
    (Constraint::OpenInvitation, "invitations_open", "invitations.customer, invitations.open_email"),
    (Constraint::ActiveJob, "jobs_active_site", "jobs.active_site"),
    (Constraint::Lease, "sites_subnet_base", "sites.subnet_base"),
    (Constraint::Project, "sites_project", "sites.project"),
    (Constraint::IdempotencyKey, "idempotency_key", "idempotency.actor, idempotency.idem_key"),
    (Constraint::TokenHash, "tokens_hash", "tokens.hash"),
    (Constraint::Passkey, "passkeys_credential", "passkeys.credential"),
    (Constraint::Secret, "secrets_name", "secrets.site, secrets.name"),
    (Constraint::Credential, "credentials_ordinal", "credentials.site, credentials.ordinal"),
    (Constraint::PlanSlug, "plans_slug", "plans.slug"),
    (Constraint::SiteSubscription, "subscriptions_live_site", "subscriptions.live_site"),
    (Constraint::StripeSubscription, "subscriptions_stripe", "subscriptions.stripe_id"),
    (Constraint::ReservedHostname, "checkouts_hostname", "checkouts.open_hostname"),
];

impl Constraint {
    /// The constraint reported as `name`: an index, with or without its table, or SQLite's list of columns.
    pub(crate) fn find(name: &str) -> Self {
        let index = name.rsplit('.').next().unwrap_or(name);
        NAMES.iter().find(|(_, known, columns)| *known == index || *columns == name).map_or(Self::Key, |found| found.0)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hostname => "this hostname",
            Self::DomainClaim => "this site's claim of this domain",
            Self::CustomerEmail => "a customer with this e-mail address",
            Self::StaffEmail => "a staff member with this e-mail address",
            Self::UserEmail => "a person with this e-mail address",
            Self::OpenInvitation => "an open invitation of this address",
            Self::ActiveJob => "an unfinished job of this site",
            Self::Lease => "this lease",
            Self::Project => "a site with this name on the engine",
            Self::IdempotencyKey => "this idempotency key",
            Self::TokenHash => "this token",
            Self::Passkey => "this passkey",
            Self::Secret => "this secret, written by another job,",
            Self::Credential => "this credential, written by another job,",
            Self::PlanSlug => "a plan with this short name",
            Self::SiteSubscription => "a running subscription of this site",
            Self::StripeSubscription => "this subscription of Stripe",
            Self::ReservedHostname => "a checkout for this hostname",
            Self::Key => "a row with this key",
        })
    }
}
