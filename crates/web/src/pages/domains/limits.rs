//! What a site's visitors may use of the edge: facts for everybody, a small form for administrators.

use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_control::{Error, command::ChangeLimits};
use stoa_model::{field::Invalid, limits::Bytes, route::RouteLimits};

use super::show::{Surroundings, Typed, page, path_of};
use crate::{
    app::App,
    extract::{body::Form, rights::OwnSite},
    fault::Fault,
    ui::{
        self,
        field::{Field, Problems},
        frame::Frame,
        refusal::Refusal,
        time,
    },
};

/// The limits on the page.
pub struct SiteLimits {
    /// Name and value, in words.
    pub facts: Vec<(&'static str, String)>,
    /// The form's fields, for those who may change them.
    pub fields: Vec<Field>,
    /// Whether the form is open.
    pub open: bool,
}

/// What was typed.
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
    /// The command; everything that is no number at once.
    ///
    /// # Errors
    /// Those fields.
    pub fn command(&self) -> Result<ChangeLimits, Error> {
        let mut bad = Vec::new();
        let mut whole = |field, text: &str| {
            let number = text.trim().parse().ok();
            bad.extend(number.is_none().then(|| Invalid::new(field, "Please enter a whole number; 0 is no limit.")));
            number
        };
        let change = ChangeLimits {
            rate: whole("rate", &self.rate),
            burst: whole("burst", &self.burst),
            in_flight: whole("in_flight", &self.in_flight),
            response_seconds: whole("response_seconds", &self.response_seconds),
            max_body: self.max_body.parse::<Bytes>().ok().map(|bytes| bytes.0),
        };
        if change.max_body.is_none() {
            bad.insert(0, Invalid::new("max_body", "Please enter an amount like 100m or 1g."));
        }
        if bad.is_empty() { Ok(change) } else { Err(Error::Invalid(bad)) }
    }
}

impl SiteLimits {
    /// As they are, with what was typed before.
    pub fn new(now: RouteLimits, typed: Option<LimitsForm>, around: Surroundings, problems: &Problems) -> Self {
        let open = typed.is_some();
        let form = typed.unwrap_or_else(|| now.into());
        let fields = if around.limits { fields(&form, problems) } else { Vec::new() };
        Self { facts: facts(now), fields, open }
    }
}

fn facts(now: RouteLimits) -> Vec<(&'static str, String)> {
    let at_most = |n: u32, unit: &str| if n == 0 { "no limit".to_owned() } else { format!("{n} {unit}") };
    let answer =
        if now.response_seconds == 0 { "the platform’s usual time".to_owned() } else { wait(now.response_seconds) };
    let rate = match (now.rate, now.burst) {
        (0, _) => "no limit".to_owned(),
        (rate, burst) => format!("{rate} a second, {burst} at once"),
    };
    vec![
        ("Requests", rate),
        ("Open at the same time", at_most(now.in_flight, "requests")),
        ("Largest upload", time::bytes(now.max_body)),
        ("Longest wait for an answer", answer),
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
        number("rate", "Requests a second", &form.rate, "On average; 0 is no limit."),
        number("burst", "Requests at once", &form.burst, "How many may come at once before that is enforced."),
        number("in_flight", "Open at the same time", &form.in_flight, "Requests and WebSockets; 0 is no limit."),
        Field::text("max_body", "Largest upload", &form.max_body).hint("Like 100m or 1g.").with(problems),
        number(
            "response_seconds",
            "Seconds to answer",
            &form.response_seconds,
            "For the store; 0 is the platform’s usual time.",
        ),
    ]
}

/// `POST /sites/{id}/limits`
pub async fn submit(
    State(app): State<App>,
    own: OwnSite,
    frame: Frame,
    Form(form): Form<LimitsForm>,
) -> Result<Response, Fault> {
    let changed = async {
        // Who may not change them is told that, and not how to fill in a form that he never saw.
        own.cx.require(stoa_model::account::Role::Admin)?;
        app.control.site_limits(&own.cx, own.site.id, form.command()?).await
    };
    let refusal = match changed.await {
        Ok(_) => return Ok(ui::see_other(&format!("{}#limits", path_of(own.site.id)))),
        Err(error) => Refusal::of(error)?,
    };
    page(&app, own, frame, Typed { limits: Some(form), ..Typed::default() }, refusal).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_minutes_are_said_as_minutes() {
        assert_eq!([1, 60, 90, 600].map(wait).join(", "), "1 second, 60 seconds, 90 seconds, 10 minutes");
    }

    #[test]
    fn everything_that_is_no_number_is_told_at_once() {
        let now = RouteLimits { rate: 5, burst: 10, ..RouteLimits::body(100 << 20) };
        let form = LimitsForm::from(now);
        assert_eq!(form.max_body, "100m");
        assert_eq!(form.command().unwrap().max_body, Some(100 << 20));
        let bad = LimitsForm { rate: "-1".into(), burst: "many".into(), max_body: "huge".into(), ..form };
        let Err(Error::Invalid(bad)) = bad.command() else { panic!("taken") };
        assert_eq!(bad.iter().map(|b| b.field).collect::<Vec<_>>(), ["max_body", "rate", "burst"]);
    }
}
