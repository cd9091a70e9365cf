//! Who acts: customers, staff, and the platform itself.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{CustomerId, StaffId},
    text::{CompanyName, EmailAddress},
};

/// An account that buys hosting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Login name and address for mail; unique.
    pub email: EmailAddress,
    /// Company or own name.
    pub company: CompanyName,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A person of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// Their id.
    pub id: StaffId,
    /// Login name; unique among staff.
    pub email: EmailAddress,
    /// What they may do.
    pub role: Role,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// What a person of the operator may do; each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything, works tickets and appointments.
    Support,
    /// All but the management of staff and settings.
    Admin,
    /// Everything.
    SuperAdmin,
}

impl Role {
    /// All roles, weakest first.
    pub const ALL: [Self; 3] = [Self::Support, Self::Admin, Self::SuperAdmin];

    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::Admin => "admin",
            Self::SuperAdmin => "super_admin",
        }
    }

    /// The name on screens.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Support => "Support",
            Self::Admin => "Admin",
            Self::SuperAdmin => "Super admin",
        }
    }

    /// What somebody with the role may do, for screens.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Support => "Can view everything, but not change it.",
            Self::Admin => "Can do everything except manage staff and settings.",
            Self::SuperAdmin => "Can do everything, including managing staff and settings.",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no role: use support, admin or super_admin"))
    }
}

/// Whether a person of the operator can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StaffState {
    /// They have not chosen a password yet.
    Invited,
    /// They can.
    Active,
    /// A super admin has closed the account, and can open it again.
    Deactivated,
    /// The account is gone; history keeps its name.
    Deleted,
}

impl StaffState {
    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
        }
    }

    /// Whether the account has sessions and tokens that work.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Invited | Self::Active)
    }
}

/// Who is behind a request, a job or a line of the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Actor {
    /// Nobody known.
    Nobody,
    /// A customer, on their own sites.
    Customer(CustomerId),
    /// Staff with a role.
    Staff(StaffId, Role),
    /// The platform itself: reconcilers, jobs, and the command line on the same machine.
    System,
}

impl Actor {
    /// The customer, if it is one.
    pub fn customer(&self) -> Option<CustomerId> {
        match self {
            Self::Customer(id) => Some(*id),
            Self::Nobody | Self::Staff(..) | Self::System => None,
        }
    }

    /// Whether the actor has at least this role; the platform itself has every role.
    pub fn has_role(&self, least: Role) -> bool {
        match self {
            Self::Staff(_, role) => *role >= least,
            Self::System => true,
            Self::Nobody | Self::Customer(_) => false,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::Customer(id) => write!(f, "{id}"),
            Self::Staff(id, role) => write!(f, "{id} ({})", role.as_str()),
            Self::System => f.write_str("system"),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn roles_read_back_and_their_words_are_stored_ones() {
        assert_eq!(Role::ALL.map(Role::as_str), ["support", "admin", "super_admin"]);
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).expect("a word"), role.as_str());
        }
        assert!("root".parse::<Role>().is_err_and(|error| error.contains("\"root\"")));
    }

    #[test]
    fn each_role_has_the_rights_of_the_weaker_ones() {
        let staff = |role| Actor::Staff(StaffId::from_uuid(Uuid::nil()), role);
        for (index, role) in Role::ALL.into_iter().enumerate() {
            for (needed, least) in Role::ALL.into_iter().enumerate() {
                assert_eq!(staff(role).has_role(least), index >= needed, "{role:?} for {least:?}");
            }
            assert!(Actor::System.has_role(role));
            assert!(!Actor::Nobody.has_role(role));
            assert!(!Actor::Customer(CustomerId::from_uuid(Uuid::nil())).has_role(role));
        }
    }

    #[test]
    fn only_a_customer_is_a_customer_and_every_actor_is_named() {
        let (customer, staff) = (CustomerId::from_uuid(Uuid::from_u128(1)), StaffId::from_uuid(Uuid::from_u128(2)));
        let actors = [Actor::Nobody, Actor::Customer(customer), Actor::Staff(staff, Role::Admin), Actor::System];
        assert_eq!(actors.map(|actor| actor.customer()), [None, Some(customer), None, None]);
        let names = ["nobody".to_owned(), customer.to_string(), format!("{staff} (admin)"), "system".to_owned()];
        assert_eq!(actors.map(|actor| actor.to_string()), names);
    }
}
