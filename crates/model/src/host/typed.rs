//! Hostnames as people type and paste them.

use std::net::IpAddr;

use super::Hostname;
use crate::field::Invalid;

/// Top-level domains that are not in the public DNS (RFC 6761, 6762, 7686, 9476, ICANN's `internal`), and that of
/// infrastructure (RFC 3172). `example` and `test` are left out: RFC 6761 asks programs not to treat them differently.
const SPECIAL_USE: &[&str] = &["alt", "arpa", "internal", "invalid", "local", "localdomain", "localhost", "onion"];

impl Hostname {
    /// Parses a name as typed or pasted: in Unicode or as `xn--`, in upper case, with `https://` in front, or with a
    /// final dot or slash.
    ///
    /// # Errors
    /// Says what it is instead, and what to type.
    pub fn parse_typed(text: &str) -> Result<Self, Invalid> {
        let bad = |message: String| Err(Invalid::new("name", message));
        let text = text.trim();
        if text.split([',', ';']).nth(1).is_some() || text.split_whitespace().nth(1).is_some() {
            return bad("Enter one domain at a time, such as shop.example.com.".into());
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        if !["", "http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return bad(format!("Enter only the domain, without {scheme}://."));
        }
        let name = rest.trim_end_matches('/');
        if name.is_empty() {
            return bad("Enter a domain, such as shop.example.com.".into());
        }
        if let Some(at) = name.find(['/', '?', '#']) {
            return bad(format!("A domain has no path. Enter only {}.", &name[..at]));
        }
        if let Some((_, domain)) = name.rsplit_once('@') {
            return bad(format!("This is an e-mail address. Enter only what is behind the @: {domain}."));
        }
        if is_address(name) {
            return bad("This is an IP address. Enter a domain, such as shop.example.com.".into());
        }
        if let Some((domain, _)) = name.split_once(':') {
            return bad(format!("A domain has no port. Enter only {domain}."));
        }
        if name.contains('*') {
            return bad("A wildcard can't be used here. Enter each domain separately, such as shop.example.com.".into());
        }
        let ascii = match idna::domain_to_ascii(name) {
            Ok(ascii) => ascii,
            Err(_) => return bad(format!("{name:?} is not a valid domain: some of its characters can't be used.")),
        };
        let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
        if let Some(other) = ascii.chars().find(|c| !c.is_ascii_alphanumeric() && !".-".contains(*c)) {
            return bad(format!("A domain can't contain {other:?}. Enter it like shop.example.com."));
        }
        if let Some(long) = ascii.split('.').find(|label| label.len() > 63) {
            let length = long.len();
            return bad(format!("Between two dots, a domain has at most 63 characters; this one has {length}."));
        }
        if ascii.split('.').any(str::is_empty) {
            return bad("A domain has letters or digits between its dots, such as shop.example.com.".into());
        }
        if is_address(ascii) {
            return bad("This is an IP address. Enter a domain, such as shop.example.com.".into());
        }
        Self::parse(ascii).map_err(|invalid| Invalid { field: "name", ..invalid })
    }

    /// Whether the name is not in the public DNS by its definition, so that no public authority certifies it.
    pub fn is_special_use(&self) -> bool {
        self.as_str().rsplit('.').next().is_some_and(|last| SPECIAL_USE.contains(&last))
    }
}

/// Whether programs read this as an IP address: also `[::1]`, and what ends with a number, such as `127.1` (WHATWG URL
/// 3.5).
fn is_address(name: &str) -> bool {
    let bare = name.strip_prefix('[').map_or(name, |rest| rest.split(']').next().unwrap_or(rest));
    let host = name.split(':').next().unwrap_or(name);
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let is_hexadecimal = |digits: &str| digits.bytes().all(|b| b.is_ascii_hexdigit());
    bare.parse::<IpAddr>().is_ok()
        || !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit())
        || last.to_ascii_lowercase().strip_prefix("0x").is_some_and(is_hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type() {
        let long = format!("{}.example", "a".repeat(64));
        let name = "shop.example";
        for (typed, expected) in [
            ("shop.example", Ok(name)),
            (" Shop.Example. ", Ok(name)),
            ("HTTPS://shop.example/", Ok(name)),
            ("http://shop.example", Ok(name)),
            ("bücher.example", Ok("xn--bcher-kva.example")),
            ("BÜCHER。example.", Ok("xn--bcher-kva.example")),
            ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
            ("r3---sn.example", Ok("r3---sn.example")),
            ("straße.example", Ok("xn--strae-oqa.example")),
            ("1.2.3.example", Ok("1.2.3.example")),
            ("", Err("Enter a domain")),
            ("/", Err("Enter a domain")),
            ("https://", Err("Enter a domain")),
            (".", Err("between its dots")),
            ("a..example", Err("between its dots")),
            ("shop.example..", Err("between its dots")),
            ("ftp://shop.example", Err("without ftp://")),
            ("shop.example:443", Err("no port. Enter only shop.example.")),
            ("https://shop.example:8443/", Err("no port. Enter only shop.example.")),
            ("shop.example/path", Err("no path. Enter only shop.example.")),
            ("shop.example?a=b", Err("no path. Enter only shop.example.")),
            ("jane@shop.example", Err("e-mail address. Enter only what is behind the @: shop.example.")),
            ("*.shop.example", Err("wildcard")),
            ("a_b.example", Err("can't contain '_'")),
            ("a\u{0}b.example", Err("can't contain '\\0'")),
            ("<b>.example", Err("can't contain '<'")),
            ("-a.example", Err("hyphen")),
            (&long, Err("at most 63 characters; this one has 64")),
            ("a.example, b.example", Err("one domain at a time")),
            ("a.example b.example", Err("one domain at a time")),
            ("a.com;\n}\nserver{", Err("one domain at a time")),
            ("xn--a.example", Err("characters can't be used")),
            ("127.0.0.1", Err("IP address")),
            ("127.1", Err("IP address")),
            ("1.2.3", Err("IP address")),
            ("1.2.3.", Err("IP address")),
            ("0x7f.1:80", Err("IP address")),
            ("a.0x7F", Err("IP address")),
            ("１２７.１", Err("IP address")),
            ("[::1]", Err("IP address")),
            ("[::1]:80", Err("IP address")),
            ("2001:db8::1", Err("IP address")),
        ] {
            match (Hostname::parse_typed(typed), expected) {
                (Ok(found), Ok(name)) => assert_eq!(found.as_str(), name, "{typed:?}"),
                (Err(found), Err(part)) => assert!(found.message.contains(part), "{typed:?}: {}", found.message),
                (found, _) => panic!("{typed:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn special_use_names() {
        for (name, special) in
            [("nas.local", true), ("a.localhost", true), ("4.3.in-addr.arpa", true), ("a.test", false)]
        {
            assert_eq!(Hostname::parse(name).map(|name| name.is_special_use()), Ok(special), "{name}");
        }
    }
}
