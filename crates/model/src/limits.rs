//! How much of the machine a service may use, in exact units.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An amount of memory or disk in bytes, written as Compose writes it: `512m`, `1g`, `1.5gb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bytes(pub u64);

impl Bytes {
    /// `n` mebibytes.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// About how much it is, for people: `512 MB`, `1.5 GB`, in units of 1024, as memory limits are written.
    pub fn rounded(self) -> String {
        const MB: u64 = 1 << 20;
        const GB: u64 = 1 << 30;
        let count = self.0;
        match count {
            0..1024 => format!("{count} B"),
            1024..MB => format!("{} kB", count / 1024),
            MB..GB => format!("{} MB", count / MB),
            _ => format!("{}.{} GB", count / GB, count % GB * 10 / GB),
        }
    }
}

impl Bytes {
    /// For price lists: `1 GB` where [`rounded`](Self::rounded) says `1.0 GB`.
    pub fn brief(self) -> String {
        self.rounded().replace(".0 ", " ")
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let shift = match lower[digits.len()..].trim_end_matches('b') {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            unit => return Err(format!("unknown unit {unit:?}: use b, k, m or g")),
        };
        let amount: f64 = digits.parse().map_err(|_| format!("{text:?} is not an amount: write 512m or 1.5g"))?;
        let bytes = amount * f64::from(1u32 << shift);
        if !(0.0..=9.0e15).contains(&bytes) {
            return Err(format!("{text:?} is out of range"));
        }
        Ok(Self(bytes.round() as u64))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(30, "g"), (20, "m"), (10, "k")] {
            if self.0 >= 1 << shift && self.0.is_multiple_of(1 << shift) {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}b", self.0)
    }
}

/// A share of processor time in thousandths of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MilliCpu(pub u32);

impl FromStr for MilliCpu {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cores: f64 =
            text.trim().parse().map_err(|_| format!("{text:?} is not a number of cores: write 0.5 or 2"))?;
        if !(0.01..=1024.0).contains(&cores) {
            return Err(format!("{text:?} is out of range: use 0.01 to 1024 cores"));
        }
        Ok(Self((cores * 1000.0).round() as u32))
    }
}

impl fmt::Display for MilliCpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 1000.0)
    }
}

/// Hard limits of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory. When a service needs more, the kernel kills one of its processes.
    pub memory: Bytes,
    /// Processor time.
    pub cpu: MilliCpu,
    /// Processes and threads.
    pub pids: u32,
}

impl Limits {
    /// Limits of a service that names none. Nothing runs unlimited.
    pub const DEFAULT: Self = Self { memory: Bytes::mib(256), cpu: MilliCpu(500), pids: 200 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_compose_writes_them() {
        for (text, bytes) in
            [("512m", 512 << 20), ("1g", 1 << 30), ("1.5GB", 3 << 29), ("100", 100), ("64kb", 64 << 10), ("7b", 7)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "m", "1t", "-1m", "1e99g", "nan", "1 0m"] {
            assert!(text.parse::<Bytes>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn amounts_print_in_the_largest_exact_unit() {
        assert_eq!(Bytes::mib(512).to_string(), "512m");
        assert_eq!(Bytes(1 << 30).to_string(), "1g");
        assert_eq!(Bytes(1000).to_string(), "1000b");
    }

    #[test]
    fn cores() {
        assert_eq!("0.25".parse(), Ok(MilliCpu(250)));
        assert_eq!(MilliCpu(1500).to_string(), "1.5");
        for text in ["0", "-1", "x", "inf", "nan"] {
            assert!(text.parse::<MilliCpu>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn amounts_that_fill_no_unit_print_in_a_smaller_one() {
        for (bytes, text) in [
            (0, "0b"),
            (1023, "1023b"),
            (1024, "1k"),
            (1025, "1025b"),
            (3 << 19, "1536k"),
            ((1 << 30) + 1024, "1048577k"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(Bytes(bytes)));
        }
        assert_eq!(Bytes::mib(3), Bytes(3 * 1024 * 1024));
    }

    #[test]
    fn cores_have_bounds() {
        for (text, cpu) in [("0.01", 10), ("1", 1000), ("1024", 1_024_000), (" 2.5 ", 2500)] {
            assert_eq!(text.parse(), Ok(MilliCpu(cpu)), "{text}");
        }
        for text in ["0.009", "1024.1"] {
            assert!(text.parse::<MilliCpu>().is_err(), "{text} was accepted");
        }
    }
}
