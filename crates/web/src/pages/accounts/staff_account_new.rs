//! Adds a staff account: its owner gets a link by e-mail and chooses a password.

use askama::Template;
use axum::{extract::State, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_accounts::command::{CreateStaff, PasswordDelivery};
use stoa_model::{account::Role, field::Invalid};

use super::confirm::recent_context;
use crate::{
    app::App,
    extract::{body::Form, permissions::SuperAdministrator},
    http_error::HttpError,
    ui::{
        self,
        field::{Field, Problems},
        form_errors::FormErrors,
        frame::Frame,
    },
};

const PATH: &str = "/staff/people/new";

/// `/staff/people/new`
#[derive(Template)]
#[template(path = "accounts/staff_account_new.html")]
pub struct NewStaffPage {
    /// Layout of the page.
    pub frame: Frame,
    /// Error messages.
    pub problems: Problems,
    /// The fields.
    pub fields: StaffFields,
}

/// The fields of a staff account.
pub struct StaffFields {
    /// Name of the person.
    pub name: Field,
    /// E-mail address.
    pub email: Field,
    /// The role that is chosen.
    pub role: String,
    /// What is wrong with the role.
    pub role_problem: Option<String>,
    /// All roles, weakest first.
    pub roles: [Role; 3],
}

impl StaffFields {
    /// The fields with what was typed.
    pub fn new(name: &str, email: &str, role: &str, problems: &Problems) -> Self {
        Self {
            name: Field::text("name", "Name", name).fill("off").with(problems),
            email: Field::email("email", "E-mail address", email).fill("off").with(problems),
            role: role.to_owned(),
            role_problem: problems.of("role").map(str::to_owned),
            roles: Role::ALL,
        }
    }
}

/// Input of the form.
#[derive(Deserialize, Default)]
pub struct NewStaffForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    confirm_password: SecretString,
}

/// `GET /staff/people/new`
pub async fn show(_: SuperAdministrator, frame: Frame) -> Response {
    let problems = Problems::default();
    let fields = StaffFields::new("", "", Role::Support.as_str(), &problems);
    ui::ok(&NewStaffPage { frame, problems, fields })
}

/// `POST /staff/people/new`
pub async fn submit(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    frame: Frame,
    Form(form): Form<NewStaffForm>,
) -> Result<Response, HttpError> {
    let NewStaffForm { name, email, role, confirm_password } = form;
    let again = vec![("name", name.clone()), ("email", email.clone()), ("role", role.clone())];
    let cx = match recent_context(&app, cx, &frame, (PATH, again), &confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    let created = match parse_role(&role) {
        Ok(role) => {
            let (name, email, delivery) = (name.clone(), email.clone(), PasswordDelivery::Link);
            app.control.accounts.invite_staff(&cx, CreateStaff { name, email, role, delivery }).await
        }
        Err(invalid) => Err(invalid.into()),
    };
    match created {
        Ok(id) => Ok(ui::see_other(&format!("/staff/people/{id}?done=created"))),
        Err(error) => {
            let form_errors = FormErrors::try_from(error)?;
            let problems = form_errors.problems.clone();
            let fields = StaffFields::new(&name, &email, &role, &problems);
            Ok(form_errors.response().page(&NewStaffPage { frame, problems, fields }))
        }
    }
}

/// The role that was chosen.
pub fn parse_role(text: &str) -> Result<Role, Invalid> {
    text.parse().map_err(|_| Invalid::new("role", "Choose a role."))
}
