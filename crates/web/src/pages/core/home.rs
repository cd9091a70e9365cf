//! The home page and the theme switch.

use askama::Template;
use axum::{extract::State, response::Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;

use crate::{
    app::App,
    extract::body::Form,
    middleware::auth::add_cookie,
    return_path,
    ui::{
        self,
        frame::{Frame, THEME_COOKIE, Theme},
    },
};

/// `/`
#[derive(Template)]
#[template(path = "core/home.html")]
pub struct HomePage {
    /// Layout of the page.
    pub frame: Frame,
    /// Example of a store's address.
    pub example: String,
}

/// `GET /`
pub async fn show(State(app): State<App>, frame: Frame) -> Response {
    let example = format!("your-name.{}", app.control.settings().base_domain);
    ui::ok(&HomePage { frame, example })
}

/// The theme switch in the footer.
#[derive(Deserialize)]
pub struct ThemeForm {
    theme: String,
    #[serde(default)]
    next: String,
}

/// `POST /theme`: stores the theme in a long-lived cookie without personal data.
pub async fn theme(Form(form): Form<ThemeForm>) -> Response {
    let theme = Theme::parse(&form.theme).as_str();
    let mut response = ui::see_other(return_path::same_origin(&form.next).unwrap_or("/"));
    let cookie = Cookie::build((THEME_COOKIE, theme)).path("/").http_only(true).same_site(SameSite::Lax);
    add_cookie(&mut response, cookie.permanent().build());
    response
}
