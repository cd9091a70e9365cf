//! Two-step login, from setting it up to losing it.

use axum::http::Method;
use jiff::SignedDuration;
use stoa_accounts::{command::LogIn, view::LoginOutcome};
use stoa_core::{Error, audit::AuditFilter};
use stoa_model::{
    account::{Actor, Role},
    secret::ExposeSecret,
};
use stoa_testkit::{PASSWORD, TestPlatform, totp_code};

use crate::{
    account::mailed,
    browser::{Answer, Browser, TestApp},
};

const PAGE: &str = "/account/security/second-factor";

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split(start).nth(1).unwrap_or_else(|| panic!("{start} is missing in:\n{text}")).split(end).next().unwrap()
}

/// Sets an app up; returns its key and the recovery codes.
async fn enrol(app: &TestApp, browser: &mut Browser) -> (String, Vec<String>) {
    enrol_with(app, browser, PASSWORD).await
}

async fn enrol_with(app: &TestApp, browser: &mut Browser, password: &str) -> (String, Vec<String>) {
    let setup = browser.submit(PAGE, &format!("{PAGE}/begin"), &[]).await;
    let key = between(&setup.is(200).says("<svg class=\"qr\"").text, "id=\"totp-key\">", "<").to_owned();
    let done = confirm(app, browser, &setup, (&key, password)).await;
    let codes = between(&done.is(200).says("Save your recovery codes").text, "id=\"recovery-codes\">", "</pre>");
    let codes: Vec<_> = codes.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    assert_eq!(codes.len(), 10);
    (key, codes)
}

async fn confirm(app: &TestApp, browser: &mut Browser, setup: &Answer, (key, password): (&str, &str)) -> Answer {
    let (code, csrf) = (totp_code(key, app.platform.clock.now()), setup.csrf());
    browser.post(&format!("{PAGE}/confirm"), &[("code", &code), ("password", password), ("csrf", &csrf)]).await
}

/// The first step of a login.
async fn password(app: &TestApp, email: &str, next: &str) -> (Browser, String) {
    let mut browser = app.browser();
    let fields = [("email", email), ("password", PASSWORD), ("next", next)];
    let answer = browser.submit("/login", "/login", &fields).await;
    (browser, answer.is(303).location().to_owned())
}

async fn code(browser: &mut Browser, page: &str, code: &str) -> Answer {
    let next = page.split("next=%2F").nth(1).map(|next| format!("/{next}")).unwrap_or_default();
    browser.submit(page, "/login/code", &[("code", code), ("next", &next)]).await
}

fn later(app: &TestApp) {
    app.platform.clock.advance(SignedDuration::from_secs(60));
}

#[tokio::test]
async fn from_setting_it_up_to_logging_in_with_a_code() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let (mut jane, mut other) = (app.logged_in("jane@example.com").await, app.logged_in("jane@example.com").await);
    jane.get(PAGE).await.is(200).says("Two-step login is off");
    let (key, codes) = enrol(&app, &mut jane).await;
    jane.get(PAGE).await.is(200).says("On since").says("10 of 10 left");
    assert!(!jane.get(PAGE).await.text.contains(&codes[0]), "shown once");
    assert_eq!(other.get("/dashboard").await.is(303).location(), "/login?next=%2Fdashboard", "other sessions ended");

    let (mut browser, page) = password(&app, "jane@example.com", "/sites/new").await;
    assert_eq!(page, "/login/code?next=%2Fsites%2Fnew");
    assert!(!browser.cookies.contains_key("stoa"), "no session yet");
    browser.get("/dashboard").await.is(303);
    let used = totp_code(&key, app.platform.clock.now());
    code(&mut browser, &page, &used).await.is(422).says("wrong or was used already");
    later(&app);
    let answer = browser
        .submit(&page, "/login/code", &[("code", &totp_code(&key, app.platform.clock.now())), ("next", "/sites/new")])
        .await;
    assert_eq!(answer.is(303).location(), "/sites/new");
    browser.get("/dashboard").await.is(200);
    assert!(
        browser.cookies.keys().any(|name| name.starts_with("stoa_known_"))
            && !browser.cookies.contains_key("stoa_login")
    );
}

