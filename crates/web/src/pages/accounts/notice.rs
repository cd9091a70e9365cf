//! A short page that says what happened, and what to do next.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use crate::ui::{self, frame::Frame};

/// What a page of a few sentences says.
#[derive(Template)]
#[template(path = "accounts/notice.html")]
pub struct NoticePage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading.
    pub title: &'static str,
    /// Sentences, a paragraph each.
    pub paragraphs: Vec<String>,
    /// What to do next: path and label.
    pub next: (&'static str, &'static str),
}

impl NoticePage {
    /// A page.
    pub fn page(
        frame: Frame,
        title: &'static str,
        paragraphs: Vec<String>,
        next: (&'static str, &'static str),
    ) -> Response {
        ui::ok(&Self { frame, title, paragraphs, next })
    }

    /// The page of a link that doesn't work.
    pub fn expired(frame: Frame, advice: &str, next: (&'static str, &'static str)) -> Response {
        let paragraphs = vec![format!("It has expired, or was used before. {advice}")];
        ui::page(StatusCode::CONFLICT, &Self { frame, title: "This link doesn't work", paragraphs, next })
    }
}
