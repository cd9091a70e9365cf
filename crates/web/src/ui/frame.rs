//! What surrounds every page: the product's name, who is logged in, the theme, the form token.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use axum_extra::extract::CookieJar;
use stoa_accounts::view::SessionView;
use stoa_model::account::Actor;

use crate::{app::App, middleware::visit::Visit};

/// Name of the theme's cookie.
pub const THEME_COOKIE: &str = "stoa_theme";

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    #[default]
    Auto,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// Reads a word; anything unknown is [`Theme::Auto`].
    pub fn read(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// Who is logged in, as the header shows it.
#[derive(Debug, Clone)]
pub struct User {
    /// Login name.
    pub email: String,
    /// Company of a customer, role of staff.
    pub label: String,
    /// Whether it is staff.
    pub staff: bool,
}

/// What surrounds a page.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Name of the product.
    pub product: String,
    /// Who is logged in.
    pub user: Option<User>,
    /// Token that forms carry.
    pub csrf: String,
    /// Theme.
    pub theme: Theme,
    /// Path of the page.
    pub path: String,
    /// Number of the request.
    pub request_id: String,
    /// Whether what is typed goes over the wire in clear although the portal is meant to be secure.
    pub in_clear: bool,
}

impl Frame {
    /// Puts it together from a request's headers and what the middleware found out.
    pub fn new(app: &App, visit: &Visit, path: &str, headers: &HeaderMap) -> Self {
        let theme = CookieJar::from_headers(headers).get(THEME_COOKIE).map(|c| Theme::read(c.value()));
        Self {
            product: app.control.settings().product_name.clone(),
            user: visit.session.as_ref().map(user),
            csrf: visit.csrf.clone(),
            theme: theme.unwrap_or_default(),
            path: path.to_owned(),
            request_id: visit.request_id.clone(),
            in_clear: !visit.https && app.control.settings().portal_url.starts_with("https://"),
        }
    }

    /// Whether somebody of the staff looks at the page.
    pub fn is_staff(&self) -> bool {
        self.user.as_ref().is_some_and(|u| u.staff)
    }

    /// Whether the page lies under `prefix`, for the menu.
    pub fn is_at(&self, prefix: &str) -> bool {
        self.path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn user(session: &SessionView) -> User {
    User {
        email: session.email.clone(),
        label: session.label.clone(),
        staff: matches!(session.actor, Actor::Staff(..)),
    }
}

impl FromRequestParts<App> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let visit = Visit::of(&parts.extensions);
        Ok(Self::new(app, &visit, parts.uri.path(), &parts.headers))
    }
}

/// Whether a request came over https, as our edge says.
pub fn is_https(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|v| v.as_bytes() == b"https")
}

/// Host as the browser named it, for comparing with `Origin`.
pub fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|v| v.to_str().ok())
}