#[tokio::test]
async fn setting_it_up_takes_the_password_and_a_right_code() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let setup = jane.submit(PAGE, &format!("{PAGE}/begin"), &[]).await;
    let (key, csrf) = (between(&setup.text, "id=\"totp-key\">", "<").to_owned(), setup.csrf());
    let (path, right) = (format!("{PAGE}/confirm"), totp_code(&key, app.platform.clock.now()));
    let page = jane.post(&path, &[("code", "000000"), ("password", PASSWORD), ("csrf", &csrf)]).await;
    page.is(422).says("This code doesn&#39;t match").says(&key);
    let page = jane.post(&path, &[("code", &right), ("password", "not mine"), ("csrf", &csrf)]).await;
    page.is(422).says("That is not your password").says(&key);
    assert!(!page.text.contains("not mine"));
    let (_, next) = password(&app, "jane@example.com", "").await;
    assert_eq!(next, "/dashboard", "it is not on yet");
    let csrf = page.csrf();
    jane.post(&path, &[("code", &right), ("password", PASSWORD), ("csrf", &csrf)]).await.is(200).says("recovery codes");
    jane.submit(PAGE, &format!("{PAGE}/begin"), &[]).await.is(409).says("Two-step login is on already");
}

#[tokio::test]
async fn five_wrong_codes_end_the_login_and_then_even_the_right_one_is_refused() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let (key, _) = enrol(&app, &mut app.logged_in("jane@example.com").await).await;
    later(&app);
    let (mut browser, page) = password(&app, "jane@example.com", "").await;
    for _ in 0..4 {
        code(&mut browser, &page, "000000").await.is(422);
    }
    let flow = browser.cookies["stoa_login"].clone();
    code(&mut browser, &page, "000000").await.is(401).says("Too many wrong codes").says("Welcome back");
    assert!(!browser.cookies.contains_key("stoa_login"));
    browser.cookies.insert("stoa_login".into(), flow);
    let csrf = browser.get("/login").await.csrf();
    let right = totp_code(&key, app.platform.clock.now());
    browser.post("/login/code", &[("code", &right), ("csrf", &csrf)]).await.is(401);
    let (mut browser, page) = password(&app, "jane@example.com", "").await;
    code(&mut browser, &page, &right).await.is(303);
}

#[tokio::test]
async fn a_login_waits_for_ten_minutes() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let (key, _) = enrol(&app, &mut app.logged_in("jane@example.com").await).await;
    let (mut browser, page) = password(&app, "jane@example.com", "").await;
    let csrf = browser.get(&page).await.csrf();
    app.platform.clock.advance(SignedDuration::from_mins(10));
    let right = totp_code(&key, app.platform.clock.now());
    let late = browser.post("/login/code", &[("code", &right), ("csrf", &csrf)]).await;
    late.is(401).says("Your login has expired");
    assert_eq!(browser.get("/login/code").await.is(303).location(), "/login");
}

#[tokio::test]
async fn one_code_from_two_browsers_at_once_lets_one_in() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let (key, codes) = enrol(&app, &mut app.logged_in("jane@example.com").await).await;
    later(&app);
    for shared in [totp_code(&key, app.platform.clock.now()), codes[0].clone()] {
        let ((mut one, page), (mut two, _)) =
            (password(&app, "jane@example.com", "").await, password(&app, "jane@example.com", "").await);
        let (first, second) = tokio::join!(code(&mut one, &page, &shared), code(&mut two, &page, &shared));
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 422], "{shared}");
    }
}

#[tokio::test]
async fn a_recovery_code_works_once_and_new_ones_replace_the_old() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let (key, codes) = enrol(&app, &mut jane).await;
    let (mut browser, page) = password(&app, "jane@example.com", "").await;
    code(&mut browser, &page, &codes[3].to_uppercase()).await.is(303);
    browser.get(PAGE).await.says("9 of 10 left");
    let (mut again, page) = password(&app, "jane@example.com", "").await;
    code(&mut again, &page, &codes[3]).await.is(422);

    let path = format!("{PAGE}/codes");
    browser.submit(PAGE, &path, &[("code", "123")]).await.is(422).says("wrong or was used already");
    later(&app);
    let fresh = browser.submit(PAGE, &path, &[("code", &totp_code(&key, app.platform.clock.now()))]).await;
    fresh.is(200).says("Save your recovery codes");
    code(&mut again, &page, &codes[4]).await.is(422);
    let new = between(&fresh.text, "id=\"recovery-codes\">", "\n").to_owned();
    code(&mut again, &page, &new).await.is(303);
}

