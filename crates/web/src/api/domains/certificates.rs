//! Certificates: one's own for a site, and how all of them stand.

use axum::{Json, extract::State, http::StatusCode};
use stoa_control::command::UploadCertificate;

use super::dto;
use crate::{
    api::core::problem::Problem,
    app::App,
    extract::{
        body,
        rights::{OwnSite, StaffMember},
    },
    fault::Fault,
};

/// Serve a certificate of one's own for a site's domains. The key is never given back.
#[utoipa::path(
    put, path = "/api/v1/sites/{id}/certificate", tag = "Domains", request_body = dto::NewCertificate,
    params(("id" = String, Path, description = "Site")),
    responses((status = 200, body = dto::Certificate), (status = 404, body = Problem), (status = 422, body = Problem)),
)]
pub async fn upload(
    State(app): State<App>,
    own: OwnSite,
    body::Json(new): body::Json<dto::NewCertificate>,
) -> Result<Json<dto::Certificate>, Fault> {
    let dto::NewCertificate { certificate, key } = new;
    let command = UploadCertificate { chain: certificate, key };
    Ok(Json(app.control.certificate_upload(&own.cx, own.site.id, command).await?.into()))
}

/// Serve it no more; the authority is asked for one again.
#[utoipa::path(
    delete, path = "/api/v1/sites/{id}/certificate", tag = "Domains", params(("id" = String, Path, description = "Site")),
    responses((status = 204, description = "It is served no more."), (status = 404, body = Problem)),
)]
pub async fn withdraw(State(app): State<App>, own: OwnSite) -> Result<StatusCode, Fault> {
    app.control.certificate_withdraw(&own.cx, own.site.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every name that has or needs a certificate, and how it stands (staff).
#[utoipa::path(
    get, path = "/api/v1/certificates", operation_id = "list_certificates", tag = "Domains",
    responses((status = 200, body = Vec<dto::NameCertificate>), (status = 403, body = Problem)),
)]
pub async fn list(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
) -> Result<Json<Vec<dto::NameCertificate>>, Fault> {
    let all = app.control.certificates(&cx).await?;
    Ok(Json(all.into_iter().map(Into::into).collect()))
}
