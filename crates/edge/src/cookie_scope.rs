//! Keeps what a site tells browsers to itself. Sites share a parent domain with each other and with the portal, and a
//! response could speak for all of them in two ways:
//!
//! * A cookie for a parent domain (RFC 6265 5.2.3). Its `Domain` is removed, unless that is a name of the same site or
//!   below one: then browsers send it back to the host that set it, and to nobody else.
//! * `Clear-Site-Data`, which clears the cookies of the whole registrable domain. Only what concerns the origin itself
//!   passes.
//!
//! Scripts can still set such cookies, so operators should use a domain for the sites alone (docs/dns.md).

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{Entry, SET_COOKIE},
};

use crate::headers::tokens;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// What concerns a single origin (W3C Clear Site Data 3.1).
const OF_ONE_ORIGIN: [&str; 6] =
    ["\"cache\"", "\"storage\"", "\"executionContexts\"", "\"clientHints\"", "\"prefetchCache\"", "\"prerenderCache\""];

/// Removes from the response of `host` what concerns other sites too. `is_own` tells whether a name is the site's.
pub(crate) fn confine(headers: &mut HeaderMap, host: &str, is_own: impl Fn(&str) -> bool) {
    if headers.contains_key(CLEAR_SITE_DATA) {
        let kept: Vec<_> = tokens(headers, &CLEAR_SITE_DATA).filter(|kind| OF_ONE_ORIGIN.contains(kind)).collect();
        match HeaderValue::try_from(kept.join(", ")) {
            Ok(kept) if !kept.is_empty() => drop(headers.insert(CLEAR_SITE_DATA, kept)),
            _ => drop(headers.remove(CLEAR_SITE_DATA)),
        }
    }
    if let Entry::Occupied(mut cookies) = headers.entry(SET_COOKIE) {
        for cookie in cookies.iter_mut() {
            if let Some(narrow) = narrowed(cookie, |domain| is_wide(domain, host, &is_own)) {
                *cookie = narrow;
            }
        }
    }
}

/// The cookie without its `Domain`; `None` if that is not too wide.
fn narrowed(cookie: &HeaderValue, is_wide: impl Fn(&[u8]) -> bool) -> Option<HeaderValue> {
    let domain = |attribute: &[u8]| {
        let (name, value) = attribute.split_at(attribute.iter().position(|byte| *byte == b'=')?);
        name.trim_ascii().eq_ignore_ascii_case(b"domain").then(|| value[1..].trim_ascii().to_owned())
    };
    let mut attributes = cookie.as_bytes().split(|byte| *byte == b';');
    let pair = attributes.next()?;
    if !attributes.clone().filter_map(domain).any(|domain| is_wide(&domain)) {
        return None;
    }
    let mut text = pair.to_owned();
    for attribute in attributes.filter(|attribute| domain(attribute).is_none()) {
        text.push(b';');
        text.extend_from_slice(attribute);
    }
    HeaderValue::try_from(text).ok()
}

/// Whether a cookie of `host` for this domain reaches other sites. Browsers reject cookies for domains that `host` is
/// not in.
fn is_wide(domain: &[u8], host: &str, is_own: impl Fn(&str) -> bool) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let Some(domain) = std::str::from_utf8(domain).ok().filter(|text| text.bytes().all(|byte| is_plain(&byte))) else {
        // Browsers decode and normalize it: it may be any name.
        return true;
    };
    let domain = domain.trim_matches('.').to_ascii_lowercase();
    let is_parent = !domain.is_empty() && host.strip_suffix(&domain).is_some_and(|below| below.ends_with('.'));
    let above = |name: &&str| name.split_once('.').map(|(_, parent)| parent.len());
    let mut names =
        std::iter::successors(Some(domain.as_str()), |name| above(name).map(|length| &name[name.len() - length..]));
    is_parent && !names.any(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confined(name: &str, values: &[&str]) -> Vec<String> {
        let name = HeaderName::try_from(name).expect("a name");
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, HeaderValue::try_from(*value).expect("a value"));
        }
        confine(&mut headers, "www.shop.example.com", |name| {
            ["www.shop.example.com", "shop.example.com"].contains(&name)
        });
        headers.get_all(&name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }

    #[test]
    fn cookies_stay_with_the_site() {
        let narrow = [
            "a=b; Path=/; Domain=example.com; Secure",
            "a=b; Path=/; dOmAiN = .EXAMPLE.com ; Secure",
            "a=b; Path=/; Domain=com; Secure",
            "a=b; Path=/; Domain=shop.example.com; Domain=example.com; Secure",
            "a=b; Path=/; Domain=example.com; Domain=shop.example.com; Secure",
            "a=b; Path=/; Domain=%65xample.com; Secure",
            "a=b; Path=/; Domain=\u{ff45}xample.com; Secure",
            "a=b; Path=/; Domain=example.com.; Secure",
        ];
        assert_eq!(confined("set-cookie", &narrow), ["a=b; Path=/; Secure"; 8]);
        let same = [
            "a=b",
            "a=b; Domain=",
            "a=b; Domain",
            "a=Domain=example.com",
            "a=b; Domain=www.shop.example.com",
            "a=b; Domain=.shop.example.com",
            "a=b; Domain=ample.com",
            "a=b; Domain=other.example",
            "a=b; Domain=x.www.shop.example.com",
        ];
        assert_eq!(confined("set-cookie", &same), same);
    }

    #[test]
    fn only_data_of_the_origin_is_cleared() {
        assert_eq!(confined("clear-site-data", &["\"cache\", \"cookies\"", "\"storage\""]), ["\"cache\", \"storage\""]);
        assert_eq!(confined("clear-site-data", &["\"*\""]), [""; 0]);
        assert_eq!(confined("clear-site-data", &["\"cookies\""]), [""; 0]);
    }
}
