//! Where money and sites don't agree, for staff.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_billing::stripe::MismatchView;
use stoa_core::RequestContext;

use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::{Administrator, StaffMember},
    },
    http_error::HttpError,
    ui::{self, field::Problems, form_errors::FormErrors, frame::Frame, time},
};

/// `/staff/mismatches`
#[derive(Template)]
#[template(path = "billing/mismatches.html")]
pub struct MismatchesPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// The mismatches.
    pub mismatches: Vec<MismatchLine>,
    /// Whether the viewer may settle them.
    pub may_change: bool,
    /// Whether Stripe is set up.
    pub has_stripe: bool,
}

/// A mismatch, as shown.
pub struct MismatchLine {
    /// What it is.
    pub label: &'static str,
    /// Its data.
    pub view: MismatchView,
    /// Since when it is known.
    pub found: String,
}

/// Query of the page.
#[derive(Deserialize)]
pub struct MismatchesQuery {
    #[serde(default)]
    done: String,
}

/// Which one a form is about.
#[derive(Deserialize)]
pub struct MismatchForm {
    #[serde(default)]
    mismatch: String,
}

/// `GET /staff/mismatches`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    frame: Frame,
    Query(query): Query<MismatchesQuery>,
) -> Result<Response, HttpError> {
    let done = match query.done.as_str() {
        "checked" => Some("It was looked up at Stripe. What still doesn’t agree is below."),
        "dismissed" => Some("It was marked as done."),
        _ => None,
    };
    Ok(ui::ok(&MismatchesPage { done, ..build(&app, &cx, frame, Problems::default()).await? }))
}

/// `POST /staff/mismatches/check`
pub async fn check(
    State(app): State<App>,
    Administrator(cx): Administrator,
    frame: Frame,
    Form(form): Form<MismatchForm>,
) -> Result<Response, HttpError> {
    let outcome = app.control.billing.check_mismatch(&cx, &form.mismatch).await;
    finish(&app, &cx, frame, outcome, "checked").await
}

/// `POST /staff/mismatches/dismiss`
pub async fn dismiss(
    State(app): State<App>,
    Administrator(cx): Administrator,
    frame: Frame,
    Form(form): Form<MismatchForm>,
) -> Result<Response, HttpError> {
    let outcome = app.control.billing.dismiss_mismatch(&cx, &form.mismatch).await;
    finish(&app, &cx, frame, outcome, "dismissed").await
}

async fn finish(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    outcome: stoa_core::Result<()>,
    done: &str,
) -> Result<Response, HttpError> {
    match outcome {
        Ok(()) => Ok(ui::see_other(&format!("/staff/mismatches?done={done}"))),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let response = form_errors.response();
            Ok(response.page(&build(app, cx, frame, form_errors.problems).await?))
        }
    }
}

async fn build(app: &App, cx: &RequestContext, frame: Frame, problems: Problems) -> Result<MismatchesPage, HttpError> {
    let line =
        |view: MismatchView| MismatchLine { label: view.kind.label(), found: time::date_time(view.found_at), view };
    let mismatches = app.control.billing.mismatches(cx).await?.into_iter().map(line).collect();
    let (may_change, has_stripe) = (frame.is_admin(), app.control.billing.has_stripe());
    Ok(MismatchesPage { frame, problems, done: None, mismatches, may_change, has_stripe })
}
