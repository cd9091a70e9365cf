//! Which format of a page a client prefers.

use http::{HeaderMap, header::ACCEPT};

/// The format of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageFormat {
    Html,
    Json,
}

impl PageFormat {
    /// JSON only if the client names it and does not prefer HTML (RFC 9110 12.5.1).
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let (mut html, mut json) = (0.0, 0.0);
        for range in crate::headers::tokens(headers, &ACCEPT) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|p| p.strip_prefix("q=")).map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
            match kind.as_str() {
                "text/html" | "application/xhtml+xml" => html = quality.max(html),
                "application/json" | "application/problem+json" => json = quality.max(json),
                _ => {}
            }
        }
        if json > html { Self::Json } else { Self::Html }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn json_is_for_those_who_ask_for_it() {
        for (accept, expected) in [
            ("*/*", PageFormat::Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PageFormat::Html),
            ("application/json", PageFormat::Json),
            ("application/json, text/plain, */*", PageFormat::Json),
            ("text/html;q=0.5, application/problem+json", PageFormat::Json),
            ("application/json;q=0.2, text/html", PageFormat::Html),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(PageFormat::of(&headers), expected, "{accept}");
        }
        assert_eq!(PageFormat::of(&HeaderMap::new()), PageFormat::Html);
    }
}
