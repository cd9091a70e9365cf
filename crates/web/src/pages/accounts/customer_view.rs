//! Staff view the portal as a customer, and come back.

use axum::{Extension, extract::State, http::HeaderMap, response::Response};
use secrecy::SecretString;
use serde::Deserialize;
use stoa_model::id::CustomerId;

use super::{confirm::recent_context, staff_customer};
use crate::{
    app::App,
    extract::{
        body::Form,
        id::Id,
        permissions::{Administrator, LoggedIn},
    },
    http_error::HttpError,
    middleware::auth::{RequestAuth, set_session},
    ui::{
        self,
        frame::{Frame, is_https},
    },
};

/// Input of the form.
#[derive(Deserialize, Default)]
pub struct ViewForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    confirm_password: SecretString,
}

/// `POST /staff/customers/{id}/view`
pub async fn begin(
    State(app): State<App>,
    Administrator(cx): Administrator,
    Id(id): Id<CustomerId>,
    frame: Frame,
    headers: HeaderMap,
    Form(form): Form<ViewForm>,
) -> Result<Response, HttpError> {
    let action = format!("/staff/customers/{id}/view");
    let again = (action.as_str(), vec![("reason", form.reason.clone())]);
    let cx = match recent_context(&app, cx, &frame, again, &form.confirm_password).await? {
        Ok(cx) => cx,
        Err(page) => return Ok(page),
    };
    match app.control.accounts.view_as_customer(&cx, id, &form.reason).await {
        Ok(session) => {
            let mut response = ui::see_other("/dashboard");
            set_session(&mut response, &session.token, is_https(&headers));
            Ok(response)
        }
        Err(error) => staff_customer::show_error(&app, &cx, id, frame, &form.reason, error).await,
    }
}

/// `POST /staff/view/end`: back to the customer's page. Without a view, to where the caller belongs.
pub async fn end(
    State(app): State<App>,
    LoggedIn(cx): LoggedIn,
    Extension(auth): Extension<RequestAuth>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    if auth.session.as_ref().is_none_or(|session| session.impersonation.is_none()) {
        return Ok(ui::see_other(frame.start()));
    }
    let (session, customer) = app.control.accounts.end_view(&cx).await?;
    let mut response = ui::see_other(&format!("/staff/customers/{customer}?done=view-ended"));
    set_session(&mut response, &session.token, is_https(&headers));
    Ok(response)
}
