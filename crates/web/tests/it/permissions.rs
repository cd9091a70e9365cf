//! The access matrix: every route for every kind of caller. A route without a row fails the test, and so does a row
//! without a route.

use std::collections::BTreeSet;

use axum::http::Method;
use stoa_billing::{Placed, command::MarkPaid};
use stoa_core::RequestContext;
use stoa_domains::command::AddDomain;
use stoa_model::{
    account::{Actor, Role},
    id::SiteId,
};
use stoa_testkit::{PASSWORD, TestPlatform, shop, shop_plan};
use stoa_web::routes::ROUTES;

use crate::browser::{Answer, Browser, TestApp};

/// What a caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// Access; the result depends on the state.
    Yes,
    /// A redirect to the login (pages), or 401 (API).
    Login,
    /// 403.
    No,
    /// 404, as for a resource that doesn't exist.
    Nothing,
}
use Gets::{Login, No, Nothing, Yes};

/// Nobody, the owner, another customer, support, admin, super admin.
type Row = [Gets; 6];

const ANYBODY: Row = [Yes; 6];
const LOGGED_IN: Row = [Login, Yes, Yes, Yes, Yes, Yes];
const CUSTOMERS: Row = [Login, Yes, Yes, No, No, No];
const READ: Row = [Login, Yes, Nothing, Yes, Yes, Yes];
const CHANGE: Row = [Login, Yes, Nothing, No, Yes, Yes];
const STAFF: Row = [Login, No, No, Yes, Yes, Yes];
/// Of something that does not exist.
const STAFF_MISS: Row = [Login, No, No, Nothing, Nothing, Nothing];
const ADMINS: Row = [Login, No, No, No, Yes, Yes];
const SUPER_ADMINS: Row = [Login, No, No, No, No, Yes];
/// Of something that does not exist.
const ADMINS_MISS: Row = [Login, No, No, No, Nothing, Nothing];

