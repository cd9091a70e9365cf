//! API tokens: what they may do, who sees them, and when they end.

use axum::http::Method;
use jiff::SignedDuration;
use stoa_accounts::command::CreateToken;
use stoa_core::{Credential, Error, RequestContext, audit::AuditFilter};
use stoa_model::{
    ability::{Abilities, Ability},
    account::Role,
    secret::ExposeSecret,
};
use stoa_web::routes::ROUTES;

use crate::browser::{Browser, TestApp};

/// A client with a new token of this account.
async fn client(app: &TestApp, owner: &RequestContext, abilities: &[Ability], days: u32) -> Browser {
    let command = CreateToken { name: "CI".into(), abilities: abilities.to_vec(), days };
    let new = app.platform.control.accounts.create_token(&app.platform.recent(owner), command).await.unwrap();
    app.program(new.secret.expose_secret())
}

fn secret_in(page: &str) -> String {
    let rest = page.split("<code id=\"new-token\">").nth(1).expect("the new token");
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_token_is_shown_once_and_can_do_what_was_chosen() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = app.logged_in("jane@example.com").await;
    jane.get("/account/tokens").await.is(200).says("You don't have any API tokens yet");
    let fields = [("name", "CI <main>"), ("read", "yes"), ("days", "30")];
    let page = jane.submit("/account/tokens", "/account/tokens", &fields).await;
    let secret = secret_in(&page.is(200).says("You won't be able to see it again").text);
    assert!(secret.starts_with("stoa_pat_"), "{secret}");
    let list = jane.get("/account/tokens").await;
    list.says("CI &#60;main&#62;").says(&secret[..13]).says("never used").says("Expires");
    assert!(!list.text.contains(&secret));

    let mut program = app.program(&secret);
    program.get("/api/v1/sites").await.is(200);
    let refused = program.json(Method::POST, "/api/v1/sites", r#"{"blueprint":"x"}"#).await;
    let problem = refused.is(403).json();
    assert_eq!(problem["type"], "/api/docs#problem-missing-ability");
    assert_eq!(problem["ability"], "write");
    assert!(problem["detail"].as_str().unwrap().contains("lacks the ability \"write\""), "{problem}");
    jane.get("/account/tokens").await.says("last used");
    app.platform.run_until_idle().await;
    let mails = app.platform.outbox().concat();
    assert!(mails.contains("New API token") && !mails.contains(program.bearer.as_deref().unwrap()), "{mails}");
}

#[tokio::test]
async fn a_bad_form_creates_nothing_and_keeps_what_was_typed() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let page = jane.submit("/account/tokens", "/account/tokens", &[("name", ""), ("days", "367")]).await;
    page.is(422).says("Enter a name").says("Choose at least one ability").says("Choose an expiry of 1 to 366 days");
    let page = jane.submit("/account/tokens", "/account/tokens", &[("name", "CI"), ("days", "30"), ("x", "y")]).await;
    page.is(422).says("value=\"CI\"").says("Choose at least one ability");
    jane.get("/account/tokens").await.says("You don't have any API tokens yet");
}

/// Everything under the API that needs no ability, because it is open to everyone.
const OPEN: [(&str, &str); 7] = [
    ("GET", "/api/docs"),
    ("GET", "/api/openapi.json"),
    ("POST", "/api/auth/login"),
    ("GET", "/api/v1/addresses/{subdomain}"),
    ("GET", "/api/v1/plans"),
    ("POST", "/api/webhook/stripe"),
    ("POST", "/api/webhook/stripe/"),
];

#[test]
fn every_route_of_the_api_names_its_ability() {
    let is_api = |path: &str| path.starts_with("/api") || path == "/metrics";
    let without: Vec<_> = ROUTES.iter().filter(|r| is_api(r.path) && r.ability.is_none()).collect();
    assert_eq!(without.iter().map(|r| (r.method, r.path)).collect::<Vec<_>>(), OPEN);
    let pages = ROUTES.iter().filter(|r| !is_api(r.path) && r.ability.is_some());
    assert_eq!(pages.count(), 0, "pages take no tokens");
    assert!(ROUTES.iter().filter(|r| r.ability == Some(Ability::Read)).all(|r| r.method == "GET"));
}

