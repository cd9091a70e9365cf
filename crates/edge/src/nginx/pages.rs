//! The pages that nginx shows itself, as files: each as a page for people and as a problem for
//! programs. What they say is what the embedded edge says.

use std::{fs, io, path::Path, slice};

use http::header::{CONTENT_SECURITY_POLICY, RETRY_AFTER};
use stoa_model::route::Notice;

use super::conf::{BadWord, Conf, Word};
use crate::{
    limits::Refusal,
    page::{Accept, Page, Pages},
};

/// All pages that nginx may need, with the status that shows them on every server of ours.
const PAGES: [(Page, &str, Option<u64>); 11] = [
    (Page::UnknownHost, "unknown-host", None),
    (Page::TooLarge, "too-large", Some(413)),
    (Page::Refused(Refusal::Rate), "too-many", Some(429)),
    (Page::Unreachable, "unreachable", Some(502)),
    (Page::TimedOut, "timed-out", Some(504)),
    (Page::Refused(Refusal::Busy), "busy", None),
    (Page::Notice(Notice::Starting), "starting", None),
    (Page::Notice(Notice::Stopped), "stopped", None),
    (Page::Notice(Notice::Suspended), "suspended", None),
    (Page::Notice(Notice::Maintenance), "maintenance", None),
    (Page::Notice(Notice::OverQuota), "over-quota", None),
];

const FORMS: [(Accept, &str); 2] = [(Accept::Html, "html"), (Accept::Json, "json")];

/// Where the pages are for nginx's internal redirects; no visitor can ask for it.
const PREFIX: &str = "/.stoa/pages/";

/// Writes `error_page`: this page for this status.
pub(crate) fn show(conf: &mut Conf, status: u64, page: Page) {
    let name = PAGES.iter().find(|(p, _, _)| *p == page).map_or("unreachable", |(_, name, _)| name);
    let uri = [Word::fixed(PREFIX), Word::fixed(name), Word::fixed(".$stoa_form")];
    conf.line("error_page", &[Word::number(status), Word::joined(&uri)]);
}

/// What every server needs to show pages.
pub(crate) fn location(conf: &mut Conf, directory: &Word) -> Result<(), BadWord> {
    for (page, status) in PAGES.iter().filter_map(|(page, _, status)| Some((*page, (*status)?))) {
        show(conf, status, page);
    }
    let pages = Pages::new("");
    let policy = header(&pages, Page::UnknownHost, &CONTENT_SECURITY_POLICY);
    let policy = Word::quoted(&policy.unwrap_or_default())?;
    conf.block("location", &[Word::fixed("^~"), Word::fixed(PREFIX)], |conf| {
        conf.line("internal", &[]);
        conf.line("alias", slice::from_ref(directory));
        conf.block("types", &[], |conf| {
            conf.line("text/html", &[Word::fixed("html")]);
            conf.line("application/problem+json", &[Word::fixed("json")]);
        });
        conf.line("charset", &[Word::fixed("utf-8")]);
        conf.line("etag", &[Word::fixed("off")]);
        let mut add = |name, value| conf.line("add_header", &[Word::fixed(name), value, Word::fixed("always")]);
        add("Cache-Control", Word::fixed("no-store"));
        add("Vary", Word::fixed("accept"));
        add("X-Content-Type-Options", Word::fixed("nosniff"));
        add("Content-Security-Policy", policy);
        add("Retry-After", Word::fixed("$stoa_retry"));
        add("Strict-Transport-Security", Word::fixed("$stoa_hsts"));
    });
    Ok(())
}

/// The map from a page to the seconds after which it is worth asking again.
pub(crate) fn retries(conf: &mut Conf) {
    let pages = Pages::new("");
    conf.block("map", &[Word::fixed("$uri"), Word::fixed("$stoa_retry")], |conf| {
        conf.line("default", &[Word::fixed("\"\"")]);
        for (page, name, _) in PAGES {
            let Some(seconds) = header(&pages, page, &RETRY_AFTER).and_then(|text| text.parse().ok()) else { continue };
            for (_, form) in FORMS {
                let key = [Word::fixed(PREFIX), Word::fixed(name), Word::fixed("."), Word::fixed(form)];
                conf.pair(&Word::joined(&key), &Word::number(seconds));
            }
        }
    });
}

fn header(pages: &Pages, page: Page, name: &http::HeaderName) -> Option<String> {
    let response = pages.response(page, Accept::Html);
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Writes the pages of a product into a directory, those that are not there as they should be.
pub(crate) fn write(directory: &Path, product: &str) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let pages = Pages::new(product);
    for (page, name, _) in PAGES {
        for (accept, form) in FORMS {
            let (path, body) = (directory.join(format!("{name}.{form}")), pages.response(page, accept).into_body());
            if fs::read(&path).is_ok_and(|present| present == body) {
                continue;
            }
            let part = directory.join(format!(".{name}.{form}.part"));
            fs::write(&part, &body)?;
            fs::rename(&part, &path)?;
        }
    }
    Ok(())
}
