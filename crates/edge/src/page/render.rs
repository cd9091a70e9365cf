//! All pages as finished responses, made when the edge starts; each answer is a clone of one.
//!
//! The policy allows one style sheet by its hash and nothing else: no script, no image, no frame, no
//! form. Nothing is cached, as each of these states is temporary.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response,
    header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS},
};
use sha2::{Digest, Sha256};
use stoa_model::route::Notice;

use super::{
    content::{Page, PageText},
    format::PageFormat,
};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// All pages in both formats.
#[derive(Debug)]
pub(crate) struct RenderedPages {
    product: String,
    policy: HeaderValue,
    rendered: Vec<(Page, PageFormat, Response<Bytes>)>,
}

impl RenderedPages {
    /// Renders them all for a product of this name.
    pub(crate) fn new(product: &str) -> Self {
        let mut pages = Self { product: escape(product), policy: policy(), rendered: Vec::new() };
        let all = Page::ALL.into_iter().flat_map(|page| [(page, PageFormat::Html), (page, PageFormat::Json)]);
        pages.rendered = all.map(|(page, format)| (page, format, pages.render(page, format))).collect();
        pages
    }

    /// The whole response, in the format that the client prefers. Its body is shared, not copied.
    pub(crate) fn response(&self, page: Page, format: PageFormat) -> Response<Bytes> {
        let rendered = self.rendered.iter().find(|(p, f, _)| *p == page && *f == format);
        rendered.map_or_else(|| self.render(page, format), |(_, _, response)| response.clone())
    }

    fn render(&self, page: Page, format: PageFormat) -> Response<Bytes> {
        let text = page.text();
        let (kind, body) = match format {
            PageFormat::Html => ("text/html; charset=utf-8", self.html(page, &text)),
            PageFormat::Json => ("application/problem+json", problem(&text)),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = text.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        insert_page_headers(page, &text, headers);
        response
    }

    fn html(&self, page: Page, text: &PageText) -> String {
        let starting = page == Page::Notice(Notice::Starting);
        let refresh = if starting { "\n<meta http-equiv=\"refresh\" content=\"2\">" } else { "" };
        let waiting = if starting { "\n<div class=\"bar\" aria-hidden=\"true\"></div>" } else { "" };
        // The product's name comes last: it is text, even if it contains a placeholder.
        TEMPLATE
            .replace("{refresh}", refresh)
            .replace("{waiting}", waiting)
            .replace("{style}", STYLE)
            .replace("{status}", text.status.as_str())
            .replace("{title}", text.title)
            .replace("{detail}", text.detail)
            .replace("{product}", &self.product)
    }
}

/// Adds the fields that only some pages have.
fn insert_page_headers(page: Page, text: &PageText, headers: &mut HeaderMap) {
    if let Some(seconds) = text.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if page == Page::NoTunnels {
        // RFC 9110 15.5.6: a 405 lists what is allowed.
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    }
}

/// RFC 9457. The title of a problem of type `about:blank` is the phrase of its status (4.2.1); `code`
/// distinguishes problems with the same status.
fn problem(text: &PageText) -> String {
    let title = text.status.canonical_reason().unwrap_or(text.title);
    let mut problem = serde_json::json!({
        "type": "about:blank",
        "title": title,
        "status": text.status.as_u16(),
        "detail": text.detail,
        "code": text.code,
    });
    if let Some(seconds) = text.retry_after {
        problem["retry_after"] = seconds.into();
    }
    problem.to_string()
}

/// Text that is safe within an element and within a quoted attribute.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// The policy of all pages.
pub(crate) fn content_security_policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn policy() -> HeaderValue {
    HeaderValue::try_from(content_security_policy()).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response<Bytes>) -> String {
        String::from_utf8_lossy(response.body()).into_owned()
    }

    #[test]
    fn every_page_is_whole() {
        let pages = RenderedPages::new("Stoa");
        for page in Page::ALL {
            let response = pages.response(page, PageFormat::Html);
            let html = text(&response);
            let places = html.replace(STYLE, "");
            assert!(!places.contains('{'), "an unfilled place in {places}");
            assert!(!html.contains("<script") && !html.contains("style="), "{html}");
            assert!(html.contains(page.text().title) && html.contains(response.status().as_str()), "{html}");
            let problem: serde_json::Value =
                serde_json::from_slice(pages.response(page, PageFormat::Json).body()).unwrap();
            assert_eq!(problem["status"], page.text().status.as_u16());
            assert_eq!(problem["retry_after"].as_u64(), page.text().retry_after.map(u64::from));
            assert!(response.status().is_client_error() || response.status().is_server_error());
        }
    }

    #[test]
    fn pages_are_rendered_once_and_told_apart_by_their_codes() {
        let pages = RenderedPages::new("Stoa");
        let [one, two] = [(); 2].map(|()| pages.response(Page::UnknownHost, PageFormat::Html).into_body());
        assert_eq!(one.as_ptr(), two.as_ptr(), "two answers share their bytes");
        let mut codes: Vec<_> = Page::ALL.into_iter().map(|page| page.text().code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Page::ALL.len() - 3, "the four bad hosts share theirs");
    }

    #[test]
    fn the_starting_page_reloads_itself_and_no_other_does() {
        let pages = RenderedPages::new("Stoa");
        for page in Page::ALL {
            let html = text(&pages.response(page, PageFormat::Html));
            assert_eq!(html.contains("http-equiv=\"refresh\" content=\"2\""), page == Page::Notice(Notice::Starting));
        }
    }

    #[test]
    fn the_name_of_the_product_is_text() {
        let html = text(
            &RenderedPages::new("A & B <script>alert('{detail}')</script>").response(Page::TimedOut, PageFormat::Html),
        );
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("A &amp; B &lt;script&gt;alert(&#39;{detail}&#39;)"), "{html}");
    }
}
