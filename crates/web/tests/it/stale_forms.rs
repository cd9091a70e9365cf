//! Forms that were opened before a login or logout in another tab (FAULTS D8). A browser says where they come from.

use stoa_model::account::Role;
use stoa_testkit::PASSWORD;

use crate::browser::{Browser, TestApp};

const ORDER: [(&str, &str); 3] =
    [("blueprint", "woocommerce"), ("subdomain", "harbour"), ("title", "Harbour <Roasters>")];

/// A current browser: it sends `Origin` with every form.
fn current(mut browser: Browser) -> Browser {
    browser.extra.push(("origin", "http://portal.example".into()));
    browser.extra.push(("sec-fetch-site", "same-origin".into()));
    browser
}

fn with<'a>(fields: &[(&'a str, &'a str)], csrf: &'a str) -> Vec<(&'a str, &'a str)> {
    fields.iter().copied().chain([("csrf", csrf)]).collect()
}

#[tokio::test]
async fn the_login_form_is_shown_again_with_the_address_and_then_works() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = current(app.browser());
    let login = [("email", "jane@example.com"), ("password", PASSWORD), ("next", "/sites/new")];
    let page = jane.post("/login", &with(&login, "of-a-lost-cookie")).await;
    page.is(409).says("we haven&#39;t sent it yet").says("value=\"jane@example.com\"").says("value=\"/sites/new\"");
    assert!(!page.text.contains(PASSWORD) && !jane.cookies.contains_key("stoa"));
    let answer = jane.post("/login", &with(&login, &page.csrf())).await;
    assert_eq!(answer.is(303).location(), "/sites/new");
}

#[tokio::test]
async fn whoever_has_logged_in_in_another_tab_goes_on() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    app.platform.staff(Role::Admin).await;
    let mut jane = current(app.browser());
    let second_tab = jane.get("/login").await.csrf();
    let login = [("email", "jane@example.com"), ("password", PASSWORD)];
    jane.submit("/login", "/login", &login).await.is(303);
    assert_eq!(jane.post("/login", &with(&login, &second_tab)).await.is(303).location(), "/dashboard");
    let next = [("email", "jane@example.com"), ("password", PASSWORD), ("next", "/sites/new")];
    assert_eq!(jane.post("/login", &with(&next, &second_tab)).await.is(303).location(), "/sites/new");
    assert_eq!(jane.post("/register", &with(&ORDER, &second_tab)).await.is(303).location(), "/dashboard");
    let mut admin = current(app.logged_in("admin-1@stoa.example").await);
    assert_eq!(admin.post("/login", &with(&login, &second_tab)).await.is(303).location(), "/staff");
}

#[tokio::test]
async fn a_sign_up_keeps_all_but_the_password() {
    let app = TestApp::new().await;
    let mut jane = current(app.browser());
    let form = [("email", "jane@harbour.example"), ("password", PASSWORD), ("company", "Harbour & Co")];
    let form: Vec<_> = form.into_iter().chain(ORDER).collect();
    let page = jane.post("/register", &with(&form, "")).await;
    page.is(409).says("value=\"jane@harbour.example\"").says("value=\"Harbour &#38; Co\"");
    page.says("value=\"harbour\"").says("value=\"Harbour &#60;Roasters&#62;\"");
    assert!(!page.text.contains(PASSWORD));
    let job = jane.post("/register", &with(&form, &page.csrf())).await;
    assert!(job.is(303).location().starts_with("/jobs/"), "nothing had been created before");
}

#[tokio::test]
async fn an_order_survives_a_lost_session() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = current(app.logged_in("jane@example.com").await);
    let old = jane.get("/sites/new").await.csrf();
    jane.cookies.clear();
    let page = jane.post("/sites/new", &with(&ORDER, &old)).await;
    page.is(409).says("You've been logged out").says("name=\"subdomain\" value=\"harbour\"");
    page.says("name=\"title\" value=\"Harbour &#60;Roasters&#62;\"").says("action=\"/sites/new\"");
    // Logged in in another tab, and sent again with the token of the page that was kept.
    let kept = page.csrf();
    jane.submit("/login", "/login", &[("email", "jane@example.com"), ("password", PASSWORD)]).await.is(303);
    let page = jane.post("/sites/new", &with(&ORDER, &kept)).await;
    page.is(409).says("we haven&#39;t sent it yet").says("value=\"harbour\"");
    assert!(jane.post("/sites/new", &with(&ORDER, &page.csrf())).await.is(303).location().starts_with("/jobs/"));
}

#[tokio::test]
async fn any_other_form_can_be_sent_again_unless_it_had_secrets() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = current(app.logged_in("jane@example.com").await);
    let fields = [("name", "CI \"x\""), ("days", "30"), ("read", "yes")];
    let page = jane.post("/account/tokens", &with(&fields, "old")).await;
    page.is(409)
        .says("Send this again?")
        .says("name=\"name\" value=\"CI &#34;x&#34;\"")
        .says("action=\"/account/tokens\"");
    let change = [("present_password", "hunter2-hunter2"), ("new_password", "hunter3-hunter3")];
    let secret = jane.post("/account/password", &with(&change, "old")).await;
    secret.is(409).says("Passwords and codes are not kept").says("jane@example.com");
    assert!(!secret.text.contains("hunter") && !secret.text.contains("action=\"/account/password\""));
    jane.get("/account/tokens").await.says("You don't have any API tokens yet");
    jane.post("/account/tokens", &with(&fields, &page.csrf())).await.is(200).says("created");
}

#[tokio::test]
async fn forms_from_elsewhere_stay_refused_and_so_do_clients_that_say_nothing() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let login = [("email", "jane@example.com"), ("password", PASSWORD)];
    for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let mut browser = app.browser();
        browser.extra.push((name, value.into()));
        browser.post("/login", &with(&login, "x")).await.is(403).says("This form has expired");
    }
    app.browser().post("/login", &with(&login, "x")).await.is(403);
    let mut jane = current(app.logged_in("jane@example.com").await);
    jane.post("/check/field", &with(&[("field", "title")], "x")).await.is(403);
}
