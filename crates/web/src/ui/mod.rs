//! Components of pages: typed, display-ready, escaped when rendered.
//!
//! A component that renders HTML implements [`askama::filters::HtmlSafe`]; everything else that a template prints is
//! escaped. Only this module and the pages' components may claim that something is safe.

pub mod field;
pub mod form_errors;
pub mod frame;
pub mod inputs;
pub mod list;
pub mod number;
pub mod plot;
pub mod qr_code;
pub mod status;
pub mod time;

use std::fmt;

use askama::{Template, filters::HtmlSafe};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{assets, http_error::HttpError};

/// An icon from the sprite, hidden from screen readers because the text beside it says the same.
pub struct Icon(&'static str);

/// The icon `name` in `assets/icons.svg`.
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

/// The headers of a page: it is personal, so it must not be cached.
pub const HTML_HEADERS: [(header::HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];

/// Renders a page.
pub fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, HTML_HEADERS, html).into_response(),
        Err(error) => HttpError::from(stoa_core::Error::internal(error)).into_response(),
    }
}

/// Renders a page with status 200.
pub fn ok(template: &impl Template) -> Response {
    page(StatusCode::OK, template)
}

/// Redirects (303) after a form was processed.
pub fn see_other(path: &str) -> Response {
    axum::response::Redirect::to(path).into_response()
}
