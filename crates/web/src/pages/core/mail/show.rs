//! `/staff/mail/{id}`: one e-mail, with its preview in a frame that can do nothing.

use askama::Template;
use axum::{
    extract::State,
    http::header,
    response::{Html, IntoResponse, Response},
};
use stoa_core::mail_log::MailDetail;
use stoa_model::{
    account::{Actor, Role},
    id::MailId,
};

use crate::{
    app::App,
    extract::{
        id::Id,
        permissions::{Administrator, StaffMember},
    },
    http_error::HttpError,
    middleware::headers::CSP,
    ui::{
        self,
        frame::Frame,
        status::{self, Badge},
        time::{self, Moment},
    },
};

/// Of a preview: it loads nothing, runs nothing, and only pages of the portal can frame it.
const PREVIEW_CSP: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox";

/// `/staff/mail/{id}`
#[derive(Template)]
#[template(path = "core/mail/show.html")]
pub struct MailPage {
    /// Layout of the page.
    pub frame: Frame,
    /// The e-mail.
    pub mail: MailDetail,
    /// How far it has come.
    pub state: Badge,
    /// When it was first tried.
    pub created: Moment,
    /// When its state last changed.
    pub updated: Moment,
    /// Whether the viewer may send it again.
    pub can_administer: bool,
}

/// `GET /staff/mail/{id}`
pub async fn show(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<MailId>,
    frame: Frame,
) -> Result<Response, HttpError> {
    let mail = app.control.mail_log.get(&cx, id).await?;
    let can_administer = matches!(cx.actor, Actor::Staff(..)) && cx.actor.has_role(Role::Admin);
    let (created, updated) = (time::moment(mail.entry.created_at, cx.now), time::moment(mail.entry.updated_at, cx.now));
    let page = MailPage { frame, state: status::mail(mail.entry.state), created, updated, can_administer, mail };
    let csp = format!("{CSP}; frame-src 'self'");
    Ok(([(header::CONTENT_SECURITY_POLICY, csp)], ui::ok(&page)).into_response())
}

/// `GET /staff/mail/{id}/preview`
pub async fn preview(
    State(app): State<App>,
    StaffMember(cx): StaffMember,
    Id(id): Id<MailId>,
) -> Result<Response, HttpError> {
    let mail = app.control.mail_log.get(&cx, id).await?;
    let headers = [(header::CONTENT_SECURITY_POLICY, PREVIEW_CSP), (header::X_FRAME_OPTIONS, "SAMEORIGIN")];
    Ok((headers, Html(mail.entry.html)).into_response())
}

/// `POST /staff/mail/{id}/resend`
pub async fn resend(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<MailId>,
) -> Result<Response, HttpError> {
    app.control.mail_log.resend(&cx, id).await?;
    Ok(ui::see_other("/staff/mail"))
}
