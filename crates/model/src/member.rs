//! Members: which person may do what in which organization.
//!
//! A customer is an organization. Each person has founded one (its id has the same UUID as theirs) and may be a member
//! of others.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, UserId};

/// What a member may do in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Everything, including other owners.
    Owner,
    /// Everything but changing owners.
    Admin,
    /// Sites and domains; neither money nor members.
    Developer,
    /// Money; reads sites.
    Billing,
    /// Reads.
    Viewer,
}

/// A group of actions that roles allow or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Change sites and domains, and see their logins.
    ChangeSites,
    /// See and change what is paid.
    ManageMoney,
    /// Invite, change and remove members.
    ManageMembers,
    /// Change the organization itself.
    ManageOrganization,
}

impl MemberRole {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Developer, Self::Billing, Self::Viewer];

    /// The word in the database and in forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Billing => "billing",
            Self::Viewer => "viewer",
        }
    }

    /// The word on screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Admin => "Admin",
            Self::Developer => "Developer",
            Self::Billing => "Billing",
            Self::Viewer => "Viewer",
        }
    }

    /// What the role allows, for the form that chooses one.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Owner => "Everything, including other owners",
            Self::Admin => "Everything except changing owners",
            Self::Developer => "Manages sites and domains",
            Self::Billing => "Manages billing, sees sites",
            Self::Viewer => "Sees sites, changes nothing",
        }
    }

    /// Whether the role allows these actions.
    pub const fn allows(self, permission: Permission) -> bool {
        match self {
            Self::Owner | Self::Admin => true,
            Self::Developer => matches!(permission, Permission::ChangeSites),
            Self::Billing => matches!(permission, Permission::ManageMoney),
            Self::Viewer => false,
        }
    }

    /// Whether a member with this role may give the role `other`, or take it from somebody: nobody decides about a role
    /// above their own.
    pub const fn may_grant(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => !matches!(other, Self::Owner),
            Self::Developer | Self::Billing | Self::Viewer => false,
        }
    }
}

impl fmt::Display for MemberRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MemberRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a role: use owner, admin, developer, billing or viewer"))
    }
}

/// The person behind a command, with their role in the organization that they act for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub user: UserId,
    /// Their role.
    pub role: MemberRole,
}

impl UserId {
    /// The organization that this person has founded.
    pub const fn founded(self) -> CustomerId {
        CustomerId::from_uuid(self.uuid())
    }
}

impl CustomerId {
    /// The person who has founded this organization.
    pub const fn founder(self) -> UserId {
        UserId::from_uuid(self.uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_read_back() {
        for role in MemberRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("root".parse::<MemberRole>().is_err_and(|error| error.contains("\"root\"")));
    }

    #[test]
    fn each_role_allows_what_its_description_says() {
        use Permission::{ChangeSites, ManageMembers, ManageMoney, ManageOrganization};
        let allowed = |role: MemberRole| {
            [ChangeSites, ManageMoney, ManageMembers, ManageOrganization].map(|permission| role.allows(permission))
        };
        assert_eq!(allowed(MemberRole::Owner), [true; 4]);
        assert_eq!(allowed(MemberRole::Admin), [true; 4]);
        assert_eq!(allowed(MemberRole::Developer), [true, false, false, false]);
        assert_eq!(allowed(MemberRole::Billing), [false, true, false, false]);
        assert_eq!(allowed(MemberRole::Viewer), [false; 4]);
    }

    #[test]
    fn nobody_grants_above_their_own_role() {
        assert!(MemberRole::ALL.into_iter().all(|role| MemberRole::Owner.may_grant(role)));
        assert!(!MemberRole::Admin.may_grant(MemberRole::Owner) && MemberRole::Admin.may_grant(MemberRole::Admin));
        for role in [MemberRole::Developer, MemberRole::Billing, MemberRole::Viewer] {
            assert!(MemberRole::ALL.into_iter().all(|other| !role.may_grant(other)), "{role}");
        }
    }
}
