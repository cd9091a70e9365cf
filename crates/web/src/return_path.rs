//! Where to return after logging in: only to a path on this origin. Anything that a browser could read as
//! another origin (`//host`, `/\host`, control characters that it drops) is rejected.

use std::fmt::Write;

/// The path, if a redirect to it stays on this origin.
pub fn same_origin(next: &str) -> Option<&str> {
    let mut bytes = next.bytes();
    let is_absolute_path = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    let is_plain = next.len() <= 512 && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let is_page = !next.starts_with("/logout") && !next.starts_with("/theme");
    (is_absolute_path && is_plain && is_page).then_some(next)
}

/// Percent-encodes a query value.
pub fn percent_encode(next: &str) -> String {
    next.bytes().fold(String::with_capacity(next.len() + 8), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_origin() {
        for good in ["/", "/dashboard", "/sites/site_1?x=1&y=2#z"] {
            assert_eq!(same_origin(good), Some(good));
        }
        for bad in [
            "",
            "dashboard",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x",
            "/a b",
            "/x\\y",
            "/logout",
        ] {
            assert_eq!(same_origin(bad), None, "{bad:?}");
        }
        assert_eq!(same_origin(&format!("/{}", "x".repeat(512))), None);
    }

    #[test]
    fn encoding() {
        assert_eq!(percent_encode("/a?b=c&d"), "%2Fa%3Fb%3Dc%26d");
    }
}
