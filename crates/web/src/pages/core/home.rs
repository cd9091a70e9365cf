//! The front page and the theme switch.

use askama::Template;
use axum::{extract::State, response::Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;

use crate::{
    app::App,
    extract::body::Form,
    middleware::visit::add_cookie,
    safe_next,
    ui::{
        self,
        frame::{Frame, THEME_COOKIE, Theme},
    },
};

/// `/`
#[derive(Template)]
#[template(path = "core/home.html")]
pub struct HomePage {
    /// What surrounds it.
    pub frame: Frame,
    /// An address as an example.
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

/// `POST /theme`: kept for long, in a cookie that says nothing about the person.
pub async fn theme(Form(form): Form<ThemeForm>) -> Response {
    let word = Theme::read(&form.theme).as_str();
    let mut response = ui::see_other(safe_next::checked(&form.next).unwrap_or("/"));
    let cookie = Cookie::build((THEME_COOKIE, word)).path("/").http_only(true).same_site(SameSite::Lax);
    add_cookie(&mut response, cookie.permanent().build());
    response
}