#[rustfmt::skip]
const TABLE: &[(&str, &str, Row)] = &[
    ("GET", "/", ANYBODY),
    ("GET", "/assets/{*file}", ANYBODY),
    ("GET", "/favicon.ico", ANYBODY),
    ("GET", "/robots.txt", ANYBODY),
    ("GET", "/healthz", ANYBODY),
    ("GET", "/readyz", ANYBODY),
    ("POST", "/theme", ANYBODY),
    ("GET", "/register", ANYBODY),
    ("POST", "/register", ANYBODY),
    ("GET", "/check/address", ANYBODY),
    ("POST", "/check/field", ANYBODY),
    ("GET", "/login", ANYBODY),
    ("POST", "/login", ANYBODY),
    // Without an unfinished login there is no code to enter.
    ("GET", "/login/code", [Login; 6]),
    ("POST", "/login/code", ANYBODY),
    ("POST", "/login/passkey/begin", ANYBODY),
    ("POST", "/login/passkey", ANYBODY),
    ("POST", "/account/security/passkeys/new", LOGGED_IN),
    ("POST", "/account/security/passkeys", LOGGED_IN),
    ("POST", "/account/security/passkeys/{id}/remove", [Login, Nothing, Nothing, Nothing, Nothing, Nothing]),
    ("GET", "/staff/login", ANYBODY),
    ("POST", "/staff/login", ANYBODY),
    ("GET", "/account/security/second-factor", LOGGED_IN),
    ("POST", "/account/security/second-factor/begin", LOGGED_IN),
    ("POST", "/account/security/second-factor/confirm", LOGGED_IN),
    ("POST", "/account/security/second-factor/codes", LOGGED_IN),
    ("POST", "/account/security/second-factor/remove", LOGGED_IN),
    ("GET", "/account/tokens", LOGGED_IN),
    ("POST", "/account/tokens", LOGGED_IN),
    ("POST", "/account/tokens/{id}/revoke", [Login, Nothing, Nothing, Nothing, Nothing, Nothing]),
    ("GET", "/forgot", ANYBODY),
    ("POST", "/forgot", ANYBODY),
    ("GET", "/reset/{token}", ANYBODY),
    ("POST", "/reset/{token}", ANYBODY),
    ("GET", "/verify/{token}", ANYBODY),
    ("POST", "/verify/{token}", ANYBODY),
    ("GET", "/invitations/{token}", ANYBODY),
    ("POST", "/invitations/{token}", CUSTOMERS),
    ("POST", "/invitations/{token}/register", ANYBODY),
    ("GET", "/account", LOGGED_IN),
    ("POST", "/account", CUSTOMERS),
    ("POST", "/account/notices", CUSTOMERS),
    ("POST", "/account/verify", CUSTOMERS),
    ("POST", "/account/email", CUSTOMERS),
    ("GET", "/account/email/{token}", ANYBODY),
    ("POST", "/account/email/{token}", ANYBODY),
    ("GET", "/account/email/restore/{token}", ANYBODY),
    ("POST", "/account/email/restore/{token}", ANYBODY),
    ("POST", "/account/close", CUSTOMERS),
    ("POST", "/account/keep", CUSTOMERS),
    ("GET", "/account/export", CUSTOMERS),
    ("GET", "/account/security", LOGGED_IN),
    ("GET", "/account/password/new", LOGGED_IN),
    ("POST", "/account/password/new", LOGGED_IN),
    ("POST", "/account/password", LOGGED_IN),
    ("POST", "/account/sessions/end-others", LOGGED_IN),
    ("POST", "/account/sessions/{id}/end", [Login, Nothing, Nothing, Nothing, Nothing, Nothing]),
    ("GET", "/account/team", CUSTOMERS),
    ("POST", "/account/team/invite", CUSTOMERS),
    ("POST", "/account/team/{id}/role", [Login, Nothing, Nothing, No, No, No]),
    ("POST", "/account/team/{id}/remove", [Login, Nothing, Nothing, No, No, No]),
    ("POST", "/account/invitations/{id}/withdraw", [Login, Nothing, Nothing, No, No, No]),
    ("POST", "/account/organization", [Login, Nothing, Nothing, No, No, No]),
    ("GET", "/dashboard", LOGGED_IN),
    ("GET", "/sites/new", CUSTOMERS),
    ("POST", "/sites/new", CUSTOMERS),
    ("GET", "/sites/{id}", READ),
    ("GET", "/sites/{id}/usage", READ),
    ("GET", "/sites/{id}/logs", READ),
    ("GET", "/sites/{id}/danger", ANYBODY),
    ("GET", "/sites/{id}/settings", READ),
    ("GET", "/sites/{id}/activity", READ),
    ("GET", "/sites/{id}/mail", READ),
    ("GET", "/provision", ANYBODY),
    ("POST", "/provision", CUSTOMERS),
    ("GET", "/admin", ANYBODY),
    ("GET", "/admin/", ANYBODY),
    ("GET", "/admin/{*page}", ANYBODY),
    ("GET", "/staff/search", STAFF),
    ("GET", "/staff/customers", STAFF),
    ("GET", "/staff/customers/{id}", STAFF),
    ("POST", "/staff/customers/{id}/second-factor/reset", ADMINS),
    // Without a reason, so that nobody becomes somebody else.
    ("POST", "/staff/customers/{id}/view", ADMINS),
    ("POST", "/staff/view/end", LOGGED_IN),
    ("GET", "/staff/people", STAFF),
    ("GET", "/staff/people/new", SUPER_ADMINS),
    ("POST", "/staff/people/new", SUPER_ADMINS),
    ("GET", "/staff/people/{id}", STAFF),
    ("POST", "/staff/people/{id}", SUPER_ADMINS),
    ("POST", "/staff/people/{id}/reset-password", SUPER_ADMINS),
    ("POST", "/staff/people/{id}/second-factor/reset", SUPER_ADMINS),
    ("POST", "/staff/people/{id}/deactivate", SUPER_ADMINS),
    ("POST", "/staff/people/{id}/reactivate", SUPER_ADMINS),
    ("POST", "/staff/people/{id}/delete", SUPER_ADMINS),
    ("POST", "/staff/customers/{id}/notes", STAFF),
    ("POST", "/staff/notes/{id}/delete", [Login, No, No, Nothing, Nothing, Nothing]),
    ("GET", "/staff/domains", STAFF),
    ("GET", "/staff/health", STAFF),
    ("GET", "/staff/audit", ADMINS),
    ("POST", "/sites/{id}/credentials/{ordinal}", CHANGE),
    ("POST", "/sites/{id}/login-link", CHANGE),
    ("POST", "/sites/{id}/restart", CHANGE),
    ("POST", "/sites/{id}/stop", CHANGE),
    ("POST", "/sites/{id}/start", CHANGE),
    ("POST", "/sites/{id}/retry", CHANGE),
    ("POST", "/sites/{id}/suspend", ADMINS),
    ("POST", "/sites/{id}/resume", ADMINS),
    ("POST", "/sites/{id}/delete", CHANGE),
    ("POST", "/sites/{id}/undelete", CHANGE),
    ("GET", "/pricing", ANYBODY),
    ("GET", "/billing", CUSTOMERS),
    ("GET", "/billing/orders/{id}", [Login, Yes, Nothing, No, No, No]),
    ("GET", "/billing/orders/{id}/pay", [Login, Yes, Nothing, No, No, No]),
    ("GET", "/billing/card", CUSTOMERS),
    ("GET", "/billing/subscriptions/{id}/plan", [Login, Yes, Nothing, No, No, No]),
    ("POST", "/billing/subscriptions/{id}/plan", [Login, Yes, Nothing, No, No, No]),
    ("POST", "/billing/subscriptions/{id}/cancel", [Login, Yes, Nothing, No, No, No]),
    ("POST", "/billing/subscriptions/{id}/keep", [Login, Yes, Nothing, No, No, No]),
    ("GET", "/staff/plans", STAFF),
    ("GET", "/staff/plans/new", ADMINS),
    ("POST", "/staff/plans/new", ADMINS),
    ("GET", "/staff/plans/{id}", STAFF),
    ("POST", "/staff/plans/{id}", ADMINS),
    ("GET", "/staff/mismatches", STAFF),
    ("POST", "/staff/mismatches/check", ADMINS_MISS),
    ("POST", "/staff/mismatches/dismiss", ADMINS_MISS),
    ("GET", "/staff/subscriptions", STAFF),
    ("GET", "/staff/subscriptions/{id}", STAFF),
    ("POST", "/staff/subscriptions/{id}/pay", ADMINS),
    ("POST", "/staff/subscriptions/{id}/cancel", ADMINS),
    ("POST", "/staff/subscriptions/{id}/keep", ADMINS),
    ("POST", "/billing/orders/{id}/cancel", [Login, Yes, Nothing, No, No, No]),
    ("POST", "/staff/orders/{id}/pay", ADMINS),
    ("POST", "/staff/orders/{id}/cancel", ADMINS),
    ("GET", "/sites/{id}/domains", READ),
    ("POST", "/sites/{id}/domains", CHANGE),
    ("POST", "/sites/{id}/address", CHANGE),
    ("POST", "/sites/{id}/certificate", CHANGE),
    ("POST", "/sites/{id}/certificate/withdraw", CHANGE),
    ("POST", "/sites/{id}/limits", [Login, No, Nothing, No, Yes, Yes]),
    ("POST", "/domains/{id}/check", CHANGE),
    ("GET", "/domains/{id}/remove", CHANGE),
    ("POST", "/domains/{id}/remove", CHANGE),
    ("GET", "/sites/{id}/traffic", READ),
    ("GET", "/status/{id}", READ),
    ("GET", "/jobs/{id}", READ),
    ("GET", "/jobs/{id}/events", READ),
    ("POST", "/jobs/{id}/cancel", CHANGE),
    ("POST", "/jobs/{id}/resume", ADMINS),
    ("POST", "/jobs/{id}/abandon", ADMINS),
    ("GET", "/staff", STAFF),
    ("GET", "/staff/sites", STAFF),
    ("GET", "/staff/sites/new", ADMINS),
    ("POST", "/staff/sites/new", ADMINS),
    ("GET", "/staff/jobs", STAFF),
    ("GET", "/staff/tasks", STAFF),
    ("POST", "/staff/tasks/{id}/retry", ADMINS_MISS),
    ("POST", "/staff/tasks/{id}/discard", ADMINS_MISS),
    ("GET", "/staff/mail", STAFF),
    ("GET", "/staff/mail/{id}", STAFF_MISS),
    ("GET", "/staff/mail/{id}/preview", STAFF_MISS),
    ("POST", "/staff/mail/{id}/resend", ADMINS_MISS),
    ("GET", "/staff/mail/suppressions", STAFF),
    ("POST", "/staff/mail/suppressions/remove", ADMINS_MISS),
    ("GET", "/staff/certificates", STAFF),
    ("GET", "/metrics", STAFF),
    ("GET", "/api/docs", ANYBODY),
    ("GET", "/api/openapi.json", ANYBODY),
    ("POST", "/api/auth/login", ANYBODY),
    ("GET", "/api/v1/me", LOGGED_IN),
    ("GET", "/api/v1/tokens", LOGGED_IN),
    // Of nobody.
    ("DELETE", "/api/v1/tokens/{id}", [Login, Nothing, Nothing, Nothing, Nothing, Nothing]),
    ("GET", "/api/v1/staff", STAFF),
    ("POST", "/api/v1/staff", SUPER_ADMINS),
    ("GET", "/api/v1/staff/{id}", STAFF),
    ("PUT", "/api/v1/staff/{id}", SUPER_ADMINS),
    ("POST", "/api/v1/staff/{id}/deactivate", SUPER_ADMINS),
    ("POST", "/api/v1/staff/{id}/reactivate", SUPER_ADMINS),
    // Of the last super admin.
    ("DELETE", "/api/v1/staff/{id}", SUPER_ADMINS),
    ("GET", "/api/v1/blueprints", LOGGED_IN),
    ("GET", "/api/v1/blueprints/outdated", STAFF),
    ("GET", "/api/v1/addresses/{subdomain}", ANYBODY),
    ("GET", "/api/v1/doctor", STAFF),
    ("GET", "/api/v1/sites", LOGGED_IN),
    ("POST", "/api/v1/sites", [Login, Yes, Yes, No, Yes, Yes]),
    ("GET", "/api/v1/sites/{id}", READ),
    ("GET", "/api/v1/sites/{id}/credentials", CHANGE),
    ("POST", "/api/v1/sites/{id}/credentials/{ordinal}/reveal", CHANGE),
    ("POST", "/api/v1/sites/{id}/login-link", CHANGE),
    ("GET", "/api/v1/sites/{id}/logs", READ),
    ("GET", "/api/v1/sites/{id}/stats", READ),
    ("GET", "/api/v1/sites/{id}/jobs", READ),
    ("POST", "/api/v1/sites/{id}/restart", CHANGE),
    ("POST", "/api/v1/sites/{id}/stop", CHANGE),
    ("POST", "/api/v1/sites/{id}/start", CHANGE),
    ("POST", "/api/v1/sites/{id}/retry", CHANGE),
    ("POST", "/api/v1/sites/{id}/suspend", ADMINS),
    ("POST", "/api/v1/sites/{id}/resume", ADMINS),
    ("POST", "/api/v1/sites/{id}/update", CHANGE),
    ("DELETE", "/api/v1/sites/{id}", CHANGE),
    ("POST", "/api/v1/sites/{id}/undelete", CHANGE),
    ("GET", "/api/v1/sites/{id}/domains", READ),
    ("POST", "/api/v1/sites/{id}/domains", CHANGE),
    ("POST", "/api/v1/sites/{id}/address", CHANGE),
    ("POST", "/api/v1/domains/{id}/check", CHANGE),
    ("DELETE", "/api/v1/domains/{id}", CHANGE),
    ("PUT", "/api/v1/sites/{id}/certificate", CHANGE),
    ("DELETE", "/api/v1/sites/{id}/certificate", CHANGE),
    ("GET", "/api/v1/certificates", STAFF),
    ("GET", "/api/v1/sites/{id}/traffic", READ),
    ("PUT", "/api/v1/sites/{id}/limits", ADMINS),
    ("GET", "/api/v1/sites/{id}/storage", READ),
    ("PUT", "/api/v1/sites/{id}/storage", ADMINS),
    ("GET", "/api/v1/plans", ANYBODY),
    ("POST", "/api/v1/plans", ADMINS),
    ("PUT", "/api/v1/plans/{id}", ADMINS),
    ("GET", "/api/v1/checkouts/{id}", READ),
    ("DELETE", "/api/v1/checkouts/{id}", CHANGE),
    ("POST", "/api/v1/checkouts/{id}/payment", ADMINS),
    ("GET", "/api/v1/subscriptions", LOGGED_IN),
    ("GET", "/api/v1/subscriptions/{id}", READ),
    ("POST", "/api/v1/subscriptions/{id}/payments", ADMINS),
    ("POST", "/api/v1/subscriptions/{id}/cancel", CHANGE),
    ("POST", "/api/v1/subscriptions/{id}/keep", CHANGE),
    ("POST", "/api/v1/subscriptions/{id}/plan/preview", READ),
    ("POST", "/api/v1/subscriptions/{id}/plan", CHANGE),
    // Not set up: with Stripe, its signature decides.
    ("POST", "/api/webhook/stripe", [Nothing; 6]),
    ("POST", "/api/webhook/stripe/", [Nothing; 6]),
    ("GET", "/api/v1/jobs", STAFF),
    ("GET", "/api/v1/jobs/{id}", READ),
    ("GET", "/api/v1/jobs/{id}/events", READ),
    ("POST", "/api/v1/jobs/{id}/cancel", CHANGE),
    ("POST", "/api/v1/jobs/{id}/resume", ADMINS),
    ("POST", "/api/v1/jobs/{id}/abandon", ADMINS),
    ("GET", "/api/v1/tasks", STAFF),
    ("POST", "/api/v1/tasks/{id}/retry", ADMINS_MISS),
    ("DELETE", "/api/v1/tasks/{id}", ADMINS_MISS),
    // Last, because it ends the sessions that the other rows use.
    ("POST", "/logout", ANYBODY),
];

