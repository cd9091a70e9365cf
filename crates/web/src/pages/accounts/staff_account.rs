//! One staff account: all staff see it, super admins change it.

use askama::Template;
use axum::{extract::State, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_accounts::{
    command::{PasswordDelivery, UpdateStaff},
    view::StaffView,
};
use stoa_core::RequestContext;
use stoa_model::{
    account::{Actor, Role, StaffState},
    field::Invalid,
    id::StaffId,
};

use super::{
    confirm::{ConfirmedForm, recent_context},
    staff_account_new::{StaffFields, parse_role},
    staff_accounts::StaffLine,
};
use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        id::Id,
        permissions::{StaffMember, SuperAdministrator},
    },
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// `/staff/people/{id}`
#[derive(Template)]
#[template(path = "accounts/staff_account.html")]
pub struct StaffAccountPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// The account as it is now.
    pub account: StaffLine,
    /// The fields of the form.
    pub fields: StaffFields,
    /// Version that the form changes.
    pub version: i64,
    /// The address, typed to delete the account.
    pub confirm: Field,
    /// Whether the viewer may change the account.
    pub may_manage: bool,
    /// Whether the viewer may read the audit log.
    pub is_admin: bool,
}

/// Input of the form that changes an account.
#[derive(Deserialize, Default)]
pub struct StaffForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    version: i64,
    #[serde(default)]
    confirm_password: SecretString,
}

/// Input of the form that deletes an account.
#[derive(Deserialize, Default)]
pub struct DeleteForm {
    #[serde(default)]
    confirm: String,
    #[serde(default)]
    confirm_password: SecretString,
}

/// Query of the page.
#[derive(Deserialize)]
pub struct StaffAccountQuery {
    #[serde(default)]
    done: String,
}

/// `GET /staff/people/{id}`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<StaffId>,
    frame: Frame,
    Query(query): Query<StaffAccountQuery>,
) -> Result<Response, HttpError> {
    let done = match query.done.as_str() {
        "created" => Some("The account was created. The link in its e-mail works for three days."),
        "saved" => Some("The account was changed."),
        "reset-password" => Some(
            "The password was removed, and sessions and API tokens were ended. A link to choose a new one is on its way.",
        ),
        "second-factor/reset" => Some("Two-step login and passkeys were removed, and sessions were ended."),
        "deactivate" => Some("The account was deactivated. Its sessions and API tokens were ended."),
        "reactivate" => Some("The account was reactivated. A link to choose a password is on its way."),
        _ => None,
    };
    let page = build(&app, &cx, id, frame, Problems::default()).await?;
    Ok(ui::ok(&StaffAccountPage { done, ..page }))
}

