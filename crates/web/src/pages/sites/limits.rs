//! Limits for a site's visitors: shown to everyone, changed by administrators.

use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_core::Error;
use stoa_model::{field::Invalid, limits::Bytes, route::RouteLimits};
use stoa_sites::command::ChangeLimits;

use super::settings::{self, SettingsInput};
use crate::{
    app::App,
    extract::{body::Form, permissions::AccessibleSite},
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
        time,
    },
};

/// The limits, as shown.
pub struct SiteLimits {
    /// Name and value.
    pub facts: Vec<(&'static str, String)>,
    /// The form's fields, for viewers who may change them.
    pub fields: Vec<Field>,
    /// Whether the form is open.
    pub open: bool,
}

/// Input of the form.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct LimitsForm {
    #[serde(default)]
    max_body: String,
    #[serde(default)]
    rate: String,
    #[serde(default)]
    burst: String,
    #[serde(default)]
    in_flight: String,
    #[serde(default)]
    response_seconds: String,
}

impl From<RouteLimits> for LimitsForm {
    fn from(now: RouteLimits) -> Self {
        Self {
            max_body: Bytes(now.max_body).to_string(),
            rate: now.rate.to_string(),
            burst: now.burst.to_string(),
            in_flight: now.in_flight.to_string(),
            response_seconds: now.response_seconds.to_string(),
        }
    }
}

impl LimitsForm {
    /// The command, or errors for all fields that are not numbers.
    pub fn command(&self) -> Result<ChangeLimits, Error> {
        let mut errors = Vec::new();
        let mut number = |field, text: &str| {
            let value = text.trim().parse().ok();
            errors.extend(value.is_none().then(|| Invalid::new(field, "Enter a whole number; 0 means no limit.")));
            value
        };
        let change = ChangeLimits {
            rate: number("rate", &self.rate),
            burst: number("burst", &self.burst),
            in_flight: number("in_flight", &self.in_flight),
            response_seconds: number("response_seconds", &self.response_seconds),
            max_body: self.max_body.parse::<Bytes>().ok().map(|bytes| bytes.0),
        };
        if change.max_body.is_none() {
            errors.insert(0, Invalid::new("max_body", "Enter an amount such as 100m or 1g."));
        }
        if errors.is_empty() { Ok(change) } else { Err(Error::Invalid(errors)) }
    }
}

impl SiteLimits {
    /// The current limits, with the previous input.
    pub fn new(now: RouteLimits, input: Option<LimitsForm>, may_change: bool, problems: &Problems) -> Self {
        let open = input.is_some();
        let form = input.unwrap_or_else(|| now.into());
        let fields = if may_change { fields(&form, problems) } else { Vec::new() };
        Self { facts: facts(now), fields, open }
    }
}

fn facts(now: RouteLimits) -> Vec<(&'static str, String)> {
    let at_most = |n: u32, unit: &str| if n == 0 { "no limit".to_owned() } else { format!("{n} {unit}") };
    let answer =
        if now.response_seconds == 0 { "the platform’s default".to_owned() } else { wait(now.response_seconds) };
    let rate = match (now.rate, now.burst) {
        (0, _) => "no limit".to_owned(),
        (rate, burst) => format!("{rate} per second, {burst} in a burst"),
    };
    vec![
        ("Requests", rate),
        ("Requests in progress", at_most(now.in_flight, "at a time")),
        ("Largest upload", time::bytes(now.max_body)),
        ("Time to respond", answer),
    ]
}

/// `10 minutes`, `90 seconds`.
fn wait(seconds: u32) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        s if s >= 120 && s.is_multiple_of(60) => format!("{} minutes", s / 60),
        s => format!("{s} seconds"),
    }
}

fn fields(form: &LimitsForm, problems: &Problems) -> Vec<Field> {
    let number = |name, label, value: &str, hint| Field::number(name, label, value).hint(hint).with(problems);
    vec![
        number("rate", "Requests per second", &form.rate, "On average; 0 means no limit."),
        number("burst", "Requests at once", &form.burst, "Allowed in a burst before the rate is enforced."),
        number("in_flight", "Requests in progress", &form.in_flight, "Requests and WebSockets; 0 means no limit."),
        Field::text("max_body", "Largest upload", &form.max_body).hint("Like 100m or 1g.").with(problems),
        number(
            "response_seconds",
            "Seconds to respond",
            &form.response_seconds,
            "For the store; 0 is the platform’s default.",
        ),
    ]
}

/// `POST /sites/{id}/limits`
pub async fn submit(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Form(form): Form<LimitsForm>,
) -> Result<Response, HttpError> {
    let changed = async {
        // Check the permission first: a viewer without it never saw the form, so field errors would not help.
        access.cx.require(stoa_model::account::Role::Admin)?;
        app.control.sites.set_edge_limits(&access.cx, access.site.id, form.command()?).await
    };
    let form_errors = match changed.await {
        Ok(_) => return Ok(ui::see_other(&format!("/sites/{}/settings#limits", access.site.id))),
        Err(error) => FormErrors::try_from(error)?,
    };
    settings::page(&app, access, frame, SettingsInput { limits: Some(form), ..SettingsInput::default() }, form_errors)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_minutes_are_shown_as_minutes() {
        assert_eq!([1, 60, 90, 600].map(wait).join(", "), "1 second, 60 seconds, 90 seconds, 10 minutes");
    }

    #[test]
    fn all_invalid_fields_are_reported_at_once() {
        let now = RouteLimits { rate: 5, burst: 10, ..RouteLimits::body(100 << 20) };
        let form = LimitsForm::from(now);
        assert_eq!(form.max_body, "100m");
        assert_eq!(form.command().unwrap().max_body, Some(100 << 20));
        let bad = LimitsForm { rate: "-1".into(), burst: "many".into(), max_body: "huge".into(), ..form };
        let Err(Error::Invalid(bad)) = bad.command() else { panic!("taken") };
        assert_eq!(bad.iter().map(|b| b.field).collect::<Vec<_>>(), ["max_body", "rate", "burst"]);
    }
}
