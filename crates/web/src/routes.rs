//! The table of all routes. The router is built from it, and the test of permissions fails for a route whose
//! permissions it doesn't list. In brackets is the ability that an API token needs for the route; the router checks it
//! before the handler runs. A route under `/api/v1` without one is open to everyone, and a test lists those.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::IntoResponse,
    routing::{MethodRouter, delete, get, post, put},
};
use stoa_model::ability::Ability;

use crate::{api, app::App, assets, http_error::HttpError, middleware::auth::RequestAuth, pages};

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// HTTP method, upper case.
    pub method: &'static str,
    /// Path with its parameters in braces.
    pub path: &'static str,
    /// What an API token must be able to do.
    pub ability: Option<Ability>,
}

macro_rules! routes {
    ($($method:ident $path:literal $([$ability:ident])? => $handler:path;)*) => {
        /// All routes.
        pub const ROUTES: &[Route] = &[$(Route {
            method: method_name(stringify!($method)),
            path: $path,
            ability: ability!($($ability)?),
        }),*];

        fn table() -> Vec<(&'static str, MethodRouter<App>)> {
            vec![$(($path, guarded($method($handler), ability!($($ability)?)))),*]
        }
    };
}

macro_rules! ability {
    () => {
        None
    };
    ($ability:ident) => {
        Some(Ability::$ability)
    };
}

