//! The table of all routes. The router is built from it, and the test of permissions fails for a route whose
//! permissions it doesn't list.

use axum::{
    Router,
    routing::{MethodRouter, delete, get, post, put},
};

use crate::{api, app::App, assets, http_error::HttpError, pages};

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// HTTP method, upper case.
    pub method: &'static str,
    /// Path with its parameters in braces.
    pub path: &'static str,
}

macro_rules! routes {
    ($($method:ident $path:literal => $handler:path;)*) => {
        /// All routes.
        pub const ROUTES: &[Route] = &[$(Route { method: method_name(stringify!($method)), path: $path }),*];

        fn table() -> Vec<(&'static str, MethodRouter<App>)> {
            vec![$(($path, $method($handler))),*]
        }
    };
}

const fn method_name(word: &'static str) -> &'static str {
    match word.as_bytes() {
        b"get" => "GET",
        b"post" => "POST",
        b"put" => "PUT",
        _ => "DELETE",
    }
}

routes! {
    // For everyone.
    get "/" => pages::core::home::show;
    get "/assets/{*file}" => assets::file;
    get "/favicon.ico" => assets::favicon;
    get "/robots.txt" => assets::robots;
    get "/healthz" => pages::core::health::live;
    get "/readyz" => pages::core::health::ready;
    post "/theme" => pages::core::home::theme;

    // Accounts.
    get "/register" => pages::accounts::register::show;
    post "/register" => pages::accounts::register::submit;
    get "/check/address" => pages::core::form_check::address;
    post "/check/field" => pages::core::form_check::field;
    get "/login" => pages::accounts::login::show;
    post "/login" => pages::accounts::login::submit;
    get "/staff/login" => pages::accounts::login::show_staff;
    post "/staff/login" => pages::accounts::login::submit_staff;
    post "/logout" => pages::accounts::logout::submit;
    get "/forgot" => pages::accounts::forgot::show;
    post "/forgot" => pages::accounts::forgot::submit;
    get "/reset/{token}" => pages::accounts::reset::show;
    post "/reset/{token}" => pages::accounts::reset::submit;
    get "/verify/{token}" => pages::accounts::verify::show;
    post "/verify/{token}" => pages::accounts::verify::submit;
    get "/invitations/{token}" => pages::accounts::invitation::show;
    post "/invitations/{token}" => pages::accounts::invitation::accept;
    post "/invitations/{token}/register" => pages::accounts::invitation::register;
    get "/account" => pages::accounts::profile::show;
    post "/account" => pages::accounts::profile::rename;
    post "/account/verify" => pages::accounts::verify::resend;
    post "/account/email" => pages::accounts::email_change::request;
    get "/account/email/{token}" => pages::accounts::email_change::show;
    post "/account/email/{token}" => pages::accounts::email_change::submit;
    get "/account/email/restore/{token}" => pages::accounts::email_change::show_restore;
    post "/account/email/restore/{token}" => pages::accounts::email_change::submit_restore;
    post "/account/close" => pages::accounts::profile::close;
    post "/account/keep" => pages::accounts::profile::keep;
    get "/account/export" => pages::accounts::export::download;
    get "/account/security" => pages::accounts::security::show;
    post "/account/password" => pages::accounts::security::change_password;
    post "/account/sessions/end-others" => pages::accounts::security::end_others;
    post "/account/sessions/{id}/end" => pages::accounts::security::end_session;
    get "/account/team" => pages::accounts::team::show;
    post "/account/team/invite" => pages::accounts::team::invite;
    post "/account/team/{id}/role" => pages::accounts::team::change_role;
    post "/account/team/{id}/remove" => pages::accounts::team::remove;
    post "/account/invitations/{id}/withdraw" => pages::accounts::team::withdraw;
    post "/account/organization" => pages::accounts::team::switch;

    // Sites.
    get "/dashboard" => pages::sites::list::show;
    get "/sites/new" => pages::sites::order::show;
    post "/sites/new" => pages::sites::order::submit;
    get "/sites/{id}" => pages::sites::show::show;
    get "/sites/{id}/usage" => pages::sites::usage::show;
    get "/sites/{id}/logs" => pages::sites::logs::show;
    get "/sites/{id}/activity" => pages::sites::activity::show;
    get "/sites/{id}/settings" => pages::sites::settings::show;
    get "/sites/{id}/danger" => pages::core::redirects::danger;
    post "/sites/{id}/start" => pages::sites::actions::start;
    post "/sites/{id}/stop" => pages::sites::actions::stop;
    post "/sites/{id}/restart" => pages::sites::actions::restart;
    post "/sites/{id}/retry" => pages::sites::actions::retry;
    post "/sites/{id}/suspend" => pages::sites::suspension::suspend;
    post "/sites/{id}/resume" => pages::sites::suspension::resume;
    post "/sites/{id}/delete" => pages::sites::settings::delete;
    post "/sites/{id}/undelete" => pages::sites::actions::undelete;
    post "/sites/{id}/login-link" => pages::sites::login_link::submit;
    post "/sites/{id}/credentials/{ordinal}" => pages::sites::credentials::reveal;
    get "/sites/{id}/domains" => pages::domains::show::show;
    post "/sites/{id}/domains" => pages::domains::add::submit;
    post "/sites/{id}/address" => pages::domains::main_address::submit;
    post "/sites/{id}/certificate" => pages::domains::certificate_upload::upload;
    post "/sites/{id}/certificate/withdraw" => pages::domains::certificate_upload::withdraw;
    post "/sites/{id}/limits" => pages::sites::limits::submit;
    get "/sites/{id}/traffic" => pages::sites::traffic::show;
    get "/status/{id}" => pages::sites::status::show;
    get "/provision" => pages::core::redirects::provision;
    post "/provision" => pages::sites::order::submit;

    // Domains.
    post "/domains/{id}/check" => pages::domains::check::submit;
    get "/domains/{id}/remove" => pages::domains::remove::show;
    post "/domains/{id}/remove" => pages::domains::remove::submit;

    // Jobs.
    get "/jobs/{id}" => pages::core::jobs::show::show;
    get "/jobs/{id}/events" => pages::core::jobs::events::stream;
    post "/jobs/{id}/cancel" => pages::core::jobs::actions::cancel;
    post "/jobs/{id}/resume" => pages::core::jobs::actions::resume;
    post "/jobs/{id}/abandon" => pages::core::jobs::actions::abandon;

    // Staff.
    get "/staff" => pages::core::staff_overview::show;
    get "/staff/sites" => pages::sites::staff_list::show;
    get "/staff/sites/new" => pages::sites::staff_order::show;
    post "/staff/sites/new" => pages::sites::staff_order::submit;
    get "/staff/jobs" => pages::core::jobs::staff_list::show;
    get "/staff/search" => pages::core::search::show;
    get "/staff/customers" => pages::accounts::staff_customers::show;
    get "/staff/customers/{id}" => pages::accounts::staff_customer::show;
    get "/staff/domains" => pages::domains::staff_domains::show;
    get "/staff/health" => pages::core::staff_health::show;
    get "/staff/audit" => pages::core::audit::show;
    get "/admin" => pages::core::redirects::admin;
    get "/admin/{*page}" => pages::core::redirects::admin_page;
    get "/staff/tasks" => pages::core::tasks::show;
    post "/staff/tasks/{id}/retry" => pages::core::tasks::retry;
    post "/staff/tasks/{id}/discard" => pages::core::tasks::discard;
    get "/staff/certificates" => pages::domains::staff_certificates::show;

    // API.
    get "/metrics" => api::core::metrics::show;
    get "/api/docs" => api::core::docs::show;
    get "/api/openapi.json" => api::core::openapi::document;
    post "/api/auth/login" => api::accounts::log_in;
    get "/api/v1/me" => api::accounts::me;
    get "/api/v1/blueprints" => api::sites::blueprints::blueprints;
    get "/api/v1/blueprints/outdated" => api::sites::update::outdated;
    get "/api/v1/addresses/{subdomain}" => api::sites::blueprints::address;
    get "/api/v1/doctor" => api::core::doctor::doctor;
    get "/api/v1/sites" => api::sites::list;
    post "/api/v1/sites" => api::sites::create;
    get "/api/v1/sites/{id}" => api::sites::get;
    delete "/api/v1/sites/{id}" => api::sites::delete;
    post "/api/v1/sites/{id}/undelete" => api::sites::undelete;
    post "/api/v1/sites/{id}/start" => api::sites::start;
    post "/api/v1/sites/{id}/stop" => api::sites::stop;
    post "/api/v1/sites/{id}/restart" => api::sites::restart;
    post "/api/v1/sites/{id}/retry" => api::sites::retry;
    post "/api/v1/sites/{id}/suspend" => api::sites::suspension::suspend;
    post "/api/v1/sites/{id}/resume" => api::sites::suspension::resume;
    post "/api/v1/sites/{id}/update" => api::sites::update::update;
    post "/api/v1/sites/{id}/login-link" => api::sites::details::login_link;
    get "/api/v1/sites/{id}/credentials" => api::sites::details::credentials;
    post "/api/v1/sites/{id}/credentials/{ordinal}/reveal" => api::sites::details::reveal;
    get "/api/v1/sites/{id}/logs" => api::sites::details::logs;
    get "/api/v1/sites/{id}/stats" => api::sites::details::stats;
    get "/api/v1/sites/{id}/jobs" => api::sites::details::jobs;
    get "/api/v1/sites/{id}/domains" => api::domains::list;
    post "/api/v1/sites/{id}/domains" => api::domains::add;
    post "/api/v1/sites/{id}/address" => api::domains::main;
    post "/api/v1/domains/{id}/check" => api::domains::check;
    delete "/api/v1/domains/{id}" => api::domains::remove;
    put "/api/v1/sites/{id}/certificate" => api::domains::certificates::upload;
    delete "/api/v1/sites/{id}/certificate" => api::domains::certificates::withdraw;
    get "/api/v1/certificates" => api::domains::certificates::list;
    get "/api/v1/sites/{id}/traffic" => api::sites::traffic::hours;
    put "/api/v1/sites/{id}/limits" => api::sites::traffic::limits;
    get "/api/v1/sites/{id}/storage" => api::sites::storage::show;
    put "/api/v1/sites/{id}/storage" => api::sites::storage::limit;
    get "/api/v1/jobs" => api::core::jobs::list;
    get "/api/v1/jobs/{id}" => api::core::jobs::get;
    get "/api/v1/jobs/{id}/events" => api::core::jobs::events;
    post "/api/v1/jobs/{id}/cancel" => api::core::jobs::cancel;
    post "/api/v1/jobs/{id}/resume" => api::core::jobs::resume;
    post "/api/v1/jobs/{id}/abandon" => api::core::jobs::abandon;
    get "/api/v1/tasks" => api::core::tasks::list;
    post "/api/v1/tasks/{id}/retry" => api::core::tasks::retry;
    delete "/api/v1/tasks/{id}" => api::core::tasks::discard;
}

/// The routes, without middleware.
pub fn router() -> Router<App> {
    let routes = table().into_iter().fold(Router::new(), |router, (path, method)| router.route(path, method));
    routes.fallback(async || HttpError::new(crate::http_error::ErrorKind::NotFound, "There's nothing at this address."))
}
