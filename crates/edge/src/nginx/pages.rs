//! The pages that nginx shows itself, as files: each as a page for people and as a problem for programs,
//! with the texts of the embedded edge.

use std::{fs, io, path::Path, slice};

use stoa_model::route::Notice;
use stoa_util::atomic_file::{self, Durability};

use super::conf::{Arg, Conf, InvalidText};
use crate::{
    limits::Refusal,
    page::{Page, PageFormat, RenderedPages, content_security_policy},
};

/// All pages that nginx may need, and for which status every server of ours shows them.
const PAGES: [(Page, &str, Option<u64>); 14] = [
    (Page::UnknownHost, "unknown-host", None),
    (Page::Malformed, "malformed", Some(400)),
    (Page::TargetTooLong, "target-too-long", Some(414)),
    (Page::HeadTooLarge, "head-too-large", Some(HEAD_TOO_LARGE)),
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

/// nginx's own status for a head that is too large; visitors get the page's.
const HEAD_TOO_LARGE: u64 = 494;

const FORMATS: [(PageFormat, &str); 2] = [(PageFormat::Html, "html"), (PageFormat::Json, "json")];

/// Where nginx's internal redirects find the pages; visitors can't request it.
const PAGE_PREFIX: &str = "/.stoa/pages/";

/// Shows this page for this status.
pub(crate) fn write_error_page(conf: &mut Conf, status: u64, page: Page) {
    let name = PAGES.iter().find(|(p, _, _)| *p == page).map_or("unreachable", |(_, name, _)| name);
    let uri = [Arg::fixed(PAGE_PREFIX), Arg::fixed(name), Arg::fixed(".$stoa_form")];
    let mut arguments = vec![Arg::number(status)];
    if status == HEAD_TOO_LARGE {
        arguments.push(Arg::fixed("=431"));
    }
    arguments.push(Arg::joined(&uri));
    conf.line("error_page", &arguments);
}

/// What every server needs to show pages.
pub(crate) fn write_location(conf: &mut Conf, directory: &Arg) -> Result<(), InvalidText> {
    for (page, status) in PAGES.iter().filter_map(|(page, _, status)| Some((*page, (*status)?))) {
        write_error_page(conf, status, page);
    }
    write_error_page(conf, 431, Page::HeadTooLarge);
    let policy = Arg::quoted(&content_security_policy())?;
    conf.block("location", &[Arg::fixed("^~"), Arg::fixed(PAGE_PREFIX)], |conf| {
        conf.line("internal", &[]);
        conf.line("alias", slice::from_ref(directory));
        conf.block("types", &[], |conf| {
            conf.line("text/html", &[Arg::fixed("html")]);
            conf.line("application/problem+json", &[Arg::fixed("json")]);
        });
        conf.line("charset", &[Arg::fixed("utf-8")]);
        conf.line("etag", &[Arg::fixed("off")]);
        let mut add = |name, value| conf.line("add_header", &[Arg::fixed(name), value, Arg::fixed("always")]);
        add("Cache-Control", Arg::fixed("no-store"));
        add("Vary", Arg::fixed("accept"));
        add("X-Content-Type-Options", Arg::fixed("nosniff"));
        add("Content-Security-Policy", policy);
        add("Retry-After", Arg::fixed("$stoa_retry"));
        add("Strict-Transport-Security", Arg::fixed("$stoa_hsts"));
    });
    Ok(())
}

/// The map from a page to its `Retry-After`.
pub(crate) fn write_retry_map(conf: &mut Conf) {
    conf.block("map", &[Arg::fixed("$uri"), Arg::fixed("$stoa_retry")], |conf| {
        conf.line("default", &[Arg::fixed("\"\"")]);
        for (page, name, _) in PAGES {
            let Some(seconds) = page.retry_after() else { continue };
            for (_, form) in FORMATS {
                let key = [Arg::fixed(PAGE_PREFIX), Arg::fixed(name), Arg::fixed("."), Arg::fixed(form)];
                conf.pair(&Arg::joined(&key), &Arg::number(seconds.into()));
            }
        }
    });
}

/// Writes the pages of a product that differ from what is in the directory.
pub(crate) fn write_pages(directory: &Path, product: &str) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let pages = RenderedPages::new(product);
    for (page, name, _) in PAGES {
        for (accept, form) in FORMATS {
            let (path, body) = (directory.join(format!("{name}.{form}")), pages.response(page, accept).into_body());
            if fs::read(&path).is_ok_and(|present| present == body) {
                continue;
            }
            atomic_file::write(&path, &body, 0o644, Durability::Cached)?;
        }
    }
    Ok(())
}
