//! The filtered audit log as a file, oldest first, sent while it is read: it may be long.

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use stoa_core::{RequestContext, audit::AuditFilter, view::AuditView};

use crate::{app::App, http_error::HttpError, ui::list::csv_line};

/// The form of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For spreadsheets.
    Csv,
    /// For programs: a JSON object in each line.
    JsonLines,
}

const HEAD: [&str; 10] =
    ["number", "time", "actor", "action", "target", "outcome", "address", "credential", "request", "detail"];

/// Sends the file, and notes in the audit trail that it was exported. If the database fails meanwhile, the connection is
/// cut, so that nobody takes the part for the whole.
pub(super) async fn download(
    app: &App,
    cx: &RequestContext,
    filter: AuditFilter,
    format: Format,
) -> Result<Response, HttpError> {
    let core = app.control.core.clone();
    core.note_audit_export(cx, &filter).await?;
    let start = if format == Format::Csv { csv_line(&HEAD.map(str::to_owned)) } else { String::new() };
    let cx = cx.clone();
    let pages = stream::try_unfold(Some(0), move |after| {
        let (core, cx, filter) = (core.clone(), cx.clone(), filter.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let entries = core.audit_after(&cx, &filter, after).await?;
            let next = entries.last().map(|entry| entry.seq);
            let text: String = entries.into_iter().map(|entry| line(entry, format)).collect();
            Ok::<_, stoa_core::Error>(next.map(|next| (text, Some(next))))
        }
    });
    let body = Body::from_stream(stream::once(async { Ok(start) }).chain(pages).fuse());
    let (kind, end) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::JsonLines => ("application/jsonl", "jsonl"),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"audit.{end}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, body).into_response())
}

fn line(entry: AuditView, format: Format) -> String {
    if format == Format::JsonLines {
        return serde_json::json!(entry).to_string() + "\n";
    }
    let (seq, at, detail) = (entry.seq.to_string(), entry.at.to_string(), entry.detail.to_string());
    let (address, credential) = (entry.address.unwrap_or_default(), entry.credential.unwrap_or_default());
    let AuditView { actor, action, target, outcome, request_id, .. } = entry;
    csv_line(&[seq, at, actor, action, target, outcome, address, credential, request_id, detail])
}
