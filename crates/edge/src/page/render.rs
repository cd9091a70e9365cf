//! Every page as a finished response, made when the edge starts; an answer is a clone of one.
//!
//! The policy allows one style sheet by its hash and nothing else: no script, no image, no frame,
//! no form. Nothing is cached, as each of these states is meant to pass.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response,
    header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS},
};
use sha2::{Digest, Sha256};
use stoa_model::route::Notice;

use super::{Accept, Page, Words};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// All pages in both forms.
#[derive(Debug)]
pub(crate) struct Pages {
    product: String,
    policy: HeaderValue,
    rendered: Vec<(Page, Accept, Response<Bytes>)>,
}

impl Pages {
    /// Renders them all for a product of this name.
    pub(crate) fn new(product: &str) -> Self {
        let mut pages = Self { product: escape(product), policy: policy(), rendered: Vec::new() };
        let all = Page::ALL.into_iter().flat_map(|page| [(page, Accept::Html), (page, Accept::Json)]);
        pages.rendered = all.map(|(page, form)| (page, form, pages.render(page, form))).collect();
        pages
    }

    /// The whole response, in the form that the client prefers. Its body is shared, not copied.
    pub(crate) fn response(&self, page: Page, form: Accept) -> Response<Bytes> {
        let rendered = self.rendered.iter().find(|(p, f, _)| *p == page && *f == form);
        rendered.map_or_else(|| self.render(page, form), |(_, _, response)| response.clone())
    }

    fn render(&self, page: Page, form: Accept) -> Response<Bytes> {
        let words = page.words();
        let (kind, body) = match form {
            Accept::Html => ("text/html; charset=utf-8", self.html(page, &words)),
            Accept::Json => ("application/problem+json", problem(&words)),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = words.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        further(page, &words, headers);
        response
    }

    fn html(&self, page: Page, words: &Words) -> String {
        let starting = page == Page::Notice(Notice::Starting);
        let refresh = if starting { "\n<meta http-equiv=\"refresh\" content=\"2\">" } else { "" };
        let waiting = if starting { "\n<div class=\"bar\" aria-hidden=\"true\"></div>" } else { "" };
        // The product's name last: what stands in it is text, also if it looks like a place to fill.
        TEMPLATE
            .replace("{refresh}", refresh)
            .replace("{waiting}", waiting)
            .replace("{style}", STYLE)
            .replace("{status}", words.status.as_str())
            .replace("{title}", words.title)
            .replace("{detail}", words.detail)
            .replace("{product}", &self.product)
    }
}

/// What only some pages carry.
fn further(page: Page, words: &Words, headers: &mut HeaderMap) {
    if let Some(seconds) = words.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if page == Page::NoTunnels {
        // RFC 9110 15.5.6: a 405 says what is allowed.
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    }
}

/// RFC 9457. A problem of type `about:blank` is titled with the phrase of its status (4.2.1);
/// `code` tells apart what shares a status.
fn problem(words: &Words) -> String {
    let title = words.status.canonical_reason().unwrap_or(words.title);
    let mut problem = serde_json::json!({
        "type": "about:blank",
        "title": title,
        "status": words.status.as_u16(),
        "detail": words.detail,
        "code": words.code,
    });
    if let Some(seconds) = words.retry_after {
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

fn policy() -> HeaderValue {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response<Bytes>) -> String {
        String::from_utf8_lossy(response.body()).into_owned()
    }

    #[test]
    fn every_page_is_whole() {
        let pages = Pages::new("Stoa");
        for page in Page::ALL {
            let response = pages.response(page, Accept::Html);
            let html = text(&response);
            let places = html.replace(STYLE, "");
            assert!(!places.contains('{'), "an unfilled place in {places}");
            assert!(!html.contains("<script") && !html.contains("style="), "{html}");
            assert!(html.contains(page.words().title) && html.contains(response.status().as_str()), "{html}");
            let problem: serde_json::Value = serde_json::from_slice(pages.response(page, Accept::Json).body()).unwrap();
            assert_eq!(problem["status"], page.words().status.as_u16());
            assert_eq!(problem["retry_after"].as_u64(), page.words().retry_after.map(u64::from));
            assert!(response.status().is_client_error() || response.status().is_server_error());
        }
    }

    #[test]
    fn pages_are_rendered_once_and_told_apart_by_their_codes() {
        let pages = Pages::new("Stoa");
        let [one, two] = [(); 2].map(|()| pages.response(Page::UnknownHost, Accept::Html).into_body());
        assert_eq!(one.as_ptr(), two.as_ptr(), "two answers share their bytes");
        let mut codes: Vec<_> = Page::ALL.into_iter().map(|page| page.words().code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Page::ALL.len() - 3, "the four bad hosts share theirs");
    }

    #[test]
    fn the_starting_page_reloads_itself_and_no_other_does() {
        let pages = Pages::new("Stoa");
        for page in Page::ALL {
            let html = text(&pages.response(page, Accept::Html));
            assert_eq!(html.contains("http-equiv=\"refresh\" content=\"2\""), page == Page::Notice(Notice::Starting));
        }
    }

    #[test]
    fn the_name_of_the_product_is_text() {
        let html = text(&Pages::new("A & B <script>alert('{detail}')</script>").response(Page::TimedOut, Accept::Html));
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("A &amp; B &lt;script&gt;alert(&#39;{detail}&#39;)"), "{html}");
    }
}
