//! A customer's journey, in a browser without JavaScript.

use stoa_testkit::{PASSWORD, TestPlatform};

use crate::browser::{Browser, TestApp};

const FORM: [(&str, &str); 6] = [
    ("email", "jane@harbour.example"),
    ("password", PASSWORD),
    ("company", "Harbour & Co"),
    ("blueprint", "woocommerce"),
    ("subdomain", "harbour"),
    ("title", "Harbour <Roasters>"),
];

fn with<'a>(changed: &'a [(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let value = |k: &str, v: &'a str| changed.iter().find(|(c, _)| *c == k).map_or(v, |(_, v)| *v);
    FORM.iter().map(|(k, v)| (*k, value(k, v))).collect()
}

#[tokio::test]
async fn from_the_home_page_to_a_running_store_and_its_deletion() {
    let app = TestApp::new().await;
    let mut jane = app.browser();
    jane.get("/").await.is(200).says("Create store");
    let answer = jane.submit("/register", "/register", &FORM).await;
    let job = answer.is(303).location().to_owned();
    assert!(job.starts_with("/jobs/job_"), "{job}");
    jane.get(&job).await.is(200).says("<noscript><meta http-equiv=\"refresh\"").says("Cancel");
    jane.get("/dashboard").await.is(200).says("Harbour &#60;Roasters&#62;").says("View progress");

    app.platform.run_until_idle().await;
    let page = jane.get(&job).await;
    page.is(200).says("is online</h2>").says("harbour.localhost").says("Open admin");
    assert!(!page.text.contains("http-equiv"), "nothing goes on any more");

    let site = site_of(&mut jane).await;
    reveal(&mut jane, &site).await;
    let link = jane.press(&format!("{site}/login-link")).await;
    link.is(200).says("http-equiv=\"refresh\" content=\"0;url=http://harbour.localhost:8080/");
    // A next step of the blueprint opens through the login, nothing else does.
    let to = |path| [("to", path)];
    let link = jane.submit(&site, &format!("{site}/login-link"), &to("/wp-admin/themes.php")).await;
    link.is(200).says("to=%2Fwp-admin%2Fthemes.php");
    jane.submit(&site, &format!("{site}/login-link"), &to("//evil.example/")).await.is(422);
    jane.get(&format!("{site}/activity")).await.is(200).says("Create the site").says("Site created");
    power(&app, &mut jane, &site).await;
    delete(&mut jane, &site).await;
    assert_eq!(jane.press("/logout").await.is(303).location(), "/");
    assert_eq!(jane.get("/dashboard").await.is(303).location(), "/login?next=%2Fdashboard");
}

async fn site_of(browser: &mut Browser) -> String {
    let dashboard = browser.get("/dashboard").await;
    let rest = dashboard.text.split("href=\"/sites/site_").nth(1).expect("a site on the dashboard");
    format!("/sites/site_{}", rest.split('"').next().unwrap())
}

async fn reveal(jane: &mut Browser, site: &str) {
    let page = jane.get(site).await;
    page.is(200).says("••••").says("Online");
    let revealed = jane.press(&format!("{site}/credentials/0")).await;
    let password = revealed.is(200).text.split("<code id=\"secret-0\">").nth(1).expect("the password");
    let password = password.split('<').next().unwrap();
    assert!(password.len() >= 20 && !page.text.contains(password));
    jane.press(&format!("{site}/credentials/99")).await.is(404);
}

async fn power(app: &TestApp, jane: &mut Browser, site: &str) {
    assert!(jane.press(&format!("{site}/stop")).await.is(303).location().starts_with("/jobs/"));
    app.platform.run_until_idle().await;
    jane.get(site).await.is(200).says("Stopped").says("Start");
    jane.press(&format!("{site}/stop")).await.is(409).says("This isn’t possible right now");
    jane.press(&format!("{site}/start")).await.is(303);
    app.platform.run_until_idle().await;
    jane.get(site).await.says("Online");
    for tab in ["usage", "logs", "activity", "settings"] {
        jane.get(&format!("{site}/{tab}")).await.is(200);
    }
}

async fn delete(jane: &mut Browser, site: &str) {
    let (page, action) = (format!("{site}/settings"), format!("{site}/delete"));
    jane.submit(&page, &action, &[("confirm", "something else")]).await.is(422).says("Type harbour.localhost exactly");
    jane.submit(&page, &action, &[("confirm", "harbour.localhost")]).await.is(303);
    jane.get(site).await.says("Scheduled for deletion").says("Restore store");
    jane.press(&format!("{site}/undelete")).await.is(303);
    assert!(!jane.get(site).await.text.contains("Restore store"));
}

#[tokio::test]
async fn errors_are_shown_at_the_fields_and_only_the_password_is_lost() {
    let app = TestApp::new().await;
    let mut jane = app.browser();
    let bad = with(&[("email", "jane@"), ("password", "short-pw"), ("subdomain", "Admin")]);
    let page = jane.submit("/register", "/register", &bad).await;
    page.is(422).says("There are 3 problems").says("href=\"#subdomain\"").says("This name is reserved");
    page.says("value=\"jane@\"").says("value=\"Harbour &#38; Co\"").says("value=\"Harbour &#60;Roasters&#62;\"");
    assert!(!page.text.contains("short-pw"));
    assert_eq!(page.text.matches("aria-invalid=\"true\"").count(), 3);
    // Nothing was created.
    jane.submit("/register", "/register", &FORM).await.is(303);
}

#[tokio::test]
async fn a_taken_address_creates_no_account() {
    let app = TestApp::new().await;
    app.browser().submit("/register", "/register", &FORM).await.is(303);
    let mut bob = app.browser();
    let page = bob.submit("/register", "/register", &with(&[("email", "bob@example.com")])).await;
    page.is(422).says("id=\"subdomain-problem\"");
    let login = [("email", "bob@example.com"), ("password", PASSWORD)];
    bob.submit("/login", "/login", &login).await.is(401);
}

#[tokio::test]
async fn fields_are_checked_while_typing() {
    let app = TestApp::new().await;
    app.browser().submit("/register", "/register", &FORM).await.is(303);
    let mut bob = app.browser();
    assert_eq!(bob.get("/check/address?subdomain=free-name").await.is(200).json()["available"], true);
    for taken in ["harbour", "admin", "x", "b%C3%BCcher"] {
        let check = bob.get(&format!("/check/address?subdomain={taken}")).await.json();
        assert_eq!(check["available"], false, "{taken}");
    }
    let answer = bob.submit("/register", "/check/field", &[("field", "password"), ("value", "short")]).await;
    assert_eq!(answer.is(200).json()["good"], false);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_get_the_same_response() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut texts = Vec::new();
    for email in ["jane@example.com", "nobody@example.com"] {
        let fields = [("email", email), ("password", "not the password")];
        let page = app.browser().submit("/login", "/login", &fields).await;
        let csrf = page.csrf();
        let number = page.header("x-request-id");
        texts.push(page.is(401).text.replace(email, "").replace(&csrf, "").replace(number, ""));
    }
    assert_eq!(texts[0], texts[1]);
}

#[tokio::test]
async fn too_many_logins_are_told_when_to_retry() {
    let mut app = TestApp::over(TestPlatform::builder().throttled().build().await);
    app.router = app.router.layer(axum::Extension(stoa_web::ClientAddress([192, 0, 2, 1].into())));
    let mut jane = app.browser();
    let fields = [("email", "jane@example.com"), ("password", "not the password")];
    for _ in 0..5 {
        jane.submit("/login", "/login", &fields).await.is(401);
    }
    let page = jane.submit("/login", "/login", &fields).await;
    page.is(429).says("Too many attempts").says("value=\"jane@example.com\"");
    assert!(page.header("retry-after").parse::<u32>().unwrap() > 0);
    // The response doesn't say which of several limits was reached.
    assert!(page.headers.keys().all(|name| !name.as_str().contains("ratelimit")));
    jane.get("/api/docs").await.is(200).says("no <code>RateLimit</code> headers");
}

#[tokio::test]
async fn staff_use_the_same_login_and_see_everything() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    app.platform.shop(&owner, "janes-shop").await;
    app.platform.staff(stoa_model::account::Role::Support).await;
    let mut staff = app.logged_in("support-1@stoa.example").await;
    assert_eq!(staff.get("/dashboard").await.is(303).location(), "/staff");
    staff.get("/staff").await.is(200).says("Needs attention").says("/staff/health");
    staff.get("/staff/sites").await.is(200).says("janes-shop.localhost");
    staff.get("/staff/jobs?state=succeeded").await.is(200).says("/jobs/job_");
    staff.get("/staff/jobs?state=nonsense").await.is(200);
}

#[tokio::test]
async fn old_status_links_redirect() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let ordered = app.platform.order(&owner, "janes-shop").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let path = format!("/status/{}", ordered.site);
    assert_eq!(jane.get(&path).await.is(303).location(), format!("/jobs/{}", ordered.job));
    jane.extra.push(("accept", "application/json".into()));
    assert_eq!(jane.get(&path).await.is(200).json()["job"], ordered.job.to_string());
}
