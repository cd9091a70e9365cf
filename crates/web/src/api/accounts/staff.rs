//! Staff accounts. Passwords and second factors are reset in the portal, with a password.

use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stoa_accounts::{
    command::{CreateStaff, PasswordDelivery, UpdateStaff},
    view::StaffView,
};
use stoa_model::{account::Role, id::StaffId};
use utoipa::ToSchema;

use crate::{
    api::core::problem::Problem,
    app::App,
    extract::{
        body,
        id::Id,
        permissions::{StaffMember, SuperAdministrator},
    },
    http_error::HttpError,
};

/// A staff account.
#[derive(Serialize, ToSchema)]
#[schema(as = StaffAccount)]
pub struct StaffAccount {
    /// Id of the account.
    #[schema(value_type = String, example = "stf_019345c27c0070008000000000000007")]
    pub id: StaffId,
    /// Name of the person, if the account has one.
    #[schema(example = "Anna Berg")]
    pub name: Option<String>,
    /// E-mail address, which is also the login name.
    pub email: String,
    /// `support`, `admin` or `super_admin`.
    #[schema(example = "admin")]
    pub role: &'static str,
    /// `invited` (has no password yet), `active` or `deactivated`.
    pub state: &'static str,
    /// Until when the temporary password works, if the account has one.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub password_expires_at: Option<Timestamp>,
    /// Whether an authenticator app is set up.
    pub has_totp: bool,
    /// Whether there is a passkey.
    pub has_passkey: bool,
    /// Last login.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_login_at: Option<Timestamp>,
    /// When the account was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Send it with a change, which is refused if somebody else has changed the account since.
    pub version: i64,
}

impl From<StaffView> for StaffAccount {
    fn from(view: StaffView) -> Self {
        let StaffView { id, name, email, role, state, password_expires_at, has_totp, has_passkey, .. } = view;
        let (last_login_at, created_at, version) = (view.last_login_at, view.created_at, view.version);
        let (role, state) = (role.as_str(), state.as_str());
        Self {
            id,
            name,
            email,
            role,
            state,
            password_expires_at,
            has_totp,
            has_passkey,
            last_login_at,
            created_at,
            version,
        }
    }
}

/// What a member of staff may do.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StaffRole {
    /// Reads.
    Support,
    /// All but staff and settings.
    Admin,
    /// Everything.
    SuperAdmin,
}

impl From<StaffRole> for Role {
    fn from(role: StaffRole) -> Self {
        match role {
            StaffRole::Support => Self::Support,
            StaffRole::Admin => Self::Admin,
            StaffRole::SuperAdmin => Self::SuperAdmin,
        }
    }
}

/// How somebody gets a password.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// An e-mail with a link to choose one.
    #[default]
    Link,
    /// An e-mail with a temporary password, which has to be changed at the first login.
    Temporary,
}

/// A staff account to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStaff {
    /// Name of the person.
    #[schema(example = "Anna Berg")]
    pub name: String,
    /// E-mail address, which is also the login name.
    pub email: String,
    /// What they may do.
    pub role: StaffRole,
    /// How they get a password.
    #[serde(default)]
    pub password: Delivery,
}

/// A changed staff account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedStaff {
    /// Name of the person.
    #[schema(example = "Anna Berg")]
    pub name: String,
    /// E-mail address, which is also the login name.
    pub email: String,
    /// What they may do.
    pub role: StaffRole,
    /// The version of the account that was changed.
    pub version: i64,
}

/// List all staff, oldest first (staff).
#[utoipa::path(
    get, path = "/api/v1/staff", operation_id = "list_staff", tag = "Staff",
    responses((status = 200, body = Vec<StaffAccount>), (status = 401, body = Problem)),
)]
pub async fn list(State(app): State<App>, StaffMember(cx): StaffMember) -> Result<Json<Vec<StaffAccount>>, HttpError> {
    let found = app.control.accounts.list_staff(&cx).await?;
    Ok(Json(found.into_iter().map(StaffAccount::from).collect()))
}

/// Get a staff account (staff).
#[utoipa::path(
    get, path = "/api/v1/staff/{id}", operation_id = "get_staff", tag = "Staff",
    params(("id" = String, Path, description = "Staff account")),
    responses((status = 200, body = StaffAccount), (status = 404, body = Problem)),
)]
pub async fn get(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<StaffId>,
) -> Result<Json<StaffAccount>, HttpError> {
    Ok(Json(app.control.accounts.get_staff(&cx, id).await?.into()))
}

/// Create a staff account (super_admin).
///
/// Its owner gets a link or a temporary password by e-mail, which work for three days.
#[utoipa::path(
    post, path = "/api/v1/staff", operation_id = "create_staff", tag = "Staff", request_body = NewStaff,
    responses((status = 201, body = StaffAccount), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub async fn create(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    body::Json(new): body::Json<NewStaff>,
) -> Result<(StatusCode, Json<StaffAccount>), HttpError> {
    let delivery = match new.password {
        Delivery::Link => PasswordDelivery::Link,
        Delivery::Temporary => PasswordDelivery::Temporary,
    };
    let command = CreateStaff { name: new.name, email: new.email, role: new.role.into(), delivery };
    let id = app.control.accounts.invite_staff(&cx, command).await?;
    Ok((StatusCode::CREATED, Json(app.control.accounts.get_staff(&cx, id).await?.into())))
}

/// Change a staff account (super_admin).
///
/// Another role ends its sessions and API tokens. The last active super admin keeps the role.
#[utoipa::path(
    put, path = "/api/v1/staff/{id}", operation_id = "update_staff", tag = "Staff", request_body = ChangedStaff,
    params(("id" = String, Path, description = "Staff account")),
    responses(
        (status = 200, body = StaffAccount), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem),
    ),
)]
pub async fn update(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
    body::Json(changed): body::Json<ChangedStaff>,
) -> Result<Json<StaffAccount>, HttpError> {
    let ChangedStaff { name, email, role, version } = changed;
    let command = UpdateStaff { name, email, role: role.into(), version };
    app.control.accounts.update_staff(&cx, id, command).await?;
    Ok(Json(app.control.accounts.get_staff(&cx, id).await?.into()))
}

/// Deactivate a staff account (super_admin).
///
/// Its sessions and API tokens end at once.
#[utoipa::path(
    post, path = "/api/v1/staff/{id}/deactivate", operation_id = "deactivate_staff", tag = "Staff",
    params(("id" = String, Path, description = "Staff account")),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn deactivate(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
) -> Result<StatusCode, HttpError> {
    app.control.accounts.deactivate_staff(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reactivate a staff account (super_admin).
///
/// Its owner gets a link to choose a new password.
#[utoipa::path(
    post, path = "/api/v1/staff/{id}/reactivate", operation_id = "reactivate_staff", tag = "Staff",
    params(("id" = String, Path, description = "Staff account")),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn reactivate(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
) -> Result<StatusCode, HttpError> {
    app.control.accounts.reactivate_staff(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a staff account (super_admin).
///
/// Notes and the audit trail keep its name.
#[utoipa::path(
    delete, path = "/api/v1/staff/{id}", operation_id = "delete_staff", tag = "Staff",
    params(("id" = String, Path, description = "Staff account")),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub async fn delete(
    State(app): State<App>,
    SuperAdministrator(cx): SuperAdministrator,
    Id(id): Id<StaffId>,
) -> Result<StatusCode, HttpError> {
    app.control.accounts.delete_staff(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
