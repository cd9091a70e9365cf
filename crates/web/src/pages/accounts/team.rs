//! Members of the organization, and which organization the session acts for.

use askama::Template;
use axum::{extract::State, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_accounts::view::{OrganizationView, TeamView};
use stoa_core::RequestContext;
use stoa_model::{
    field::Invalid,
    id::{CustomerId, InvitationId, UserId},
    member::MemberRole,
};

use super::confirm::recent_context;
use crate::{
    app::App,
    extract::{
        body::{Form, Query},
        id::Id,
        permissions::Customer,
    },
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

/// `/account/team`
#[derive(Template)]
#[template(path = "accounts/team.html")]
pub struct TeamPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// What was done, if something was.
    pub done: Option<&'static str>,
    /// Whom to ask, where e-mail doesn't leave the machine.
    pub ask: Option<String>,
    /// Name of the organization.
    pub organization: String,
    /// Members and invitations.
    pub team: TeamView,
    /// Organizations of the person, if there are several.
    pub organizations: Vec<OrganizationView>,
    /// Whom to invite.
    pub email: Field,
    /// The role that is chosen.
    pub role: String,
}

/// Input of the invitation's form.
#[derive(Deserialize, Default)]
pub struct InviteForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    confirm_password: SecretString,
}

/// Input of a member's forms.
#[derive(Deserialize, Default)]
pub struct MemberForm {
    #[serde(default)]
    role: String,
    #[serde(default)]
    confirm_password: SecretString,
}

/// Input of the organization's switch.
#[derive(Deserialize)]
pub struct SwitchForm {
    #[serde(default)]
    organization: String,
}

/// Query of the page.
#[derive(Deserialize)]
pub struct TeamQuery {
    #[serde(default)]
    done: String,
}

/// `GET /account/team`
pub async fn show(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Query(query): Query<TeamQuery>,
) -> Result<Response, HttpError> {
    let done = match query.done.as_str() {
        "invite" => Some("The invitation was created."),
        "role" => Some("The role was changed, and the member's sessions were ended."),
        "remove" => Some("The member was removed."),
        "withdraw" => Some("The invitation was withdrawn."),
        _ => None,
    };
    let page = build(&app, &cx, frame, &InviteForm::default(), Problems::default()).await?;
    Ok(ui::ok(&TeamPage { done, ..page }))
}

/// `POST /account/team/invite`
pub async fn invite(
    State(app): State<App>,
    Customer(cx): Customer,
    frame: Frame,
    Form(form): Form<InviteForm>,
) -> Result<Response, HttpError> {
    let again = ("/account/team/invite", vec![("email", form.email.clone()), ("role", form.role.clone())]);
    let cx = match recent_context(&app, cx, &frame, again, &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    let outcome = match parse_role(&form.role) {
        Ok(role) => app.control.accounts.invite(&cx, &form.email, role).await,
        Err(invalid) => Err(invalid.into()),
    };
    finish(&app, &cx, frame, &form, outcome, "invite").await
}

/// `POST /account/team/{id}/role`
pub async fn change_role(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(user): Id<UserId>,
    frame: Frame,
    Form(form): Form<MemberForm>,
) -> Result<Response, HttpError> {
    let action = format!("/account/team/{user}/role");
    let again = (action.as_str(), vec![("role", form.role.clone())]);
    let cx = match recent_context(&app, cx, &frame, again, &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    let outcome = match parse_role(&form.role) {
        Ok(role) => app.control.accounts.change_role(&cx, user, role).await,
        Err(invalid) => Err(invalid.into()),
    };
    finish(&app, &cx, frame, &InviteForm::default(), outcome, "role").await
}

/// `POST /account/team/{id}/remove`
pub async fn remove(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(user): Id<UserId>,
    frame: Frame,
    Form(form): Form<MemberForm>,
) -> Result<Response, HttpError> {
    let action = format!("/account/team/{user}/remove");
    let cx = match recent_context(&app, cx, &frame, (&action, Vec::new()), &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    let leaves = cx.member.is_some_and(|member| member.user == user);
    let outcome = app.control.accounts.remove_member(&cx, user).await;
    if leaves && outcome.is_ok() {
        return Ok(ui::see_other("/dashboard"));
    }
    finish(&app, &cx, frame, &InviteForm::default(), outcome, "remove").await
}

/// `POST /account/invitations/{id}/withdraw`
pub async fn withdraw(
    State(app): State<App>,
    Customer(cx): Customer,
    Id(id): Id<InvitationId>,
) -> Result<Response, HttpError> {
    app.control.accounts.withdraw_invitation(&cx, id).await?;
    Ok(ui::see_other("/account/team?done=withdraw"))
}

/// `POST /account/organization`
pub async fn switch(
    State(app): State<App>,
    Customer(cx): Customer,
    Form(form): Form<SwitchForm>,
) -> Result<Response, HttpError> {
    let customer: CustomerId = form.organization.parse().map_err(|_| HttpError::not_found("organization"))?;
    app.control.accounts.switch_organization(&cx, customer).await?;
    Ok(ui::see_other("/dashboard"))
}

fn parse_role(role: &str) -> Result<MemberRole, Invalid> {
    role.parse().map_err(|_| Invalid::new("role", "Choose a role."))
}

async fn finish(
    app: &App,
    cx: &RequestContext,
    mut frame: Frame,
    form: &InviteForm,
    outcome: stoa_core::Result<()>,
    done: &str,
) -> Result<Response, HttpError> {
    match outcome {
        Ok(()) => Ok(ui::see_other(&format!("/account/team?done={done}"))),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let response = form_errors.response();
            frame.path = "/account/team".into();
            Ok(response.page(&build(app, cx, frame, form, form_errors.problems).await?))
        }
    }
}

async fn build(
    app: &App,
    cx: &RequestContext,
    frame: Frame,
    form: &InviteForm,
    problems: Problems,
) -> Result<TeamPage, HttpError> {
    let accounts = &app.control.accounts;
    let (team, organizations) = (accounts.team(cx).await?, accounts.organizations(cx).await?);
    let organization = frame.user.as_ref().map(|user| user.label.clone()).unwrap_or_default();
    let email = Field::email("email", "E-mail address", &form.email).fill("off").with(&problems);
    let role = if form.role.is_empty() { "developer".to_owned() } else { form.role.clone() };
    let ask = super::forgot::whom_to_ask(app);
    Ok(TeamPage { frame, problems, done: None, ask, organization, team, organizations, email, role })
}
