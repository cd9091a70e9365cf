//! Staff accounts in the portal and the API, temporary passwords, and staff who view the portal as a customer.

use axum::http::Method;
use jiff::SignedDuration;
use stoa_accounts::command::{CreateStaff, PasswordDelivery};
use stoa_model::account::{Actor, Role};
use stoa_web::routes::ROUTES;

use crate::{browser::TestApp, permissions::token};

const NEW: &str = "/staff/people/new";
const ANNA: [(&str, &str); 3] = [("name", "Anna Berg"), ("email", "anna@stoa.example"), ("role", "admin")];

/// The page of an account, from the list.
fn page_of(list: &str, name: &str) -> String {
    // The header has the viewer's own address too, before the list.
    let (before, _) = list.rsplit_once(&format!(">{name}<")).unwrap();
    before.rsplit("href=\"").next().unwrap().split('"').next().unwrap().to_owned()
}

fn hidden(page: &str, name: &str) -> String {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("a hidden field");
    rest.split('"').next().unwrap().to_owned()
}

/// What follows `start` in the last e-mail that has it.
async fn mailed(app: &TestApp, start: &str) -> String {
    app.platform.run_until_idle().await;
    app.platform.clock.advance(SignedDuration::from_secs(1));
    let mails: Vec<_> = app.platform.outbox().iter().map(|m| m.replace("=\r\n", "").replace("=\n", "")).collect();
    let mail = mails.iter().rfind(|mail| mail.contains(start)).expect("an e-mail");
    mail.split(start).nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_super_admin_invites_and_the_invited_log_in() {
    let app = TestApp::new().await;
    app.platform.staff(Role::SuperAdmin).await;
    let mut boss = app.logged_in("super-admin-1@stoa.example").await;
    boss.get("/staff/people").await.is(200).says("href=\"/staff/people/new\"").says("Super admin");
    let bad = boss.submit(NEW, NEW, &[("name", " "), ("email", "anna"), ("role", "king")]).await;
    bad.is(422).says("Choose a role.");
    let bad = boss.submit(NEW, NEW, &[("name", " "), ("email", "anna"), ("role", "admin")]).await;
    bad.is(422).says("href=\"#name\"").says("href=\"#email\"").says("value=\"admin\" required checked");
    let page = boss.submit(NEW, NEW, &ANNA).await.is(303).location().to_owned();
    boss.get(&page).await.is(200).says("The account was created.").says("Invited").says("Send again");
    let link = mailed(&app, "/reset/").await;
    let link = format!("/reset/{link}");
    let mut anna = app.browser();
    anna.get(&link).await.is(200).says("Choose your password").says("anna@stoa.example");
    let answer = anna.submit(&link, &link, &[("password", "lamp river onion desk")]).await;
    assert_eq!(answer.is(303).location(), "/staff");
    let list = anna.get("/staff/people").await;
    list.is(200).says("Anna Berg").says("(you)").says("Not set up");
    assert!(!list.text.contains(NEW), "an admin only sees the list");
    let own = anna.get(&page_of(&list.text, "Anna Berg")).await;
    assert!(!own.is(200).says("anna@stoa.example").text.contains("Delete account"));
}

#[tokio::test]
async fn everything_leads_to_the_new_password_until_it_is_chosen() {
    let app = TestApp::new().await;
    let boss = app.platform.recent(&app.platform.staff(Role::SuperAdmin).await);
    let delivery = PasswordDelivery::Temporary;
    let [(_, name), (_, email), _] = ANNA.map(|(field, value)| (field, value.to_owned()));
    let command = CreateStaff { name, email, role: Role::Admin, delivery };
    let id = app.platform.control.accounts.invite_staff(&boss, command).await.unwrap();
    let temporary = mailed(&app, "Temporary password: ").await;
    let mut anna = app.browser();
    let form = [("email", "anna@stoa.example"), ("password", temporary.as_str())];
    anna.submit("/staff/login", "/staff/login", &form).await.is(303);
    let mut program = app.program(&token(&app.platform, Actor::Staff(id, Role::Admin)).await);
    let exempt = ["/account/password/new", "/assets/{*file}", "/favicon.ico", "/robots.txt", "/healthz", "/readyz"];
    for route in ROUTES.iter().filter(|route| route.method == "GET" && !exempt.contains(&route.path)) {
        let path = route.path.replace("{*page}", "x").replace(['{', '}'], "");
        if path.starts_with("/api/") && path != "/api/docs" || path == "/metrics" {
            program.get(&path).await.is(403).says("temporary");
        } else {
            assert_eq!(anna.get(&path).await.is(303).location(), "/account/password/new", "{path}");
        }
    }
    let page = "/account/password/new";
    let answer = anna.submit(page, "/staff/people/new", &ANNA).await;
    assert_eq!(answer.is(303).location(), page, "nor does a form do anything");
    let fields = |next| [("present_password", temporary.as_str()), ("new_password", next)];
    anna.submit(page, page, &fields("short")).await.is(422).says("href=\"#new_password\"");
    let done = anna.submit(page, page, &fields("lamp river onion desk")).await;
    assert_eq!(done.is(303).location(), "/staff");
    anna.get("/staff").await.is(200);
    assert_eq!(anna.get(page).await.is(303).location(), "/account/security");
}

#[tokio::test]
async fn the_second_of_two_editors_sees_what_has_changed_and_keeps_what_they_typed() {
    let app = TestApp::new().await;
    app.platform.staff(Role::SuperAdmin).await;
    app.platform.staff(Role::Support).await;
    let mut boss = app.logged_in("super-admin-1@stoa.example").await;
    let page = page_of(&boss.get("/staff/people").await.text, "support-2@stoa.example");
    let version = hidden(&boss.get(&page).await.text, "version");
    let form = |name, role| {
        [("name", name), ("email", "support-2@stoa.example"), ("role", role), ("version", version.as_str())]
    };
    boss.submit(&page, &page, &form("First", "admin")).await.is(303);
    let second = boss.submit(&page, &page, &form("Second", "support")).await;
    second.is(409).says("Somebody else changed this account").says("value=\"Second\"").says("<dd>First</dd>");
    let fresh = hidden(&second.text, "version");
    let again = [("name", "Second"), ("email", "support-2@stoa.example"), ("role", "admin"), ("version", &fresh)];
    boss.submit(&page, &page, &again).await.is(303);
    boss.get(&page).await.is(200).says("<h1>Second</h1>");

    // The only super admin can't lock everybody out.
    let own = page_of(&boss.get("/staff/people").await.text, "super-admin-1@stoa.example");
    boss.press(&format!("{own}/deactivate")).await.is(409).says("only active super admin");
    let wrong = boss.submit(&own, &format!("{own}/delete"), &[("confirm", "x")]).await;
    wrong.is(422).says("href=\"#confirm\"");
    let delete = format!("{page}/delete");
    let gone = boss.submit(&page, &delete, &[("confirm", "Support-2@stoa.example")]).await;
    assert_eq!(gone.is(303).location(), "/staff/people?done=deleted");
    boss.get(&page).await.is(404);
}

#[tokio::test]
async fn programs_manage_staff_with_the_version_that_they_read() {
    let app = TestApp::new().await;
    let boss = app.platform.staff(Role::SuperAdmin).await;
    let mut program = app.program(&token(&app.platform, boss.actor).await);
    let new = r#"{"name":"Anna","email":"anna@stoa.example","role":"support","password":"temporary"}"#;
    let made = program.json(Method::POST, "/api/v1/staff", new).await.is(201).json();
    assert_eq!((&made["state"], &made["role"], &made["version"]), (&"invited".into(), &"support".into(), &1.into()));
    let path = format!("/api/v1/staff/{}", made["id"].as_str().unwrap());
    let change = r#"{"name":"Anna B.","email":"anna@stoa.example","role":"admin","version":1}"#;
    let changed = program.json(Method::PUT, &path, change).await.is(200).json();
    assert_eq!((&changed["name"], &changed["version"]), (&"Anna B.".into(), &2.into()));
    program.json(Method::PUT, &path, change).await.is(409).says("Somebody else changed this account");
    program.send(Method::POST, &format!("{path}/deactivate"), None).await.is(204);
    assert_eq!(program.get(&path).await.is(200).json()["state"], "deactivated");
    program.send(Method::POST, &format!("{path}/reactivate"), None).await.is(204);
    program.send(Method::DELETE, &path, None).await.is(204);
    program.get(&path).await.is(404);
    assert_eq!(program.get("/api/v1/staff").await.is(200).json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_open_stream_of_staff_ends_when_they_are_deactivated() {
    let app = TestApp::new().await;
    let boss = app.platform.recent(&app.platform.staff(Role::SuperAdmin).await);
    let admin = app.platform.staff(Role::Admin).await;
    let owner = app.platform.customer("jane").await;
    // Nobody runs it, so that its stream stays open.
    let job = app.platform.order(&owner, "janes-shop").await.job;
    let mut browser = app.logged_in("admin-2@stoa.example").await;
    let stream = tokio::spawn(async move { browser.get(&format!("/jobs/{job}/events")).await });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!stream.is_finished());
    let Actor::Staff(id, _) = admin.actor else { unreachable!() };
    app.platform.control.accounts.deactivate_staff(&boss, id).await.unwrap();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), stream).await;
    ended.expect("the stream ends").unwrap().is(200);
}

