//! The error page: what happened, what to do next, and the request id.

use askama::Template;
use stoa_model::field::Invalid;

use crate::{http_error::HttpError, ui::frame::Frame};

/// An error page.
#[derive(Template)]
#[template(path = "core/error.html")]
pub struct ErrorPage {
    frame: Frame,
    status: u16,
    title: &'static str,
    detail: String,
    advice: &'static str,
    fields: Vec<Invalid>,
    wait: Option<String>,
}

impl ErrorPage {
    /// The page for an error.
    pub fn new(frame: Frame, error: HttpError) -> Self {
        let advice = if error.detail == error.kind.advice() { "" } else { error.kind.advice() };
        let detail = if error.fields.is_empty() { error.detail } else { error.kind.advice().to_owned() };
        Self {
            frame,
            status: error.kind.status().as_u16(),
            title: error.kind.title(),
            advice: if error.fields.is_empty() { advice } else { "" },
            detail,
            fields: error.fields,
            wait: error.retry_after.map(|w| match w.as_secs().max(1) {
                1 => "one second".to_owned(),
                s @ 2..120 => format!("{s} seconds"),
                s => format!("{} minutes", s.div_ceil(60)),
            }),
        }
    }
}
