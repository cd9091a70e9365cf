//! The page of every failure: what happened, what to do next, and the number to ask about.

use askama::Template;
use stoa_model::field::Invalid;

use crate::{fault::Fault, ui::frame::Frame};

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
    /// The page of a fault.
    pub fn new(frame: Frame, fault: Fault) -> Self {
        let advice = if fault.detail == fault.kind.advice() { "" } else { fault.kind.advice() };
        let detail = if fault.fields.is_empty() { fault.detail } else { fault.kind.advice().to_owned() };
        Self {
            frame,
            status: fault.kind.status().as_u16(),
            title: fault.kind.title(),
            advice: if fault.fields.is_empty() { advice } else { "" },
            detail,
            fields: fault.fields,
            wait: fault.retry_after.map(|w| match w.as_secs().max(1) {
                1 => "one second".to_owned(),
                s @ 2..120 => format!("{s} seconds"),
                s => format!("{} minutes", s.div_ceil(60)),
            }),
        }
    }
}