#[tokio::test]
async fn staff_view_the_portal_as_a_customer_with_a_banner_and_come_back() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let shop = app.platform.shop(&owner, "janes-shop").await;
    app.platform.staff(Role::Admin).await;
    let mut admin = app.logged_in("admin-1@stoa.example").await;
    let page = format!("/staff/customers/{}", owner.actor.customer().unwrap());
    let view = format!("{page}/view");
    admin.submit(&page, &view, &[("reason", "")]).await.is(422).says("href=\"#reason\"");
    let before = admin.cookies.clone();
    let begun = admin.submit(&page, &view, &[("reason", "ticket 42")]).await;
    assert_eq!(begun.is(303).location(), "/dashboard");
    assert_ne!(admin.cookies["stoa"], before["stoa"], "a secret of its own");
    let site = format!("/sites/{}", shop.site);
    for path in ["/dashboard", site.as_str(), "/api/docs"] {
        admin.get(path).await.is(200).says("Viewing as <strong>jane &#38; Co</strong> until ");
    }
    assert!(!admin.get("/dashboard").await.text.contains("href=\"/account\""), "no account pages");

    // Every form of the account, and every secret, is refused with a sentence.
    let sentence = "only they can do this";
    for route in ROUTES.iter().filter(|route| route.path.starts_with("/account") || route.path.contains("credentials"))
    {
        let is_page = !route.path.starts_with("/api/") && !route.path.contains("{token}");
        if !is_page || route.path == "/account/password/new" && route.method == "GET" {
            continue;
        }
        let id = match route.path {
            path if path.contains("/sessions/") => "ses_01ba60d33ce17146a93c0a9388f384e6",
            path if path.contains("/tokens/") => "tok_01ba60d33ce17146a93c0a9388f384e6",
            path if path.contains("/passkeys/") => "pk_01ba60d33ce17146a93c0a9388f384e6",
            path if path.contains("/team/") => "usr_01ba60d33ce17146a93c0a9388f384e6",
            path if path.contains("/invitations/") => "inv_01ba60d33ce17146a93c0a9388f384e6",
            _ => &shop.site.to_string(),
        };
        let path = route.path.replace("{id}", id).replace("{ordinal}", "0");
        let answer = if route.method == "GET" {
            admin.get(&path).await
        } else {
            let fields = [("role", "viewer"), ("organization", "cus_01ba60d33ce17146a93c0a9388f384e6")];
            admin.submit("/api/docs", &path, &fields).await
        };
        assert_eq!(answer.status, 403, "{} {path}: {}", route.method, answer.text);
        answer.says(sentence);
    }
    admin.press(&format!("{site}/login-link")).await.is(403).says(sentence);
    admin.get("/staff").await.is(403);
    admin.press(&format!("{site}/stop")).await.is(303);

    let ended = admin.press("/staff/view/end").await;
    assert_eq!(ended.is(303).location(), format!("{page}?done=view-ended"));
    let back = admin.get(&format!("{page}?done=view-ended")).await;
    assert!(!back.is(200).says("The view has ended").text.contains("Viewing as"));
    let old = before["stoa"].clone();
    let mut former = app.browser();
    former.cookies.insert("stoa".into(), old);
    assert!(former.get("/staff").await.is(303).location().starts_with("/staff/login"), "the first secret has ended");
    let trail = admin.get("/staff/audit?action=customer.view").await;
    trail.is(200).says("ticket 42");
}
