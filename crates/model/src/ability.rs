//! What an API token may do. A token can do what its owner may do *now* and its abilities include; no ability
//! includes another one.

use std::{fmt, str::FromStr};

/// One ability of an API token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// Read everything but passwords.
    Read,
    /// Read passwords, and log in to sites.
    ReadSecrets,
    /// Create, change and delete.
    Write,
    /// Deploy new versions of existing sites.
    Deploy,
    /// Read and change what is paid for.
    Billing,
}

impl Ability {
    /// All abilities.
    pub const ALL: [Self; 5] = [Self::Read, Self::ReadSecrets, Self::Write, Self::Deploy, Self::Billing];

    /// The name in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadSecrets => "read:secrets",
            Self::Write => "write",
            Self::Deploy => "deploy",
            Self::Billing => "billing",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Ability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|ability| ability.as_str() == text);
        found.ok_or_else(|| format!("Unknown ability {text:?}. Use read, read:secrets, write, deploy or billing."))
    }
}

/// A set of abilities. The empty set permits nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities(u8);

impl Abilities {
    /// Every ability.
    pub fn all() -> Self {
        Ability::ALL.into_iter().collect()
    }

    /// Whether the set includes `ability`.
    pub const fn has(self, ability: Ability) -> bool {
        self.0 & ability.bit() != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The abilities, in the order of [`Ability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Ability> {
        Ability::ALL.into_iter().filter(move |ability| self.has(*ability))
    }
}

impl FromIterator<Ability> for Abilities {
    fn from_iter<I: IntoIterator<Item = Ability>>(abilities: I) -> Self {
        Self(abilities.into_iter().fold(0, |bits, ability| bits | ability.bit()))
    }
}

/// Stored form: names separated by spaces.
impl fmt::Display for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Ability::as_str).collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Debug for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Abilities({self})")
    }
}

impl FromStr for Abilities {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_whitespace().map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_and_an_empty_one_permits_nothing() {
        for bits in 0..32 {
            let set = Abilities(bits);
            assert_eq!(set.to_string().parse(), Ok(set));
            assert_eq!(set.iter().count(), bits.count_ones() as usize);
        }
        assert_eq!("".parse(), Ok(Abilities::default()));
        assert!(Ability::ALL.into_iter().all(|ability| !Abilities::default().has(ability)));
        assert!(Ability::ALL.into_iter().all(|ability| Abilities::all().has(ability)));
    }

    #[test]
    fn an_unknown_name_is_refused_rather_than_skipped() {
        assert!("read admin".parse::<Abilities>().is_err_and(|why| why.contains("\"admin\"")));
    }

    #[test]
    fn no_ability_includes_another() {
        for ability in Ability::ALL {
            assert_eq!(Abilities::from_iter([ability]).iter().collect::<Vec<_>>(), [ability]);
        }
    }
}