#[tokio::test]
async fn without_its_ability_no_route_can_be_used_and_with_it_alone_each_can() {
    let app = TestApp::new().await;
    let boss = app.platform.staff(Role::SuperAdmin).await;
    for ability in Ability::ALL {
        let others: Vec<_> = Ability::ALL.into_iter().filter(|other| *other != ability).collect();
        let mut without = client(&app, &boss, &others, 1).await;
        let mut with = client(&app, &boss, &[ability], 1).await;
        for route in ROUTES.iter().filter(|r| r.ability == Some(ability)) {
            let path = route.path.replace("{id}", "x").replace("{ordinal}", "0").replace("{subdomain}", "x");
            let method: Method = route.method.parse().unwrap();
            let refused = without.send(method.clone(), &path, None).await;
            assert_eq!(refused.is(403).json()["ability"], ability.as_str(), "{} {path}", route.method);
            assert_ne!(with.send(method, &path, None).await.status.as_u16(), 403, "{} {path}", route.method);
        }
    }
}

#[tokio::test]
async fn a_token_ends_when_it_expires_or_is_revoked_and_nobody_elses_can_be_revoked() {
    let app = TestApp::new().await;
    let (jane, bob) = (app.platform.customer("jane").await, app.platform.customer("bob").await);
    let mut short = client(&app, &jane, &[Ability::Read], 1).await;
    let mut long = client(&app, &jane, &[Ability::Read, Ability::Write], 366).await;
    let mut bobs = client(&app, &bob, &[Ability::Read, Ability::Write], 366).await;
    let listed = long.get("/api/v1/tokens").await.is(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed[0]["abilities"], serde_json::json!(["read", "write"]));
    let path = format!("/api/v1/tokens/{}", listed[0]["id"].as_str().unwrap());
    bobs.send(Method::DELETE, &path, None).await.is(404);
    long.get("/api/v1/me").await.is(200);

    app.platform.clock.advance(SignedDuration::from_hours(25));
    short.get("/api/v1/me").await.is(401);
    long.send(Method::DELETE, &path, None).await.is(204);
    long.get("/api/v1/me").await.is(401);
    let mut browser = app.logged_in("bob@example.com").await;
    let id = bobs.get("/api/v1/tokens").await.json()[0]["id"].as_str().unwrap().to_owned();
    browser.submit("/account/tokens", &format!("/account/tokens/{id}/revoke"), &[]).await.is(303);
    bobs.get("/api/v1/me").await.is(401);
    let admin = app.platform.staff(Role::Admin).await;
    let trail = app.platform.control.core.list_audit_events(&admin, &AuditFilter::default(), 1).await.unwrap();
    assert_eq!((trail[0].action.as_str(), trail[0].target.as_str()), ("token.revoke", id.as_str()));
    assert!(trail[0].credential.as_deref().is_some_and(|text| text.starts_with("session ")), "{trail:?}");
}

#[tokio::test]
async fn a_token_creates_no_token_and_a_token_without_abilities_does_nothing() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    let accounts = &app.platform.control.accounts;
    let mut program = client(&app, &jane, &Ability::ALL, 1).await;
    let owner = accounts.token_owner(program.bearer.as_deref().unwrap()).await.unwrap().unwrap();
    let with_token =
        RequestContext { credential: Credential::Token(owner.id, owner.abilities), ..app.platform.now(&jane) };
    let command = CreateToken { name: "more".into(), abilities: Ability::ALL.to_vec(), days: 1 };
    assert!(matches!(accounts.create_token(&with_token, command).await, Err(Error::NotWithToken)));
    // The pages take sessions only.
    assert_eq!(program.get("/account/tokens").await.is(303).location(), "/login?next=%2Faccount%2Ftokens");
    assert_eq!(accounts.list_tokens(&jane).await.unwrap().len(), 1);
    let nothing = Credential::Token(owner.id, Abilities::default());
    assert!(Ability::ALL.into_iter().all(|ability| nothing.require_ability(ability).is_err()));
}

#[tokio::test]
async fn a_login_at_the_api_gives_a_token_with_all_abilities_for_half_a_day() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let login = serde_json::json!({ "email": "jane@example.com", "password": stoa_testkit::PASSWORD }).to_string();
    let mut program = app.browser();
    let answer = program.json(Method::POST, "/api/auth/login", &login).await.is(200).json();
    assert_eq!(answer["expires_in"], 12 * 3600);
    program.bearer = Some(answer["token"].as_str().unwrap().to_owned());
    let listed = program.get("/api/v1/tokens").await.json();
    assert_eq!(listed[0]["abilities"].as_array().unwrap().len(), Ability::ALL.len());
    app.platform.clock.advance(SignedDuration::from_hours(12));
    program.get("/api/v1/me").await.is(401);
}
