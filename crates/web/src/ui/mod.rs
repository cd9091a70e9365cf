//! Pieces that pages are put together from: typed, display-ready, escaped where they are printed.
//!
//! A piece that is itself HTML implements [`askama::filters::HtmlSafe`]; everything else that a
//! template prints is escaped. Only this module may claim that something is safe.

pub mod area;
pub mod field;
pub mod frame;
pub mod number;
pub mod plot;
pub mod refusal;
pub mod status;
pub mod time;

use std::fmt;

use askama::{Template, filters::HtmlSafe};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{assets, fault::Fault};

/// A drawing of our sprite; hidden from screen readers, as the words beside it say the same.
pub struct Icon(&'static str);

/// The drawing called `name` in `assets/icons.svg`.
pub const fn icon(name: &'static str) -> Icon {
    Icon(name)
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turn = if self.0 == "turn" { " turn" } else { "" };
        let href = assets::href("icons.svg");
        write!(f, "<svg class=\"icon{turn}\" aria-hidden=\"true\"><use href=\"{href}#{}\"></use></svg>", self.0)
    }
}

impl HtmlSafe for Icon {}

/// A page as a response. Pages show what belongs to one person, so nobody may store them.
pub fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => {
            let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
            (status, headers, html).into_response()
        }
        Err(error) => Fault::from(stoa_core::Error::internal(error)).into_response(),
    }
}

/// A page that went well.
pub fn ok(template: &impl Template) -> Response {
    page(StatusCode::OK, template)
}

/// "Go there now", after a form was carried out.
pub fn see_other(path: &str) -> Response {
    axum::response::Redirect::to(path).into_response()
}