/// A route that refuses API tokens without its ability.
fn guarded(route: MethodRouter<App>, ability: Option<Ability>) -> MethodRouter<App> {
    let Some(ability) = ability else { return route };
    route.layer(from_fn(move |request: Request, next: Next| async move {
        match RequestAuth::from_extensions(request.extensions()).require_ability(ability) {
            Ok(()) => next.run(request).await,
            Err(error) => HttpError::from(error).into_response(),
        }
    }))
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
    get "/login/code" => pages::accounts::login_code::show;
    post "/login/code" => pages::accounts::login_code::submit;
    post "/login/passkey/begin" => pages::accounts::passkeys::begin_login;
    post "/login/passkey" => pages::accounts::passkeys::log_in;
    get "/staff/login" => pages::accounts::login::show_staff;
    post "/staff/login" => pages::accounts::login::submit_staff;
    post "/logout" => pages::accounts::logout::submit;
    post "/account/security/passkeys/new" => pages::accounts::passkeys::begin;
    post "/account/security/passkeys" => pages::accounts::passkeys::add;
    post "/account/security/passkeys/{id}/remove" => pages::accounts::passkeys::remove;
    get "/account/security/second-factor" => pages::accounts::second_factor::show;
    post "/account/security/second-factor/begin" => pages::accounts::second_factor::begin;
    post "/account/security/second-factor/confirm" => pages::accounts::second_factor::confirm;
    post "/account/security/second-factor/codes" => pages::accounts::second_factor::replace_codes;
    post "/account/security/second-factor/remove" => pages::accounts::second_factor::remove;
    get "/account/tokens" => pages::accounts::tokens::show;
    post "/account/tokens" => pages::accounts::tokens::create;
    post "/account/tokens/{id}/revoke" => pages::accounts::tokens::revoke;
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
    post "/account/notices" => pages::accounts::profile::set_notices;
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
    get "/account/password/new" => pages::accounts::new_password::show;
    post "/account/password/new" => pages::accounts::new_password::submit;
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
    get "/sites/{id}/mail" => pages::sites::mail::show;
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

    // Billing.
    get "/pricing" => pages::billing::pricing::show;
    get "/billing" => pages::billing::overview::show;
    get "/billing/orders/{id}" => pages::billing::checkout::show;
    post "/billing/orders/{id}/cancel" => pages::billing::checkout::cancel;
    get "/billing/orders/{id}/pay" => pages::billing::checkout::pay;
    get "/billing/card" => pages::billing::overview::card;
    get "/billing/subscriptions/{id}/plan" => pages::billing::change_plan::show;
    post "/billing/subscriptions/{id}/plan" => pages::billing::change_plan::submit;
    post "/billing/subscriptions/{id}/cancel" => pages::billing::overview::cancel;
    post "/billing/subscriptions/{id}/keep" => pages::billing::overview::keep;
    get "/staff/plans" => pages::billing::staff_plans::show;
    get "/staff/plans/new" => pages::billing::staff_plan::show_new;
    post "/staff/plans/new" => pages::billing::staff_plan::create;
    get "/staff/plans/{id}" => pages::billing::staff_plan::show;
    post "/staff/plans/{id}" => pages::billing::staff_plan::update;
    get "/staff/mismatches" => pages::billing::mismatches::show;
    post "/staff/mismatches/check" => pages::billing::mismatches::check;
    post "/staff/mismatches/dismiss" => pages::billing::mismatches::dismiss;
    get "/staff/subscriptions" => pages::billing::staff_subscriptions::show;
    get "/staff/subscriptions/{id}" => pages::billing::staff_subscription::show;
    post "/staff/subscriptions/{id}/pay" => pages::billing::staff_subscription::pay;
    post "/staff/subscriptions/{id}/cancel" => pages::billing::staff_subscription::cancel;
    post "/staff/subscriptions/{id}/keep" => pages::billing::staff_subscription::keep;
    post "/staff/orders/{id}/pay" => pages::billing::staff_subscriptions::pay_order;
    post "/staff/orders/{id}/cancel" => pages::billing::staff_subscriptions::cancel_order;

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
    post "/staff/customers/{id}/view" => pages::accounts::customer_view::begin;
    post "/staff/view/end" => pages::accounts::customer_view::end;
    get "/staff/people" => pages::accounts::staff_accounts::show;
    get "/staff/people/new" => pages::accounts::staff_account_new::show;
    post "/staff/people/new" => pages::accounts::staff_account_new::submit;
    get "/staff/people/{id}" => pages::accounts::staff_account::show;
    post "/staff/people/{id}" => pages::accounts::staff_account::update;
    post "/staff/people/{id}/reset-password" => pages::accounts::staff_account::reset_password;
    post "/staff/people/{id}/second-factor/reset" => pages::accounts::staff_account::reset_second_factor;
    post "/staff/people/{id}/deactivate" => pages::accounts::staff_account::deactivate;
    post "/staff/people/{id}/reactivate" => pages::accounts::staff_account::reactivate;
    post "/staff/people/{id}/delete" => pages::accounts::staff_account::delete;
    post "/staff/customers/{id}/second-factor/reset" => pages::accounts::staff_customer::reset_second_factor;
    post "/staff/customers/{id}/notes" => pages::accounts::staff_customer::add_note;
    post "/staff/notes/{id}/delete" => pages::accounts::staff_customer::delete_note;
    get "/staff/domains" => pages::domains::staff_domains::show;
    get "/staff/health" => pages::core::staff_health::show;
    get "/staff/audit" => pages::core::audit::show;
    get "/admin" => pages::core::redirects::admin;
    get "/admin/" => pages::core::redirects::admin;
    get "/admin/{*page}" => pages::core::redirects::admin_page;
    get "/staff/tasks" => pages::core::tasks::show;
    post "/staff/tasks/{id}/retry" => pages::core::tasks::retry;
    post "/staff/tasks/{id}/discard" => pages::core::tasks::discard;
    get "/staff/mail" => pages::core::mail::list::show;
    get "/staff/mail/{id}" => pages::core::mail::show::show;
    get "/staff/mail/{id}/preview" => pages::core::mail::show::preview;
    post "/staff/mail/{id}/resend" => pages::core::mail::show::resend;
    get "/staff/mail/suppressions" => pages::core::mail::suppressions::show;
    post "/staff/mail/suppressions/remove" => pages::core::mail::suppressions::remove;
    get "/staff/certificates" => pages::domains::staff_certificates::show;

    // API.
    get "/metrics" [Read] => api::core::metrics::show;
    get "/api/docs" => api::core::docs::show;
    get "/api/openapi.json" => api::core::openapi::document;
    post "/api/auth/login" => api::accounts::log_in;
    get "/api/v1/me" [Read] => api::accounts::me;
    get "/api/v1/tokens" [Read] => api::accounts::tokens::list;
    delete "/api/v1/tokens/{id}" [Write] => api::accounts::tokens::revoke;
    get "/api/v1/staff" [Read] => api::accounts::staff::list;
    post "/api/v1/staff" [Write] => api::accounts::staff::create;
    get "/api/v1/staff/{id}" [Read] => api::accounts::staff::get;
    put "/api/v1/staff/{id}" [Write] => api::accounts::staff::update;
    delete "/api/v1/staff/{id}" [Write] => api::accounts::staff::delete;
    post "/api/v1/staff/{id}/deactivate" [Write] => api::accounts::staff::deactivate;
    post "/api/v1/staff/{id}/reactivate" [Write] => api::accounts::staff::reactivate;
    get "/api/v1/blueprints" [Read] => api::sites::blueprints::blueprints;
    get "/api/v1/blueprints/outdated" [Read] => api::sites::update::outdated;
    get "/api/v1/addresses/{subdomain}" => api::sites::blueprints::address;
    get "/api/v1/doctor" [Read] => api::core::doctor::doctor;
    get "/api/v1/sites" [Read] => api::sites::list;
    post "/api/v1/sites" [Write] => api::sites::create;
    get "/api/v1/sites/{id}" [Read] => api::sites::get;
    delete "/api/v1/sites/{id}" [Write] => api::sites::delete;
    post "/api/v1/sites/{id}/undelete" [Write] => api::sites::undelete;
    post "/api/v1/sites/{id}/start" [Write] => api::sites::start;
    post "/api/v1/sites/{id}/stop" [Write] => api::sites::stop;
    post "/api/v1/sites/{id}/restart" [Write] => api::sites::restart;
    post "/api/v1/sites/{id}/retry" [Write] => api::sites::retry;
    post "/api/v1/sites/{id}/suspend" [Write] => api::sites::suspension::suspend;
    post "/api/v1/sites/{id}/resume" [Write] => api::sites::suspension::resume;
    post "/api/v1/sites/{id}/update" [Deploy] => api::sites::update::update;
    post "/api/v1/sites/{id}/login-link" [ReadSecrets] => api::sites::details::login_link;
    get "/api/v1/sites/{id}/credentials" [Read] => api::sites::details::credentials;
    post "/api/v1/sites/{id}/credentials/{ordinal}/reveal" [ReadSecrets] => api::sites::details::reveal;
    get "/api/v1/sites/{id}/logs" [Read] => api::sites::details::logs;
    get "/api/v1/sites/{id}/stats" [Read] => api::sites::details::stats;
    get "/api/v1/sites/{id}/jobs" [Read] => api::sites::details::jobs;
    get "/api/v1/sites/{id}/domains" [Read] => api::domains::list;
    post "/api/v1/sites/{id}/domains" [Write] => api::domains::add;
    post "/api/v1/sites/{id}/address" [Write] => api::domains::main;
    post "/api/v1/domains/{id}/check" [Write] => api::domains::check;
    delete "/api/v1/domains/{id}" [Write] => api::domains::remove;
    put "/api/v1/sites/{id}/certificate" [Write] => api::domains::certificates::upload;
    delete "/api/v1/sites/{id}/certificate" [Write] => api::domains::certificates::withdraw;
    get "/api/v1/certificates" [Read] => api::domains::certificates::list;
    get "/api/v1/sites/{id}/traffic" [Read] => api::sites::traffic::hours;
    put "/api/v1/sites/{id}/limits" [Write] => api::sites::traffic::limits;
    get "/api/v1/sites/{id}/storage" [Read] => api::sites::storage::show;
    put "/api/v1/sites/{id}/storage" [Write] => api::sites::storage::limit;
    get "/api/v1/plans" => api::billing::plans;
    post "/api/v1/plans" [Billing] => api::billing::create_plan;
    put "/api/v1/plans/{id}" [Billing] => api::billing::update_plan;
    get "/api/v1/checkouts/{id}" [Billing] => api::billing::checkout;
    delete "/api/v1/checkouts/{id}" [Billing] => api::billing::cancel_checkout;
    post "/api/v1/checkouts/{id}/payment" [Billing] => api::billing::pay_checkout;
    get "/api/v1/subscriptions" [Billing] => api::billing::subscriptions;
    get "/api/v1/subscriptions/{id}" [Billing] => api::billing::subscription;
    post "/api/v1/subscriptions/{id}/payments" [Billing] => api::billing::pay_subscription;
    post "/api/v1/subscriptions/{id}/cancel" [Billing] => api::billing::cancel;
    post "/api/v1/subscriptions/{id}/keep" [Billing] => api::billing::keep;
    post "/api/v1/subscriptions/{id}/plan/preview" [Billing] => api::billing::preview_change;
    post "/api/v1/subscriptions/{id}/plan" [Billing] => api::billing::change_plan;
    post "/api/webhook/stripe" => api::billing::stripe_webhook::receive;
    post "/api/webhook/stripe/" => api::billing::stripe_webhook::receive;
    get "/api/v1/jobs" [Read] => api::core::jobs::list;
    get "/api/v1/jobs/{id}" [Read] => api::core::jobs::get;
    get "/api/v1/jobs/{id}/events" [Read] => api::core::jobs::events;
    post "/api/v1/jobs/{id}/cancel" [Write] => api::core::jobs::cancel;
    post "/api/v1/jobs/{id}/resume" [Write] => api::core::jobs::resume;
    post "/api/v1/jobs/{id}/abandon" [Write] => api::core::jobs::abandon;
    get "/api/v1/tasks" [Read] => api::core::tasks::list;
    post "/api/v1/tasks/{id}/retry" [Write] => api::core::tasks::retry;
    delete "/api/v1/tasks/{id}" [Write] => api::core::tasks::discard;
}

/// The routes, without middleware.
pub fn router() -> Router<App> {
    let routes = table().into_iter().fold(Router::new(), |router, (path, method)| router.route(path, method));
    routes.fallback(async || HttpError::new(crate::http_error::ErrorKind::NotFound, "There's nothing at this address."))
}
