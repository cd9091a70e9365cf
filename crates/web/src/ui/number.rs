//! Formats numbers for people.

/// `12,345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 request`, `12,345 requests`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A percentage that never rounds something down to zero: `0 %`, `under 0.1 %`, `2.5 %`.
pub fn share(part: u64, whole: u64) -> String {
    let whole = u128::from(whole.max(1));
    let thousandths = u64::try_from((u128::from(part) * 1000 + whole / 2) / whole).unwrap_or(1000);
    match (part, thousandths) {
        (0, _) => "0\u{a0}%".into(),
        (_, 0) => "under 0.1\u{a0}%".into(),
        (_, t) => format!("{}.{}\u{a0}%", t / 10, t % 10),
    }
}

/// The top of an axis: a round number at or above `n` whose half is round too.
pub fn nice(n: u64) -> u64 {
    const STEPS: [u64; 12] = [10, 12, 14, 16, 18, 20, 24, 30, 40, 50, 60, 80];
    if let Some(small) = [2, 4, 6, 8].into_iter().find(|step| *step >= n) {
        return small;
    }
    let mut power = 1u64;
    loop {
        if let Some(step) = STEPS.into_iter().map(|step| power.saturating_mul(step)).find(|top| *top >= n) {
            return step;
        }
        power = power.saturating_mul(10);
    }
}

/// Like [`nice`], for bytes, in units of 1024.
pub fn nice_bytes(n: u64) -> u64 {
    let mut unit = 1u64;
    while n.div_ceil(unit) > 1000 && unit < 1 << 50 {
        unit <<= 10;
    }
    nice(n.div_ceil(unit)).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((counted(1, "request").as_str(), counted(0, "request").as_str()), ("1 request", "0 requests"));
        assert_eq!(share(0, 0), "0\u{a0}%");
        assert_eq!(share(1, 1_000_000), "under 0.1\u{a0}%");
        assert_eq!((share(25, 1_000), share(1, 6)), ("2.5\u{a0}%".into(), "16.7\u{a0}%".into()));
        assert_eq!(share(7, 7), "100.0\u{a0}%");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0, 1, 2, 3, 9, 21, 81, 801, 1_071].map(nice), [2, 2, 2, 4, 10, 24, 100, 1_000, 1_200]);
        assert_eq!(nice(u64::MAX), u64::MAX);
        assert_eq!(nice_bytes(900), 1_000);
        assert_eq!(nice_bytes(3 << 20), 4 << 20);
        assert_eq!(nice_bytes(1_001 << 20), 2 << 30);
    }
}
