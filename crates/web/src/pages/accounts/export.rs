//! The account's data as one JSON file: the account, its organizations and sessions, and what the present organization
//! has: members, sites with their domains and history.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use stoa_core::RequestContext;
use stoa_sites::view::SiteView;

use crate::{app::App, extract::permissions::Customer, http_error::HttpError};

/// `GET /account/export`
pub async fn download(State(app): State<App>, Customer(cx): Customer) -> Result<Response, HttpError> {
    let document = json!({
        "exported_at": cx.now,
        "account": account(&app, &cx).await?,
        "organization": organization(&app, &cx).await?,
    });
    let body = serde_json::to_string_pretty(&document).map_err(stoa_core::Error::internal)?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"account.json\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body).into_response())
}

async fn account(app: &App, cx: &RequestContext) -> Result<Value, HttpError> {
    let accounts = &app.control.accounts;
    let (profile, organizations) = (accounts.profile(cx).await?, accounts.organizations(cx).await?);
    let organizations: Vec<Value> = organizations
        .into_iter()
        .map(|organization| json!({ "id": organization.id, "name": organization.name, "role": organization.role }))
        .collect();
    let sessions: Vec<Value> = accounts
        .list_sessions(cx)
        .await?
        .into_iter()
        .map(|session| {
            let (device, address) = (session.device, session.address);
            json!({ "device": device, "address": address, "since": session.since, "last_used": session.seen_at })
        })
        .collect();
    Ok(json!({
        "email": profile.email, "email_verified": profile.is_verified, "created_at": profile.created_at,
        "organizations": organizations, "sessions": sessions,
    }))
}

async fn organization(app: &App, cx: &RequestContext) -> Result<Value, HttpError> {
    let members: Vec<Value> = match cx.member {
        None => Vec::new(),
        Some(_) => {
            let team = app.control.accounts.team(cx).await?;
            let member =
                |m: stoa_accounts::view::MemberView| json!({ "email": m.email, "role": m.role, "since": m.since });
            team.members.into_iter().map(member).collect()
        }
    };
    let (mut sites, mut before) = (Vec::new(), None);
    loop {
        let page = app.control.sites.list(cx, before, 100).await?;
        before = page.items.last().map(|site| site.id);
        for item in &page.items {
            sites.push(site(app, cx, item).await?);
        }
        if page.next.is_none() {
            break;
        }
    }
    let id = cx.actor.customer();
    Ok(json!({ "id": id, "members": members, "sites": sites }))
}

async fn site(app: &App, cx: &RequestContext, site: &SiteView) -> Result<Value, HttpError> {
    let domains = app.control.domains.list_domains(cx, site.id).await?.domains;
    let domains: Vec<&str> = domains.iter().map(|domain| domain.display.as_str()).collect();
    let history = app.control.sites.history(cx, site.id).await?;
    let history: Vec<Value> =
        history.into_iter().map(|(at, kind, text)| json!({ "at": at, "kind": kind, "text": text })).collect();
    Ok(json!({ "site": site, "domains": domains, "history": history }))
}
