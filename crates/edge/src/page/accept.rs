//! Which form of a page a client likes better.

use http::{HeaderMap, header::ACCEPT};

/// The form of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accept {
    Html,
    Json,
}

impl Accept {
    /// JSON only if the client names it and does not like HTML better (RFC 9110 12.5.1).
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
            ("*/*", Accept::Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Accept::Html),
            ("application/json", Accept::Json),
            ("application/json, text/plain, */*", Accept::Json),
            ("text/html;q=0.5, application/problem+json", Accept::Json),
            ("application/json;q=0.2, text/html", Accept::Html),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(Accept::of(&headers), expected, "{accept}");
        }
        assert_eq!(Accept::of(&HeaderMap::new()), Accept::Html);
    }
}
