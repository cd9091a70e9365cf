//! Everything that can be requested, in one table: the router is built from it, and the tests walk
//! it, so a route that nobody thought about fails the build of the access matrix.

use axum::{
    Router,
    routing::{MethodRouter, delete, get, post, put},
};

use crate::{api, app::App, assets, fault::Fault, pages};

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// HTTP method, upper case.
    pub method: &'static str,
    /// Path with its parameters in braces.
    pub path: &'static str,
}

macro_rules! routes {
    ($($method:ident $path:literal => $handler:path;)*) => {
        /// The table.
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
    // For everybody.
    get "/" => pages::home::show;
    get "/assets/{*file}" => assets::file;
    get "/favicon.ico" => assets::favicon;
    get "/robots.txt" => assets::robots;
    get "/healthz" => pages::health::live;
    get "/readyz" => pages::health::ready;
    post "/theme" => pages::home::theme;

    // Accounts.
    get "/register" => pages::account::register::show;
    post "/register" => pages::account::register::submit;
    get "/check/address" => pages::check::address;
    post "/check/field" => pages::check::field;
    get "/login" => pages::account::login::show;
    post "/login" => pages::account::login::submit;
    get "/staff/login" => pages::account::login::show_staff;
    post "/staff/login" => pages::account::login::submit_staff;
    post "/logout" => pages::account::logout::submit;

    // Sites.
    get "/dashboard" => pages::site::list::show;
    get "/sites/new" => pages::site::order::show;
    post "/sites/new" => pages::site::order::submit;
    get "/sites/{id}" => pages::site::show::show;
    get "/sites/{id}/usage" => pages::site::usage::show;
    get "/sites/{id}/logs" => pages::site::log::show;
    get "/sites/{id}/danger" => pages::site::danger::show;
    post "/sites/{id}/start" => pages::site::act::start;
    post "/sites/{id}/stop" => pages::site::act::stop;
    post "/sites/{id}/restart" => pages::site::act::restart;
    post "/sites/{id}/retry" => pages::site::act::retry;
    post "/sites/{id}/delete" => pages::site::danger::submit;
    post "/sites/{id}/undelete" => pages::site::act::undelete;
    post "/sites/{id}/login-link" => pages::site::login_link::submit;
    post "/sites/{id}/credentials/{ordinal}" => pages::site::credential::reveal;
    get "/sites/{id}/domains" => pages::site::domains::show;
    post "/sites/{id}/domains" => pages::site::domains::add::submit;
    post "/sites/{id}/address" => pages::site::domains::main::submit;
    post "/sites/{id}/certificate" => pages::site::domains::certificate::upload;
    post "/sites/{id}/certificate/withdraw" => pages::site::domains::certificate::withdraw;
    post "/sites/{id}/limits" => pages::site::domains::limits::submit;
    get "/sites/{id}/traffic" => pages::site::traffic::show;
    get "/status/{id}" => pages::site::status::show;

    // Domains.
    post "/domains/{id}/check" => pages::site::domains::check::submit;
    get "/domains/{id}/remove" => pages::site::domains::remove::show;
    post "/domains/{id}/remove" => pages::site::domains::remove::submit;

    // Jobs.
    get "/jobs/{id}" => pages::job::show::show;
    get "/jobs/{id}/events" => pages::job::events::stream;
    post "/jobs/{id}/cancel" => pages::job::act::cancel;
    post "/jobs/{id}/resume" => pages::job::act::resume;
    post "/jobs/{id}/abandon" => pages::job::act::abandon;

    // The operator.
    get "/staff" => pages::staff::overview::show;
    get "/staff/sites" => pages::staff::sites::show;
    get "/staff/sites/new" => pages::staff::order::show;
    post "/staff/sites/new" => pages::staff::order::submit;
    get "/staff/jobs" => pages::staff::jobs::show;
    get "/staff/certificates" => pages::staff::certificates::show;

    // Programs.
    get "/metrics" => api::metrics::show;
    get "/api/docs" => api::docs::show;
    get "/api/openapi.json" => api::openapi::document;
    post "/api/auth/login" => api::accounts::log_in;
    get "/api/v1/me" => api::accounts::me;
    get "/api/v1/blueprints" => api::platform::blueprints;
    get "/api/v1/addresses/{subdomain}" => api::platform::address;
    get "/api/v1/doctor" => api::platform::doctor;
    get "/api/v1/sites" => api::sites::list;
    post "/api/v1/sites" => api::sites::create;
    get "/api/v1/sites/{id}" => api::sites::get;
    delete "/api/v1/sites/{id}" => api::sites::delete;
    post "/api/v1/sites/{id}/undelete" => api::sites::undelete;
    post "/api/v1/sites/{id}/start" => api::sites::start;
    post "/api/v1/sites/{id}/stop" => api::sites::stop;
    post "/api/v1/sites/{id}/restart" => api::sites::restart;
    post "/api/v1/sites/{id}/retry" => api::sites::retry;
    post "/api/v1/sites/{id}/login-link" => api::site_details::login_link;
    get "/api/v1/sites/{id}/credentials" => api::site_details::credentials;
    post "/api/v1/sites/{id}/credentials/{ordinal}/reveal" => api::site_details::reveal;
    get "/api/v1/sites/{id}/logs" => api::site_details::logs;
    get "/api/v1/sites/{id}/stats" => api::site_details::stats;
    get "/api/v1/sites/{id}/jobs" => api::site_details::jobs;
    get "/api/v1/sites/{id}/domains" => api::domains::list;
    post "/api/v1/sites/{id}/domains" => api::domains::add;
    post "/api/v1/sites/{id}/address" => api::domains::main;
    post "/api/v1/domains/{id}/check" => api::domains::check;
    delete "/api/v1/domains/{id}" => api::domains::remove;
    put "/api/v1/sites/{id}/certificate" => api::certificates::upload;
    delete "/api/v1/sites/{id}/certificate" => api::certificates::withdraw;
    get "/api/v1/certificates" => api::certificates::list;
    get "/api/v1/sites/{id}/traffic" => api::traffic::hours;
    put "/api/v1/sites/{id}/limits" => api::traffic::limits;
    get "/api/v1/jobs" => api::jobs::list;
    get "/api/v1/jobs/{id}" => api::jobs::get;
    get "/api/v1/jobs/{id}/events" => api::jobs::events;
    post "/api/v1/jobs/{id}/cancel" => api::jobs::cancel;
    post "/api/v1/jobs/{id}/resume" => api::jobs::resume;
    post "/api/v1/jobs/{id}/abandon" => api::jobs::abandon;
}

/// The routes, without what surrounds them.
pub fn router() -> Router<App> {
    let routes = table().into_iter().fold(Router::new(), |router, (path, method)| router.route(path, method));
    routes.fallback(async || Fault::new(crate::fault::Kind::NotFound, "There is nothing at this address."))
}
