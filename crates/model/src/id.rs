//! Identifiers: one type per kind, sortable by time of creation (UUIDv7, RFC 9562), printed with a
//! prefix that says what it is. A job's id can't be passed where a site's is meant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Text that is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind} id: expected {prefix}_ and 32 hexadecimal digits")]
pub struct BadId {
    kind: &'static str,
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix that every printed id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID; new ones should be version 7, so that ids sort by creation.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", Self::PREFIX, self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                text.strip_prefix($prefix)
                    .and_then(|rest| rest.strip_prefix('_'))
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(BadId { kind: $kind, prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A customer: an account that buys hosting.
    CustomerId = "cus", "customer";
    /// A person: a login that is a member of organizations.
    UserId = "usr", "user";
    /// A member of the operator's staff.
    StaffId = "stf", "staff";
    /// A site: one hosted store or website.
    SiteId = "site", "site";
    /// A job: a durable piece of work on one site, made of steps.
    JobId = "job", "job";
    /// A task: one deferred effect, done at least once.
    TaskId = "task", "task";
    /// A custom domain of a site.
    DomainId = "dom", "domain";
    /// A certificate.
    CertificateId = "crt", "certificate";
    /// An invitation to an organization.
    InvitationId = "inv", "invitation";
    /// A browser session.
    SessionId = "ses", "session";
    /// An API token.
    TokenId = "tok", "token";
    /// A passkey.
    PasskeyId = "pk", "passkey";
    /// An entry of the mail log.
    MailId = "mail", "e-mail";
    /// A note of staff about a customer.
    NoteId = "note", "note";
    /// A message that a site sends.
    SiteMailId = "smail", "message";
    /// A plan.
    PlanId = "plan", "plan";
    /// A price of a plan.
    PriceId = "price", "price";
    /// A subscription.
    SubscriptionId = "sub", "subscription";
    /// A checkout: an order that waits for its first payment.
    CheckoutId = "chk", "checkout";
    /// A payment.
    PaymentId = "pay", "payment";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_printing_and_parsing() {
        let id = SiteId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string(), "site_00000000000000000000000000000007");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let job = JobId::from_uuid(Uuid::from_u128(7)).to_string();
        assert!(job.parse::<SiteId>().is_err());
        assert!("site_7".parse::<SiteId>().is_err());
        assert!("site_0000000000000000000000000000000g".parse::<SiteId>().is_err());
        assert!("site_{0000-000000000000000000000000007}".parse::<SiteId>().is_err());
    }
}
