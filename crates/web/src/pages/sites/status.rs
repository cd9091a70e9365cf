//! `GET /status/{id}`: for old links and scripts. Browsers are redirected to the job or the site; clients that
//! accept JSON get JSON.

use axum::{
    Json,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use crate::{extract::permissions::AccessibleSite, ui};

/// `GET /status/{id}`
pub async fn show(access: AccessibleSite, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let site = access.site;
    if accept.contains("application/json") {
        let job = site.job.map(|job| job.to_string());
        let body = serde_json::json!({
            "id": site.id, "status": site.state, "health": site.health, "url": site.url, "job": job,
            "reason": site.reason,
        });
        return Json(body).into_response();
    }
    match site.job {
        Some(job) => ui::see_other(&format!("/jobs/{job}")),
        None => ui::see_other(&format!("/sites/{}", site.id)),
    }
}
