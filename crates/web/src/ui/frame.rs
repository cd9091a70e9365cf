//! The frame of every page: product name, current user, theme, CSRF token.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use axum_extra::extract::CookieJar;
use stoa_accounts::view::SessionView;
use stoa_model::{
    account::{Actor, Role},
    member::Permission,
};

use super::time;
use crate::{app::App, middleware::auth::RequestAuth};

/// Name of the theme's cookie.
pub const THEME_COOKIE: &str = "stoa_theme";

/// Color theme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system setting.
    #[default]
    Auto,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// Parses a stored theme; anything unknown is [`Theme::Auto`].
    pub fn parse(text: &str) -> Self {
        match text {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }

    /// Stored form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The current user, as shown in the header.
#[derive(Debug, Clone)]
pub struct User {
    /// Login name.
    pub email: String,
    /// Company of a customer, role of staff.
    pub label: String,
    /// Whether the user is staff.
    pub staff: bool,
    /// Whether they are staff with the role admin or above.
    pub is_admin: bool,
    /// Whether their address waits to be verified.
    pub email_unverified: bool,
    /// Whether they are a customer's member who sees what is paid.
    pub sees_money: bool,
}

impl User {
    /// The letter of the account button.
    pub fn initial(&self) -> String {
        let shown = if self.staff { &self.email } else { &self.label };
        shown.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "?".into(), |c| c.to_uppercase().to_string())
    }
}

/// That staff view the portal as a customer.
#[derive(Debug, Clone)]
pub struct ViewBanner {
    /// Name of the customer.
    pub company: String,
    /// E-mail address of the member of staff.
    pub staff_email: String,
    /// When the view ends.
    pub until: String,
}

/// The frame of a page.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Name of the product.
    pub product: String,
    /// The current user.
    pub user: Option<User>,
    /// CSRF token of forms.
    pub csrf: String,
    /// Theme.
    pub theme: Theme,
    /// Path of the page.
    pub path: String,
    /// Request id.
    pub request_id: String,
    /// Whether the connection is unencrypted although the portal is configured for HTTPS.
    pub is_unencrypted: bool,
    /// Whether e-mail leaves this machine.
    pub delivers_mail: bool,
    /// Who views the portal as the customer, if staff do.
    pub impersonation: Option<ViewBanner>,
    /// For staff: number of jobs that wait for them.
    pub stuck_jobs: u64,
}

impl Frame {
    /// The frame for a request.
    pub fn new(app: &App, auth: &RequestAuth, path: &str, headers: &HeaderMap) -> Self {
        let theme = CookieJar::from_headers(headers).get(THEME_COOKIE).map(|c| Theme::parse(c.value()));
        Self {
            product: app.control.settings().product_name.clone(),
            user: auth.session.as_ref().map(user),
            csrf: auth.csrf.clone(),
            theme: theme.unwrap_or_default(),
            path: path.to_owned(),
            request_id: auth.request_id.clone(),
            is_unencrypted: !auth.https && app.control.settings().portal_url.starts_with("https://"),
            delivers_mail: app.control.accounts.delivers_mail(),
            impersonation: auth.session.as_ref().and_then(view_banner),
            stuck_jobs: 0,
        }
    }

    /// Whether the user is staff.
    pub fn is_staff(&self) -> bool {
        self.user.as_ref().is_some_and(|u| u.staff)
    }

    /// Whether the user is staff with the role admin or above.
    pub fn is_admin(&self) -> bool {
        self.user.as_ref().is_some_and(|u| u.is_admin)
    }

    /// Whether the user's address waits to be verified.
    pub fn email_unverified(&self) -> bool {
        self.user.as_ref().is_some_and(|u| u.email_unverified)
    }

    /// Where the product's name leads: the user's own start page.
    pub fn start(&self) -> &'static str {
        match &self.user {
            Some(user) if user.staff => "/staff",
            Some(_) => "/dashboard",
            None => "/",
        }
    }

    /// Whether the page is below `prefix`, for the menu.
    pub fn is_at(&self, prefix: &str) -> bool {
        self.path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn view_banner(session: &SessionView) -> Option<ViewBanner> {
    let view = session.impersonation.as_ref()?;
    Some(ViewBanner {
        company: session.label.clone(),
        staff_email: view.staff_email.clone(),
        until: time::clock(view.ends_at),
    })
}

fn user(session: &SessionView) -> User {
    User {
        email: session.email.clone(),
        label: session.label.clone(),
        staff: matches!(session.actor, Actor::Staff(..)),
        is_admin: session.actor.has_role(Role::Admin),
        email_unverified: session.email_unverified,
        sees_money: session.member.is_none_or(|member| member.role.allows(Permission::ManageMoney)),
    }
}

impl FromRequestParts<App> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let auth = RequestAuth::from_extensions(&parts.extensions);
        let frame = Self::new(app, &auth, parts.uri.path(), &parts.headers);
        // A page is worth more than its badge.
        let stuck_jobs = if frame.is_staff() { app.stuck_jobs().await.unwrap_or(0) } else { 0 };
        Ok(Self { stuck_jobs, ..frame })
    }
}

/// Whether a request came over HTTPS, as reported by the edge.
pub fn is_https(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|v| v.as_bytes() == b"https")
}

/// The `Host` header, for comparison with `Origin`.
pub fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|v| v.to_str().ok())
}
