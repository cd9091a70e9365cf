//! How much of its disk space a site uses.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Largest request body while a site's storage is full, in bytes: enough for its owner to log in and delete something, too
/// small for uploads.
pub const FULL_BODY: u64 = 64 << 10;

/// How full a site's storage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageLevel {
    /// Below 80 % of its limit, or without one.
    Free,
    /// 80 % and more: its owner is warned.
    High,
    /// 90 % and more: its owner is warned again.
    NearlyFull,
    /// 100 % and more: uploads are refused.
    Full,
    /// More than 110 %: the site is suspended.
    Exceeded,
}

impl StorageLevel {
    /// All of them, rising.
    pub const ALL: [Self; 5] = [Self::Free, Self::High, Self::NearlyFull, Self::Full, Self::Exceeded];

    /// The level of these bytes; a limit of 0 is none.
    pub fn of(bytes: u64, limit: u64) -> Self {
        let reaches = |percent: u128| u128::from(bytes) * 100 >= u128::from(limit) * percent;
        match limit {
            0 => Self::Free,
            _ if u128::from(bytes) * 100 > u128::from(limit) * 110 => Self::Exceeded,
            _ if reaches(100) => Self::Full,
            _ if reaches(90) => Self::NearlyFull,
            _ if reaches(80) => Self::High,
            _ => Self::Free,
        }
    }

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::High => "high",
            Self::NearlyFull => "nearly_full",
            Self::Full => "full",
            Self::Exceeded => "exceeded",
        }
    }
}

impl fmt::Display for StorageLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StorageLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|level| level.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no level of storage"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_begin_where_they_say() {
        let of = |bytes| StorageLevel::of(bytes, 1000);
        use StorageLevel::{Exceeded, Free, Full, High, NearlyFull};
        let levels = [
            (0, Free),
            (799, Free),
            (800, High),
            (899, High),
            (900, NearlyFull),
            (999, NearlyFull),
            (1000, Full),
            (1100, Full),
        ];
        for (bytes, level) in levels.into_iter().chain([(1101, Exceeded), (u64::MAX, Exceeded)]) {
            assert_eq!(of(bytes), level, "{bytes}");
        }
        assert_eq!(StorageLevel::of(u64::MAX, 0), Free);
        assert_eq!(StorageLevel::of(u64::MAX, u64::MAX), Full);
        for level in StorageLevel::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
        }
    }
}
