//! Settings of a site: the limits of its traffic, and the danger zone. Deleting is confirmed by typing the address, and can
//! be undone during the grace period. Administrators can also suspend the site here.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_core::Error;
use stoa_model::{account::Role, field::Invalid, route::RouteLimits};

use super::{
    limits::{LimitsForm, SiteLimits},
    show::SiteHead,
    suspension::{SuspendFields, SuspendForm},
};
use crate::{
    app::App,
    extract::{body::Form, permissions::AccessibleSite},
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// `/sites/{id}/settings`
#[derive(Template)]
#[template(path = "sites/settings.html")]
pub struct SettingsPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading shared by the pages of a site.
    pub head: SiteHead,
    /// Error messages.
    pub problems: Problems,
    /// Limits for visitors.
    pub limits: SiteLimits,
    /// Grace period.
    pub grace: String,
    /// Field for the address.
    pub confirm: Field,
    /// The form that suspends the site, for viewers who may.
    pub suspend: Option<SuspendFields>,
}

/// Input of the page's forms.
#[derive(Default)]
pub struct SettingsInput {
    /// Form for the limits.
    pub limits: Option<LimitsForm>,
    /// Form that suspends the site.
    pub suspend: SuspendForm,
    /// The address as typed.
    pub confirm: String,
}

impl SettingsPage {
    /// Builds the page.
    pub fn new(
        frame: Frame,
        head: SiteHead,
        (limits, may_change_limits): (RouteLimits, bool),
        grace: String,
        input: SettingsInput,
        problems: Problems,
    ) -> Self {
        Self {
            confirm: Field::text("confirm", "Type the store's address to confirm", &input.confirm).with(&problems),
            suspend: head.can_suspend.then(|| SuspendFields::new(&input.suspend, &problems)),
            limits: SiteLimits::new(limits, input.limits, may_change_limits, &problems),
            frame,
            head,
            problems,
            grace,
        }
    }
}

/// Input of the form that deletes the site.
#[derive(Deserialize)]
pub struct DeleteForm {
    #[serde(default)]
    confirm: String,
}

/// `GET /sites/{id}/settings`
pub async fn show(State(app): State<App>, access: AccessibleSite, frame: Frame) -> Result<Response, HttpError> {
    page(&app, access, frame, SettingsInput::default(), FormErrors::default()).await
}

/// The page, with the input and errors of a form.
pub(super) async fn page(
    app: &App,
    AccessibleSite { cx, site }: AccessibleSite,
    frame: Frame,
    input: SettingsInput,
    form_errors: FormErrors,
) -> Result<Response, HttpError> {
    let limits = (app.control.sites.edge_limits(&cx, site.id).await?, cx.actor.has_role(Role::Admin));
    let response = form_errors.response();
    let page = SettingsPage::new(frame, SiteHead::new(&site), limits, grace(app), input, form_errors.problems);
    Ok(response.page(&page))
}

/// `POST /sites/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    access: AccessibleSite,
    frame: Frame,
    Form(DeleteForm { confirm }): Form<DeleteForm>,
) -> Result<Response, HttpError> {
    if !confirm.trim().eq_ignore_ascii_case(&access.site.hostname) {
        let message = format!("Type {} exactly.", access.site.hostname);
        let form_errors = FormErrors::try_from(Error::from(Invalid::new("confirm", message)))?;
        return page(&app, access, frame, SettingsInput { confirm, ..SettingsInput::default() }, form_errors).await;
    }
    let site = app.control.sites.delete(&access.cx, access.site.id).await?;
    Ok(ui::see_other(&format!("/sites/{}", site.id)))
}

/// The grace period, for people.
fn grace(app: &App) -> String {
    let hours = app.control.settings().delete_grace.as_secs().div_ceil(3600);
    match hours {
        0..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}