/// `POST /staff/people/{id}`
pub async fn update(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
    frame: Frame,
    Form(form): Form<StaffForm>,
) -> Result<Response, HttpError> {
    let StaffForm { name, email, role, version, confirm_password } = form;
    let fields = vec![
        ("name", name.clone()),
        ("email", email.clone()),
        ("role", role.clone()),
        ("version", version.to_string()),
    ];
    let action = format!("/staff/people/{id}");
    let cx = match recent_context(&app, cx, &frame, (&action, fields), &confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    let outcome = match parse_role(&role) {
        Ok(role) => {
            let command = UpdateStaff { name: name.clone(), email: email.clone(), role, version };
            app.control.accounts.update_staff(&cx, id, command).await
        }
        Err(invalid) => Err(invalid.into()),
    };
    let Err(error) = outcome else { return Ok(ui::see_other(&format!("{action}?done=saved"))) };
    let form_errors = FormErrors::try_from(error)?;
    let page = build(&app, &cx, id, frame, form_errors.problems.clone()).await?;
    let fields = StaffFields::new(&name, &email, &role, &form_errors.problems);
    Ok(form_errors.response().page(&StaffAccountPage { fields, ..page }))
}

/// `POST /staff/people/{id}/reset-password`
pub async fn reset_password(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
    frame: Frame,
    Form(form): Form<ConfirmedForm>,
) -> Result<Response, HttpError> {
    let reset =
        async |cx: &RequestContext| app.control.accounts.reset_staff_password(cx, id, PasswordDelivery::Link).await;
    change(&app, cx, (id, "reset-password"), frame, form, reset).await
}

/// `POST /staff/people/{id}/second-factor/reset`
pub async fn reset_second_factor(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
    frame: Frame,
    Form(form): Form<ConfirmedForm>,
) -> Result<Response, HttpError> {
    let reset = async |cx: &RequestContext| {
        let account = app.control.accounts.get_staff(cx, id).await?;
        app.control.accounts.reset_second_factor(cx, Actor::Staff(id, account.role)).await
    };
    change(&app, cx, (id, "second-factor/reset"), frame, form, reset).await
}

/// `POST /staff/people/{id}/deactivate`
pub async fn deactivate(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
    frame: Frame,
    Form(form): Form<ConfirmedForm>,
) -> Result<Response, HttpError> {
    let deactivate = async |cx: &RequestContext| app.control.accounts.deactivate_staff(cx, id).await;
    change(&app, cx, (id, "deactivate"), frame, form, deactivate).await
}

/// `POST /staff/people/{id}/reactivate`
pub async fn reactivate(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
    frame: Frame,
    Form(form): Form<ConfirmedForm>,
) -> Result<Response, HttpError> {
    let reactivate = async |cx: &RequestContext| app.control.accounts.reactivate_staff(cx, id).await;
    change(&app, cx, (id, "reactivate"), frame, form, reactivate).await
}

/// `POST /staff/people/{id}/delete`
pub async fn delete(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
    frame: Frame,
    Form(form): Form<DeleteForm>,
) -> Result<Response, HttpError> {
    let action = format!("/staff/people/{id}/delete");
    let again = (action.as_str(), vec![("confirm", form.confirm.clone())]);
    let cx = match recent_context(&app, cx, &frame, again, &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    let account = app.control.accounts.get_staff(&cx, id).await?;
    let outcome = if form.confirm.trim().eq_ignore_ascii_case(&account.email) {
        app.control.accounts.delete_staff(&cx, id).await
    } else {
        Err(Invalid::new("confirm", format!("Enter {} to confirm.", account.email)).into())
    };
    match outcome {
        Ok(()) => Ok(ui::see_other("/staff/people?done=deleted")),
        error => finish(&app, &cx, id, frame, error, "").await,
    }
}

/// Makes a change that has nothing but a button, once the password was asked for lately.
async fn change(
    app: &App,
    cx: RequestContext,
    (id, action): (StaffId, &str),
    frame: Frame,
    form: ConfirmedForm,
    call: impl AsyncFnOnce(&RequestContext) -> stoa_core::Result<()>,
) -> Result<Response, HttpError> {
    let page = format!("/staff/people/{id}/{action}");
    let cx = match recent_context(app, cx, &frame, (&page, Vec::new()), &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    let outcome = call(&cx).await;
    finish(app, &cx, id, frame, outcome, action).await
}

/// Back to the page, or the page again with what is wrong.
async fn finish(
    app: &App,
    cx: &RequestContext,
    id: StaffId,
    frame: Frame,
    outcome: stoa_core::Result<()>,
    done: &str,
) -> Result<Response, HttpError> {
    let Err(error) = outcome else { return Ok(ui::see_other(&format!("/staff/people/{id}?done={done}"))) };
    let form_errors = FormErrors::try_from(error)?;
    let response = form_errors.response();
    Ok(response.page(&build(app, cx, id, frame, form_errors.problems).await?))
}

async fn build(
    app: &App,
    cx: &RequestContext,
    id: StaffId,
    frame: Frame,
    problems: Problems,
) -> Result<StaffAccountPage, HttpError> {
    let account: StaffView = app.control.accounts.get_staff(cx, id).await?;
    let name = account.name.clone().unwrap_or_default();
    let fields = StaffFields::new(&name, &account.email, account.role.as_str(), &problems);
    Ok(StaffAccountPage {
        frame,
        done: None,
        fields,
        version: account.version,
        confirm: Field::text("confirm", "E-mail address of the account", "").with(&problems),
        account: StaffLine::new(&account, cx),
        problems,
        may_manage: cx.actor.has_role(Role::SuperAdmin),
        is_admin: cx.actor.has_role(Role::Admin),
    })
}

impl StaffAccountPage {
    /// Whether the account can be deactivated, and its password be reset.
    pub fn is_open(&self) -> bool {
        self.account.state.is_open()
    }

    /// Whether the account waits for its owner to choose a password.
    pub fn is_invited(&self) -> bool {
        self.account.state == StaffState::Invited
    }
}
