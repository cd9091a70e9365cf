//! `GET /status/{id}`: for old links and scripts (document 001). The id is a site's, or a customer's, which stands for the
//! newest of their sites. Browsers are redirected to the job or the site; clients that accept JSON get JSON.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use stoa_core::{RequestContext, view::PageNumber};
use stoa_model::id::CustomerId;
use stoa_sites::view::{SiteFilter, SiteSort, SiteView};

use crate::{app::App, extract::permissions::LoggedIn, http_error::HttpError, ui};

/// `GET /status/{id}`
pub async fn show(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let site = find(&app, &cx, &id).await?;
    if accept.contains("application/json") {
        let job = site.job.map(|job| job.to_string());
        let body = serde_json::json!({
            "id": site.id, "status": site.state, "health": site.health, "url": site.url, "job": job,
            "reason": site.reason,
        });
        return Ok(Json(body).into_response());
    }
    Ok(match site.job {
        Some(job) => ui::see_other(&format!("/jobs/{job}")),
        None => ui::see_other(&format!("/sites/{}", site.id)),
    })
}

async fn find(app: &App, cx: &RequestContext, id: &str) -> Result<SiteView, HttpError> {
    let missing = || HttpError::not_found("site");
    if let Ok(site) = id.parse() {
        return Ok(app.control.sites.get(cx, site).await?);
    }
    let customer: CustomerId = id.parse().map_err(|_| missing())?;
    if cx.actor.customer().is_some_and(|own| own != customer) {
        return Err(missing());
    }
    let filter = SiteFilter { customer: Some(customer), ..SiteFilter::default() };
    let found = app.control.sites.search(cx, filter, SiteSort::Newest, PageNumber::default()).await?;
    found.sites.items.into_iter().next().ok_or_else(missing)
}
