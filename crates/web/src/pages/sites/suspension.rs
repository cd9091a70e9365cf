//! Suspending a site and resuming it, by administrators. The owner sees the reasons.

use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use stoa_core::Error;
use stoa_model::{
    field::Invalid,
    site::{Suspension, SuspensionReason},
};
use stoa_sites::command::Suspend;

use super::settings::{self, SettingsInput};
use crate::{
    app::App,
    extract::{
        body::Form,
        permissions::{AccessibleSite, Administrator},
    },
    http_error::{ErrorKind, HttpError},
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
        inputs::Select,
        time::{self, Moment},
    },
};

/// A reason for which a site is suspended.
pub struct SuspensionLine {
    /// The reason, for forms.
    pub value: &'static str,
    /// The reason, for people.
    pub reason: &'static str,
    /// Since when.
    pub since: Moment,
    /// The note of whoever suspended it.
    pub note: Option<String>,
}

impl SuspensionLine {
    /// The line of a suspension.
    pub fn new(suspension: &Suspension, now: Timestamp) -> Self {
        Self {
            value: suspension.reason.as_str(),
            reason: suspension.reason.title(),
            since: time::moment(suspension.at, now),
            note: suspension.note.clone(),
        }
    }
}

/// The fields of the form that suspends a site.
pub struct SuspendFields {
    /// Why.
    pub reason: Select,
    /// Note for the owner.
    pub note: Field,
}

impl SuspendFields {
    /// The fields, with the previous input.
    pub fn new(form: &SuspendForm, problems: &Problems) -> Self {
        let choices = SuspensionReason::ALL.iter().map(|reason| (reason.as_str(), choice_label(*reason)));
        let note = Field::text("note", "Note", &form.note).hint("The owner and staff can read it; visitors can't.");
        Self {
            reason: Select::new("reason", "Reason", choices, &form.reason).with(problems),
            note: note.optional().with(problems),
        }
    }
}

const fn choice_label(reason: SuspensionReason) -> &'static str {
    match reason {
        SuspensionReason::NonPayment => "Payment is overdue",
        SuspensionReason::Abuse => "Abuse",
        SuspensionReason::Quota => "Quota is used up",
        SuspensionReason::Operator => "Operator's decision",
    }
}

/// Input of the form that suspends a site.
#[derive(Debug, Default, Deserialize)]
pub struct SuspendForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    note: String,
}

impl SuspendForm {
    fn command(&self) -> Result<Suspend, Error> {
        match self.reason.parse::<SuspensionReason>() {
            Ok(reason) => Ok(Suspend { reason, note: self.note.clone() }),
            Err(_) => Err(Invalid::new("reason", "Choose a reason.").into()),
        }
    }
}

/// `POST /sites/{id}/suspend`
pub async fn suspend(
    State(app): State<App>,
    Administrator(cx): Administrator,
    access: AccessibleSite,
    frame: Frame,
    Form(form): Form<SuspendForm>,
) -> Result<Response, HttpError> {
    let suspended = async { app.control.sites.suspend(&cx, access.site.id, form.command()?).await };
    let form_errors = match suspended.await {
        Ok(site) => return Ok(ui::see_other(&format!("/sites/{}", site.id))),
        Err(error) => FormErrors::try_from(error)?,
    };
    settings::page(&app, access, frame, SettingsInput { suspend: form, ..SettingsInput::default() }, form_errors).await
}

/// Input of the form that ends a suspension.
#[derive(Debug, Deserialize)]
pub struct ResumeForm {
    /// Which one; empty for all.
    #[serde(default)]
    reason: String,
}

/// `POST /sites/{id}/resume`
pub async fn resume(
    State(app): State<App>,
    Administrator(cx): Administrator,
    access: AccessibleSite,
    Form(form): Form<ResumeForm>,
) -> Result<Response, HttpError> {
    let reason = match form.reason.as_str() {
        "" => None,
        text => match text.parse::<SuspensionReason>() {
            Ok(reason) => Some(reason),
            Err(message) => return Err(HttpError::new(ErrorKind::BadRequest, message)),
        },
    };
    let site = app.control.sites.resume(&cx, access.site.id, reason).await?;
    Ok(ui::see_other(&format!("/sites/{}", site.id)))
}
