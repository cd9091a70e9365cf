//! Where to go after logging in: a path on this very origin, or nowhere. Anything that a browser
//! could read as another origin (`//host`, `/\host`, control characters that it drops) is refused.

use std::fmt::Write;

/// The path, if going there stays on this origin.
pub fn checked(next: &str) -> Option<&str> {
    let mut bytes = next.bytes();
    let begins = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    let plain = next.len() <= 512 && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let leads_on = !next.starts_with("/logout") && !next.starts_with("/theme");
    (begins && plain && leads_on).then_some(next)
}

/// The path as a query value.
pub fn encoded(next: &str) -> String {
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
            assert_eq!(checked(good), Some(good));
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
            assert_eq!(checked(bad), None, "{bad:?}");
        }
        assert_eq!(checked(&format!("/{}", "x".repeat(512))), None);
    }

    #[test]
    fn encoding() {
        assert_eq!(encoded("/a?b=c&d"), "%2Fa%3Fb%3Dc%26d");
    }
}
