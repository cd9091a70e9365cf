//! The account's first page: address, and name of the organization.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;
use stoa_accounts::view::ProfileView;
use stoa_core::RequestContext;

use super::confirm::{ConfirmedForm, recent_context};
use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        permissions::{Customer, LoggedIn},
    },
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
        inputs::Checkbox,
        time::day,
    },
};

/// `/account`
#[derive(Template)]
#[template(path = "accounts/profile.html")]
pub struct ProfilePage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// The account.
    pub profile: ProfileView,
    /// Since when there is one.
    pub since: String,
    /// When it will be closed, if it will.
    pub closes: Option<String>,
    /// Whether a change was saved.
    pub is_saved: bool,
    /// Name of the organization.
    pub company: Field,
    /// The next address.
    pub email: Field,
    /// Whether the organization gets notices.
    pub notices: Checkbox,
}

/// Input of both forms of the page.
#[derive(Deserialize, Default)]
pub struct ProfileForm {
    /// Name of the organization.
    #[serde(default)]
    pub company: String,
    /// The next address.
    #[serde(default)]
    pub email: String,
}

/// Input of the form about notices.
#[derive(Deserialize, Default)]
pub struct NoticesForm {
    /// Present if the box is ticked.
    #[serde(default)]
    notices: Option<String>,
}

/// Query of the page.
#[derive(Deserialize)]
pub struct ProfileQuery {
    #[serde(default)]
    saved: bool,
}

/// `GET /account`
pub async fn show(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    frame: Frame,
    Query(query): Query<ProfileQuery>,
) -> Result<Response, HttpError> {
    let page = build(&app, &cx, frame, ProfileForm::default(), Problems::default()).await?;
    Ok(ui::ok(&ProfilePage { is_saved: query.saved, ..page }))
}

/// `POST /account`: renames the organization.
pub async fn rename(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Form(form): Form<ProfileForm>,
) -> Result<Response, HttpError> {
    match app.control.accounts.rename_organization(&cx, &form.company).await {
        Ok(()) => Ok(ui::see_other("/account?saved=true")),
        Err(error) => page(&app, &cx, frame, form, FormErrors::try_from(error)?).await,
    }
}

/// `POST /account/notices`
pub async fn set_notices(
    State(app): State<App>,
    Customer(cx): Customer,
    Form(form): Form<NoticesForm>,
) -> Result<Response, HttpError> {
    app.control.accounts.set_notices(&cx, form.notices.is_some()).await?;
    Ok(ui::see_other("/account?saved=true"))
}

/// `POST /account/close`
pub async fn close(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Form(form): Form<ConfirmedForm>,
) -> Result<Response, HttpError> {
    let again = ("/account/close", Vec::new());
    let cx = match recent_context(&app, cx, &frame, again, &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    match app.control.accounts.close_account(&cx).await {
        Ok(()) => Ok(ui::see_other("/account")),
        Err(error) => page(&app, &cx, frame, ProfileForm::default(), FormErrors::try_from(error)?).await,
    }
}

/// `POST /account/keep`
pub async fn keep(State(app): State<App>, Customer(cx): Customer) -> Result<Response, HttpError> {
    app.control.accounts.keep_account(&cx).await?;
    Ok(ui::see_other("/account?saved=true"))
}

/// The page with the errors of one of its forms.
pub async fn page(
    app: &App,
    cx: &RequestContext,
    mut frame: Frame,
    form: ProfileForm,
    form_errors: FormErrors,
) -> Result<Response, HttpError> {
    frame.path = "/account".into();
    let response = form_errors.response();
    Ok(response.page(&build(app, cx, frame, form, form_errors.problems).await?))
}

async fn build(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: ProfileForm,
    problems: Problems,
) -> Result<ProfilePage, HttpError> {
    let profile = app.control.accounts.profile(cx).await?;
    let name = if form.company.is_empty() { profile.organization.clone().unwrap_or_default() } else { form.company };
    let company = Field::text("company", "Name of the organization", &name).fill("organization").with(&problems);
    let email = Field::email("email", "New e-mail address", &form.email)
        .fill("email")
        .hint("We'll send a link to the new address. Nothing changes until you open it.")
        .with(&problems);
    let (since, closes) = (day(profile.created_at), profile.close_at.map(day));
    let notices = Checkbox::new(
        "notices",
        "Write to us when a store goes down or comes back, and when a domain is verified",
        profile.gets_notices,
    )
    .hint("E-mail about security, payments, certificates and deletions is always sent.");
    Ok(ProfilePage { frame, problems, profile, since, closes, is_saved: false, company, email, notices })
}
