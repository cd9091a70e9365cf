//! Certificates: uploaded ones, and the state of all.

use axum::{Json, extract::State, http::StatusCode};
use stoa_domains::command::UploadCertificate;

use super::dto;
use crate::{
    api::core::problem::Problem,
    app::App,
    extract::{
        body,
        permissions::{AccessibleSite, StaffMember},
    },
    http_error::HttpError,
};

/// Upload a certificate for a site's domains. The private key is never returned.
#[utoipa::path(
    put, path = "/api/v1/sites/{id}/certificate", tag = "Domains", request_body = dto::NewCertificate,
    params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Certificate), (status = 404, body = Problem), (status = 422, body = Problem)),
)]
pub async fn upload(
    State(app): State<App>,
    access: AccessibleSite,
    body::Json(new): body::Json<dto::NewCertificate>,
) -> Result<Json<dto::Certificate>, HttpError> {
    let dto::NewCertificate { certificate, key } = new;
    let command = UploadCertificate { chain: certificate, key };
    Ok(Json(app.control.domains.upload_certificate(&access.cx, access.site.id, command).await?.into()))
}

/// Stop using the uploaded certificate; the platform requests a replacement.
#[utoipa::path(
    delete, path = "/api/v1/sites/{id}/certificate", tag = "Domains", params(("id" = String, Path, description = "Site")),
    responses((status = 204, description = "The certificate is no longer used."), (status = 404, body = Problem)),
)]
pub async fn withdraw(State(app): State<App>, access: AccessibleSite) -> Result<StatusCode, HttpError> {
    app.control.domains.withdraw_certificate(&access.cx, access.site.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List all names that have or need a certificate (staff).
#[utoipa::path(
    get, path = "/api/v1/certificates", operation_id = "list_certificates", tag = "Domains",
    responses((status = 200, body = Vec<dto::NameCertificate>), (status = 403, body = Problem)),
)]
pub async fn list(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
) -> Result<Json<Vec<dto::NameCertificate>>, HttpError> {
    let all = app.control.domains.list_certificates(&cx).await?;
    Ok(Json(all.into_iter().map(Into::into).collect()))
}