#[tokio::test]
async fn turning_it_off_takes_a_code_and_ends_other_sessions() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let (_, codes) = enrol(&app, &mut jane).await;
    let (mut other, page) = password(&app, "jane@example.com", "").await;
    code(&mut other, &page, &codes[0]).await.is(303);
    let path = format!("{PAGE}/remove");
    jane.submit(PAGE, &path, &[("code", "000000")]).await.is(422);
    jane.submit(PAGE, &path, &[("code", &codes[1])]).await.is(303);
    jane.get(PAGE).await.is(200).says("Two-step login is off");
    other.get("/dashboard").await.is(303);
    assert_eq!(password(&app, "jane@example.com", "").await.1, "/dashboard");
    app.platform.run_until_idle().await;
    let mails = app.platform.outbox().concat();
    assert!(mails.contains("Two-step login was turned on") && mails.contains("Two-step login was turned off"));
}

#[tokio::test]
async fn a_password_alone_gives_no_token_when_two_step_login_is_on() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    enrol(&app, &mut app.logged_in("jane@example.com").await).await;
    let mut program = app.browser();
    let mut log_in = async |password: &str| {
        let body = serde_json::json!({ "email": "jane@example.com", "password": password }).to_string();
        let answer = program.json(Method::POST, "/api/auth/login", &body).await;
        answer.is(401).json()["detail"].as_str().unwrap().to_owned()
    };
    assert!(log_in(PASSWORD).await.contains("Create an API token"));
    assert!(log_in("a guess").await.contains("Wrong email or password"));
}

#[tokio::test]
async fn staff_who_must_use_it_can_do_nothing_else_before() {
    let platform = TestPlatform::builder().settings(|settings| settings.staff_second_factor = true).build().await;
    let app = TestApp::over(platform);
    app.platform.staff(Role::SuperAdmin).await;
    app.platform.customer("jane").await;
    let mut boss = app.logged_in("super-admin-1@stoa.example").await;
    for path in ["/staff", "/account/tokens", "/staff/jobs"] {
        assert_eq!(boss.get(path).await.is(303).location(), PAGE, "{path}");
    }
    assert_eq!(boss.submit(PAGE, "/account/tokens", &[("name", "x")]).await.is(303).location(), PAGE);
    boss.get(PAGE).await.is(200).says("Set up two-step login to continue");
    let body = serde_json::json!({ "email": "super-admin-1@stoa.example", "password": PASSWORD }).to_string();
    let refused = app.browser().json(Method::POST, "/api/auth/login", &body).await;
    refused.is(401).says("needs two-step login");
    enrol(&app, &mut boss).await;
    boss.get("/staff").await.is(200);
    app.logged_in("jane@example.com").await.get("/dashboard").await.is(200);
}

#[tokio::test]
async fn an_admin_resets_what_a_customer_has_lost_and_the_trail_says_so() {
    let app = TestApp::new().await;
    let (jane, admin) = (app.platform.customer("jane").await, app.platform.staff(Role::Admin).await);
    app.platform.staff(Role::Support).await;
    let mut browser = app.logged_in("jane@example.com").await;
    enrol(&app, &mut browser).await;
    let (accounts, id) = (&app.platform.control.accounts, jane.actor.customer().unwrap());
    assert!(matches!(accounts.reset_second_factor(&jane, jane.actor).await, Err(Error::Forbidden(_))));
    assert!(matches!(accounts.reset_second_factor(&admin, admin.actor).await, Err(Error::Forbidden(_))), "of staff");

    let page = format!("/staff/customers/{id}");
    let reset = format!("{page}/second-factor/reset");
    let mut support = app.logged_in("support-2@stoa.example").await;
    assert!(!support.get(&page).await.is(200).says("two-step login").text.contains("Turn off two-step login"));
    support.submit(&page, &reset, &[]).await.is(403);
    let mut boss = app.logged_in("admin-1@stoa.example").await;
    boss.get(&page).await.is(200).says("Turn off two-step login");
    // The login was a while ago: the password is asked for once more.
    app.platform.clock.advance(SignedDuration::from_mins(20));
    boss.submit(&page, &reset, &[]).await.is(200).says("Password");
    browser.get("/dashboard").await.is(200);
    let done = boss.submit(&page, &reset, &[("confirm_password", PASSWORD)]).await;
    boss.get(done.is(303).location()).await.is(200).says("Two-step login was turned off");
    boss.submit(&page, &reset, &[]).await.is(409).says("neither two-step login nor passkeys");

    browser.get("/dashboard").await.is(303);
    assert_eq!(password(&app, "jane@example.com", "").await.1, "/dashboard");
    let trail = app.platform.control.core.list_audit_events(&admin, &AuditFilter::default(), 10).await.unwrap();
    let event = trail.iter().find(|event| event.action == "second_factor.reset").unwrap();
    assert_eq!((event.target.clone(), event.actor.clone()), (id.to_string(), admin.actor.to_string()));
    app.platform.run_until_idle().await;
    assert!(app.platform.outbox().concat().contains("removed by our support team"));
}

