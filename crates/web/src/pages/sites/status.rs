//! `GET /status/{id}`: for old links and programs. A browser is sent to what is worth looking at;
//! who asks for JSON gets it.

use axum::{
    Json,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use crate::{extract::rights::OwnSite, ui};

/// `GET /status/{id}`
pub async fn show(own: OwnSite, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let site = own.site;
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