#[test]
fn every_route_is_in_the_table() {
    let routes: BTreeSet<_> = ROUTES.iter().map(|r| (r.method, r.path)).collect();
    let table: BTreeSet<_> = TABLE.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(routes.len(), ROUTES.len(), "a route is there twice");
    assert_eq!(table.len(), TABLE.len(), "a line is there twice");
    assert_eq!(routes, table);
}

#[tokio::test]
async fn everyone_gets_what_the_table_says() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let shop = app.platform.shop(&owner, "janes-shop").await;
    let mut everybody = everybody(&app, owner.actor).await;
    let system = app.platform.control.core.system_context("test");
    let (plan, checkout, subscription) = sold(&app, &owner).await;
    let mut ids = Ids {
        plan,
        checkout,
        subscription,
        site: shop.site.to_string(),
        job: shop.job.to_string(),
        domain: String::new(),
        customer: owner.actor.customer().unwrap().to_string(),
        staff: app.platform.control.accounts.list_staff(&system).await.unwrap().pop().unwrap().id.to_string(),
    };
    let mut wrong = Vec::new();
    for (method, path, row) in TABLE {
        for ((name, browser), expected) in everybody.iter_mut().zip(row) {
            if path.contains("/domains/{id}") {
                ids.domain = domain(&app, &owner, shop.site).await;
            }
            let answer = request(browser, method, path, &ids).await;
            let got = outcome(&answer);
            if got.as_ref() != Ok(expected) {
                wrong.push(format!("{method} {path} as {name}: expected {expected:?}, got {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Values for the table's `{id}`.
struct Ids {
    site: String,
    job: String,
    plan: String,
    /// Of an order that waits for its payment, or was paid or cancelled by an earlier row.
    checkout: String,
    subscription: String,
    domain: String,
    customer: String,
    /// The super admin, who can't be taken away: the rows that change them are refused, or repeated by nobody.
    staff: String,
}

/// A plan, an order of it that waits for its payment, and the subscription of another one.
async fn sold(app: &TestApp, owner: &RequestContext) -> (String, String, String) {
    let (control, now) = (&app.platform.control, app.platform.now(owner));
    let system = control.core.system_context("test");
    let plan = control.billing.create_plan(&system, shop_plan("basic", "10")).await.unwrap().id;
    let mut checkouts = Vec::new();
    for name in ["bakery", "florist"] {
        match control.billing.order(&now, shop(name), None).await.unwrap() {
            Placed::Checkout(checkout) => checkouts.push(checkout.id),
            Placed::Site(_) => panic!("it costs something"),
        }
    }
    let ordered = control.billing.mark_checkout_paid(&system, checkouts[0], MarkPaid::default()).await.unwrap();
    let subscription = control.billing.subscription_of_site(&system, ordered.site).await.unwrap().unwrap().id;
    (plan.to_string(), checkouts[1].to_string(), subscription.to_string())
}

/// An existing domain; an earlier row may have removed the last one.
async fn domain(app: &TestApp, owner: &RequestContext, site: SiteId) -> String {
    let (control, cx) = (&app.platform.control, app.platform.now(owner));
    let command = AddDomain { name: "shop.example.com".into(), ..AddDomain::default() };
    match control.domains.add_domain(&cx, site, command).await {
        Ok(added) => added[0].id.to_string(),
        Err(_) => control.domains.list_domains(&cx, site).await.unwrap().domains[0].id.to_string(),
    }
}

async fn everybody(app: &TestApp, owner: Actor) -> Vec<(&'static str, Browser)> {
    let platform = &app.platform;
    let other = platform.customer("bob").await.actor;
    let mut all = vec![("nobody", app.browser())];
    all.push(("the owner", person(app, owner, "jane@example.com").await));
    all.push(("another customer", person(app, other, "bob@example.com").await));
    for (n, role) in Role::ALL.into_iter().enumerate() {
        let actor = platform.staff(role).await.actor;
        let email = format!("{}-{}@stoa.example", role.as_str().replace('_', "-"), n + 1);
        all.push((role.as_str(), person(app, actor, &email).await));
    }
    all
}

/// A caller with a session for the pages and a token for the API.
async fn person(app: &TestApp, actor: Actor, email: &str) -> Browser {
    let mut browser = app.logged_in(email).await;
    browser.bearer = Some(token(&app.platform, actor).await);
    browser
}

pub async fn token(platform: &TestPlatform, actor: Actor) -> String {
    use stoa_model::secret::ExposeSecret;
    let cx = platform.control.core.system_context("test");
    platform.control.accounts.create_token_for(&cx, actor, "test").await.unwrap().expose_secret().to_owned()
}

async fn request(browser: &mut Browser, method: &str, path: &str, ids: &Ids) -> Answer {
    let id = match path {
        _ if path.contains("/jobs/{id}") => &ids.job,
        _ if path.contains("/plans/{id}") => &ids.plan,
        _ if path.contains("/orders/{id}") || path.contains("/checkouts/{id}") => &ids.checkout,
        _ if path.contains("/subscriptions/{id}") => &ids.subscription,
        _ if path.contains("/customers/{id}") => &ids.customer,
        _ if path.contains("/domains/{id}") => &ids.domain,
        _ if path.contains("/people/{id}") || path.contains("/staff/{id}") => &ids.staff,
        _ if path.contains("/sessions/{id}") => "ses_01ba60d33ce17146a93c0a9388f384e6",
        _ if path.contains("/team/{id}") => "usr_01ba60d33ce17146a93c0a9388f384e6",
        _ if path.contains("/invitations/{id}") => "inv_01ba60d33ce17146a93c0a9388f384e6",
        _ if path.contains("/tasks/{id}") => "task_01ba60d33ce17146a93c0a9388f384e6",
        _ if path.contains("/mail/{id}") => "mail_01ba60d33ce17146a93c0a9388f384e6",
        _ if path.contains("/tokens/{id}") => "tok_01ba60d33ce17146a93c0a9388f384e6",
        _ => &ids.site,
    };
    let concrete = path
        .replace("{id}", id)
        .replace("{ordinal}", "0")
        .replace("{*file}", "stoa.css")
        .replace("{*page}", "customers")
        .replace("{token}", "unknown");
    let concrete = concrete.replace("{subdomain}", "some-shop");
    match (method, path) {
        ("GET", _) => browser.get(&concrete).await,
        ("POST", "/api/auth/login") => {
            let login = serde_json::json!({ "email": "jane@example.com", "password": PASSWORD });
            browser.json(Method::POST, path, &login.to_string()).await
        }
        ("POST", "/api/v1/sites") => {
            let order = r#"{"blueprint":"none","subdomain":"x","title":""}"#;
            browser.json(Method::POST, path, order).await
        }
        ("POST" | "PUT", "/api/v1/staff" | "/api/v1/staff/{id}") => {
            let account = r#"{"name":"","email":"","role":"admin","version":0}"#;
            let account = if method == "POST" { account.replace(r#","version":0"#, "") } else { account.to_owned() };
            browser.json(method.parse().unwrap(), &concrete, &account).await
        }
        ("POST" | "PUT", "/api/v1/plans" | "/api/v1/plans/{id}") => {
            let plan = r#"{"name":"","currency":"EUR","memory":"","cpu":"","disk":""}"#;
            browser.json(method.parse().unwrap(), &concrete, plan).await
        }
        ("POST", "/api/v1/subscriptions/{id}/plan/preview") => {
            browser.json(Method::POST, &concrete, r#"{"plan":"basic"}"#).await
        }
        ("POST", "/api/v1/subscriptions/{id}/plan") => {
            browser.json(Method::POST, &concrete, r#"{"plan":"basic","at":"2030-01-01T00:00:00Z"}"#).await
        }
        ("POST", "/api/v1/checkouts/{id}/payment" | "/api/v1/subscriptions/{id}/payments") => {
            browser.json(Method::POST, &concrete, r#"{"reference":"1"}"#).await
        }
        ("POST" | "PUT", _) if path.starts_with("/api/v1/sites/{id}/") && body(path).is_some() => {
            browser.json(method.parse().unwrap(), &concrete, body(path).unwrap()).await
        }
        ("POST", "/theme") => browser.submit("/api/docs", path, &[("theme", "dark")]).await,
        ("POST", "/check/field") => browser.submit("/api/docs", path, &[("field", "title"), ("value", "x")]).await,
        ("POST", "/account/team/{id}/role") => browser.submit("/api/docs", &concrete, &[("role", "viewer")]).await,
        ("POST", "/account/organization") => {
            browser.submit("/api/docs", path, &[("organization", "cus_01ba60d33ce17146a93c0a9388f384e6")]).await
        }
        // Correct confirmation, so that the service layer is called.
        ("POST", "/sites/{id}/delete") => {
            browser.submit("/api/docs", &concrete, &[("confirm", "janes-shop.localhost")]).await
        }
        ("POST", _) if !path.starts_with("/api/") => browser.press(&concrete).await,
        _ => browser.send(method.parse().unwrap(), &concrete, None).await,
    }
}

/// JSON bodies: invalid, but readable.
fn body(path: &str) -> Option<&'static str> {
    Some(match path.rsplit('/').next()? {
        "domains" | "address" => r#"{"name":""}"#,
        "certificate" => r#"{"certificate":"","key":""}"#,
        "limits" => r#"{"max_body":1}"#,
        "storage" => r#"{"limit":-1}"#,
        "suspend" => r#"{"reason":"boredom"}"#,
        "resume" => r#"{"reason":"quota"}"#,
        "update" => r#"{"to":"x"}"#,
        _ => return None,
    })
}

fn outcome(answer: &Answer) -> Result<Gets, String> {
    let to_login = ["/login", "/staff/login"].iter().any(|l| answer.location().starts_with(l));
    match answer.status.as_u16() {
        303 if to_login => Ok(Login),
        // HTML: a form with errors. Otherwise: an API client without a token.
        401 if answer.header("content-type").starts_with("text/html") => Ok(Yes),
        401 => Ok(Login),
        403 => Ok(No),
        404 => Ok(Nothing),
        200..=399 | 409 | 422 => Ok(Yes),
        other => Err(format!("{other}: {}", answer.text)),
    }
}