#[tokio::test]
async fn staff_write_notes_about_a_customer_which_only_staff_see() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    let id = jane.actor.customer().unwrap();
    app.platform.staff(Role::Support).await;
    app.platform.staff(Role::Support).await;
    app.platform.staff(Role::Admin).await;
    let (page, notes) = (format!("/staff/customers/{id}"), format!("/staff/customers/{id}/notes"));
    let mut author = app.logged_in("support-1@stoa.example").await;
    author.submit(&page, &notes, &[("note", "  ")]).await.is(422).says("Please enter the note.");
    author.submit(&page, &notes, &[("note", "Called, <b>wants</b>\na bigger plan")]).await.is(303);
    let shown = author.get(&page).await;
    shown.is(200).says("Called, &#60;b&#62;wants&#60;/b&#62;\na bigger plan").says("support-1@stoa.example");
    let delete = format!("/staff/notes/note_{}/delete", between(&shown.text, "/staff/notes/note_", "/"));
    let mut other = app.logged_in("support-2@stoa.example").await;
    other.submit(&page, &delete, &[]).await.is(403);
    let mut own = app.logged_in("jane@example.com").await;
    assert!(!own.get("/account/export").await.is(200).text.contains("bigger plan"));
    let mut admin = app.logged_in("admin-3@stoa.example").await;
    admin.submit(&page, &delete, &[]).await.is(303);
    admin.submit(&page, &delete, &[]).await.is(404);
    assert!(!author.get(&page).await.text.contains("bigger plan"));
}

#[tokio::test]
async fn who_has_the_address_gets_an_account_that_somebody_else_opened_and_locked() {
    let app = TestApp::new().await;
    let mut squatter = app.browser();
    let fields = [
        ("email", "jane@harbour.example"),
        ("password", PASSWORD),
        ("company", "Not Jane"),
        ("blueprint", "woocommerce"),
        ("subdomain", "harbour"),
        ("title", "Harbour"),
    ];
    squatter.submit("/register", "/register", &fields).await.is(303);
    enrol(&app, &mut squatter).await;
    let mut jane = app.browser();
    jane.submit("/login", "/forgot", &[("email", "jane@harbour.example")]).await.is(200);
    let link = mailed(&app, "/reset/").await;
    let set = jane.submit(&link, &link, &[("password", "a whole new password")]).await;
    assert_eq!(set.is(303).location(), "/account/security?done=reset", "no code is asked for");
    jane.get("/account/security?done=reset").await.is(200).says("Your new password is set");
    squatter.get("/dashboard").await.is(303);

    // A verified account keeps its second factor through a reset.
    enrol_with(&app, &mut jane, "a whole new password").await;
    let mut again = app.browser();
    again.submit("/login", "/forgot", &[("email", "jane@harbour.example")]).await.is(200);
    let link = mailed(&app, "/reset/").await;
    let set = again.submit(&link, &link, &[("password", "a third new password")]).await;
    assert!(set.is(303).location().starts_with("/login/code?next="));
}

#[tokio::test]
async fn one_login_takes_one_code_however_often_its_form_is_sent() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    let (_, codes) = enrol(&app, &mut app.logged_in("jane@example.com").await).await;
    let (accounts, nobody) = (&app.platform.control.accounts, app.platform.request_context(Actor::Nobody));
    let login = LogIn { email: "jane@example.com".into(), password: PASSWORD.into(), browser: None };
    let LoginOutcome::SecondFactor(flow) = accounts.log_in(&nobody, login).await.unwrap() else { panic!("two steps") };
    let send = |code: &str| {
        let (flow, code, nobody) = (flow.clone(), code.to_owned(), nobody.clone());
        async move { accounts.complete_login(&nobody, flow.expose_secret(), &code, |_| None).await.is_ok() }
    };
    let done = tokio::join!(send(&codes[0]), send(&codes[1]), send(&codes[2]));
    assert_eq!([done.0, done.1, done.2].into_iter().filter(|is_done| *is_done).count(), 1, "one login");
    let jane = app.platform.now(&jane);
    assert_eq!(accounts.second_factor(&jane).await.unwrap().recovery_codes_left, 9, "one code");
}
