//! The account's own pages, forgotten passwords, verified addresses and teams, in a browser without JavaScript.

use std::time::Duration;

use axum::http::Method;
use jiff::SignedDuration;
use stoa_testkit::{PASSWORD, TestPlatform};
use tokio::time::timeout;

use crate::browser::{Browser, TestApp};

/// The path of the last link in the outbox to a page with this beginning.
pub async fn mailed(app: &TestApp, page: &str) -> String {
    app.platform.run_until_idle().await;
    let all = app.platform.outbox().concat().replace("=\r\n", "").replace("=\n", "");
    let portal = &app.platform.settings.portal_url;
    let link = format!("{portal}{page}");
    let rest =
        all.split(&link).last().filter(|_| all.contains(&link)).expect("a link that begins with the portal's URL");
    // Files of the outbox are named by the time: the next e-mail is a later one.
    app.platform.clock.advance(SignedDuration::from_secs(1));
    let secret: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    format!("{page}{secret}")
}

async fn log_in(browser: &mut Browser, email: &str, password: &str) -> u16 {
    let fields = [("email", email), ("password", password)];
    browser.submit("/login", "/login", &fields).await.status.as_u16()
}

const SIGN_UP: [(&str, &str); 6] = [
    ("email", "jane@harbour.example"),
    ("password", PASSWORD),
    ("company", "Harbour & Co"),
    ("blueprint", "woocommerce"),
    ("subdomain", "harbour"),
    ("title", "Harbour Roasters"),
];

#[tokio::test]
async fn a_forgotten_password_is_reset_by_a_link_that_the_host_header_does_not_choose() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut thief = app.logged_in("jane@example.com").await;
    let mut jane = app.browser();
    jane.get("/login").await.says("formaction=\"/forgot\"");
    assert_eq!(jane.submit("/login", "/forgot", &[("email", "")]).await.is(303).location(), "/forgot");
    jane.get("/forgot").await.is(200).says("This platform doesn’t send e-mail yet. Ask staff@stoa.example");
    let mut texts = Vec::new();
    for email in ["jane@example.com", "joe@example.com"] {
        let answer = jane.submit("/forgot", "/forgot", &[("email", email)]).await;
        let number = answer.header("x-request-id").to_owned();
        texts.push(answer.is(200).text.replace(&number, ""));
    }
    assert_eq!(texts[0], texts[1], "the same answer");
    jane.submit("/forgot", "/forgot", &[("email", "jane@")]).await.is(422);
    // The browser's Host header is portal.example; the link's host is the configured one.
    let link = mailed(&app, "/reset/").await;
    assert!(!app.platform.outbox().concat().contains("portal.example"));
    jane.get(&link).await.is(200).says("For jane@example.com");
    jane.submit(&link, &link, &[("password", "short")]).await.is(422).says("Use at least 10 characters");
    jane.submit(&link, &link, &[("password", "a whole new password")]).await.is(303);
    jane.get("/account/security?done=reset").await.is(200).says("Your new password is set");
    jane.get(&link).await.is(409).says("This link doesn&#39;t work").says("/forgot");
    thief.get("/dashboard").await.is(303);
    let mut again = app.browser();
    assert_eq!(log_in(&mut again, "jane@example.com", PASSWORD).await, 401);
    assert_eq!(log_in(&mut again, "jane@example.com", "a whole new password").await, 303);
}

#[tokio::test]
async fn a_mail_scanner_verifies_nothing_and_a_person_does() {
    let app = TestApp::new().await;
    let mut jane = app.browser();
    jane.submit("/register", "/register", &SIGN_UP).await.is(303);
    jane.get("/account").await.is(200).says("Verify your e-mail address").says("jane@harbour.example");
    let link = mailed(&app, "/verify/").await;
    app.browser().get(&link).await.is(200).says("Confirm that jane@harbour.example is your address");
    jane.get("/account").await.says("Verify your e-mail address");
    let second = [("blueprint", "woocommerce"), ("subdomain", "second"), ("title", "Second")];
    jane.submit("/sites/new", "/sites/new", &second).await.is(409).says("Verify your e-mail address first");
    jane.submit(&link, &link, &[]).await.is(200).says("This e-mail address is verified");
    assert!(!jane.get("/account").await.is(200).text.contains("Verify your e-mail address"));
    jane.submit("/sites/new", "/sites/new", &second).await.is(303);
}

#[tokio::test]
async fn registering_with_a_taken_address_looks_the_same() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut pages = Vec::new();
    for (n, email) in ["jane@example.com", "joe@example.com"].into_iter().enumerate() {
        let mut browser = app.browser();
        let (name, value) = (format!("store-{n}"), email);
        let mut form = SIGN_UP;
        (form[0].1, form[4].1) = (value, &name);
        // Not that of the account that has the address: that would be a login.
        form[1].1 = "another password than jane's";
        let answer = browser.submit("/register", "/register", &form).await;
        assert!(answer.is(303).location().starts_with("/jobs/job_"));
        let csrf = browser.get("/account").await.csrf();
        let page = browser.get("/account").await.is(200).text.clone();
        pages.push(page.replace(&csrf, "").replace(email, ""));
        browser.press("/logout").await;
        assert_eq!(log_in(&mut browser, email, form[1].1).await, 303, "{email}");
    }
    assert_eq!(pages[0].len(), pages[1].len());
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut phone = app.browser();
    phone.extra = vec![("user-agent", "Mozilla/5.0 (iPhone) Version/19.0 Safari/604.1".into())];
    assert_eq!(log_in(&mut phone, "jane@example.com", PASSWORD).await, 303);
    let mut jane = app.logged_in("jane@example.com").await;
    let page = jane.get("/account/security").await;
    page.is(200).says("Safari on iPhone").says("This browser").says("End all other sessions");
    let end = page.text.split("action=\"/account/sessions/ses_").nth(1).expect("a session to end");
    let end = format!("/account/sessions/ses_{}", end.split('"').next().unwrap());
    assert_eq!(jane.press(&end).await.is(303).location(), "/account/security?done=session");
    phone.get("/dashboard").await.is(303);
    jane.press(&end).await.is(404);

    assert_eq!(log_in(&mut phone, "jane@example.com", PASSWORD).await, 303);
    let change = [("present_password", PASSWORD), ("new_password", "a whole new password")];
    let wrong = [("present_password", "not the password"), change[1]];
    jane.submit("/account/security", "/account/password", &wrong).await.is(422).says("That is not your password");
    phone.get("/dashboard").await.is(200);
    jane.submit("/account/security", "/account/password", &change).await.is(303);
    phone.get("/dashboard").await.is(303);
    jane.get("/account/security?done=password").await.is(200).says("Your password was changed");
}

#[tokio::test]
async fn logging_in_again_ends_the_former_session_of_the_browser() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let former = jane.clone();
    let csrf = jane.get("/account").await.csrf();
    let fields = [("email", "jane@example.com"), ("password", PASSWORD), ("csrf", csrf.as_str())];
    jane.post("/login", &fields).await.is(303);
    assert_ne!(jane.cookies["stoa"], former.cookies["stoa"]);
    former.clone().get("/dashboard").await.is(303);
    jane.get("/dashboard").await.is(200);
}

#[tokio::test]
async fn an_open_event_stream_ends_within_seconds_of_its_session_and_token() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let ordered = app.platform.order(&owner, "janes-shop").await;
    let path = format!("/jobs/{}/events", ordered.job);
    let mut watching = app.logged_in("jane@example.com").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let stream = async {
        let answer = watching.get(&path).await;
        answer.is(200).says("event: state");
    };
    let end = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        jane.press("/account/sessions/end-others").await.is(303);
    };
    timeout(Duration::from_secs(10), async { tokio::join!(stream, end) }).await.expect("the page's stream has ended");

    let mut program = app.browser();
    program.bearer = Some(crate::permissions::token(&app.platform, owner.actor).await);
    let path = format!("/api/v1/jobs/{}/events", ordered.job);
    let stream = async { program.get(&path).await.is(200).says("event: state").status };
    let end = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let change = [("present_password", PASSWORD), ("new_password", "a whole new password")];
        jane.submit("/account/security", "/account/password", &change).await.is(303);
    };
    timeout(Duration::from_secs(10), async { tokio::join!(stream, end) }).await.expect("the API's stream has ended");
}

#[tokio::test]
async fn a_sensitive_change_asks_for_the_password_and_goes_on() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = app.logged_in("jane@example.com").await;
    app.platform.clock.advance(SignedDuration::from_mins(16));
    let change = [("email", "new@example.com")];
    let asked = jane.submit("/account", "/account/email", &change).await;
    asked.is(200).says("Enter your password").says("name=\"email\" value=\"new@example.com\"");
    let wrong = [("email", "new@example.com"), ("confirm_password", "not the password")];
    jane.submit("/account", "/account/email", &wrong).await.is(422).says("That is not your password");
    let right = [("email", "new@example.com"), ("confirm_password", PASSWORD)];
    jane.submit("/account", "/account/email", &right).await.is(200).says("Confirm your new address");
    jane.submit("/account", "/account/email", &change).await.is(200).says("Confirm your new address");

    let link = mailed(&app, "/account/email/").await;
    let mut phone = app.browser();
    phone.get(&link).await.is(200).says("Your account will use new@example.com");
    phone.submit(&link, &link, &[]).await.is(200).says("Your address was changed");
    assert_eq!(log_in(&mut phone, "jane@example.com", PASSWORD).await, 401);
    assert_eq!(log_in(&mut phone, "new@example.com", PASSWORD).await, 303);
    let restore = mailed(&app, "/account/email/restore/").await;
    phone.submit(&restore, &restore, &[]).await.is(200).says("Your former address is back");
    assert_eq!(log_in(&mut phone, "jane@example.com", PASSWORD).await, 303);
}

#[tokio::test]
async fn a_team_from_the_invitation_to_the_removal() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let stranger = app.platform.customer("eve").await;
    let shop = app.platform.shop(&owner, "janes-shop").await;
    let other = app.platform.shop(&stranger, "eves-shop").await;
    let mut jane = app.logged_in("jane@example.com").await;
    jane.get("/account/team").await.is(200).says("jane@example.com").says("(you)");
    let invite = [("email", "new@example.com"), ("role", "viewer")];
    jane.submit("/account/team", "/account/team/invite", &invite).await.is(303);
    jane.get("/account/team?done=invite").await.says("new@example.com").says("Open invitations");
    let link = mailed(&app, "/invitations/").await;

    let mut eve = app.logged_in("eve@example.com").await;
    eve.get(&link).await.is(200).says("You are logged in with another address");
    eve.press(&link).await.is(409).says("for another e-mail address");
    let mut new = app.browser();
    new.get(&link).await.is(200).says("Join jane &#38; Co").says("Log in to accept");
    let join = [("company", "Newcomer"), ("password", PASSWORD)];
    new.submit(&link, &format!("{link}/register"), &join).await.is(303);
    new.get("/dashboard").await.is(200).says("janes-shop.localhost");
    let site = format!("/sites/{}", shop.site);
    new.get(&site).await.is(200);
    new.press(&format!("{site}/stop")).await.is(403).says("Your role in this organization (Viewer)");
    new.press(&format!("{site}/credentials/0")).await.is(403);
    new.get(&format!("/sites/{}", other.site)).await.is(404);
    new.submit("/account", "/account", &[("company", "Mine")]).await.is(403);

    // Their own organization, and back.
    let page = new.get("/account/team").await.is(200).text.clone();
    let own = page.split("value=\"cus_").nth(1).expect("another organization").split('"').next().unwrap();
    let own = format!("cus_{own}");
    new.submit("/account/team", "/account/organization", &[("organization", &own)]).await.is(303);
    new.get(&site).await.is(404);
    let jane_id = owner.actor.to_string();
    new.submit("/account/team", "/account/organization", &[("organization", &jane_id)]).await.is(303);
    new.get(&site).await.is(200);
    let eve_id = stranger.actor.to_string();
    new.submit("/account/team", "/account/organization", &[("organization", &eve_id)]).await.is(404);

    let page = jane.get("/account/team").await.is(200).text.clone();
    let remove = page.split("action=\"/account/team/usr_").find(|rest| rest.contains("/remove\"")).expect("a member");
    let user = remove.split('/').next().unwrap();
    jane.submit("/account/team", &format!("/account/team/usr_{user}/remove"), &[]).await.is(303);
    new.get("/dashboard").await.is(303);
    assert_eq!(log_in(&mut new, "new@example.com", PASSWORD).await, 303);
    new.get(&site).await.is(404);
}

#[tokio::test]
async fn a_platform_without_a_contact_says_whom_to_ask_too() {
    let platform = TestPlatform::builder().settings(|settings| settings.staff_mail = None).build().await;
    let app = TestApp::over(platform);
    app.browser().get("/forgot").await.is(200).says("Ask the operator of this platform");
    let unknown = app.browser().send(Method::GET, "/reset/unknown", None).await;
    unknown.is(409).says("Request a new link");
}

#[tokio::test]
async fn an_export_has_what_belongs_to_the_organization_and_no_secret() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let stranger = app.platform.customer("eve").await;
    app.platform.shop(&owner, "janes-shop").await;
    app.platform.shop(&stranger, "eves-shop").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let answer = jane.get("/account/export").await;
    assert_eq!(answer.is(200).header("content-disposition"), "attachment; filename=\"account.json\"");
    let export = answer.json();
    assert_eq!(export["account"]["email"], "jane@example.com");
    assert_eq!(export["organization"]["members"][0]["role"], "owner");
    let sites = export["organization"]["sites"].as_array().unwrap();
    assert_eq!((sites.len(), &sites[0]["site"]["hostname"]), (1, &"janes-shop.localhost".into()));
    assert!(!sites[0]["history"].as_array().unwrap().is_empty());
    assert!(!answer.text.contains(&jane.cookies["stoa"]) && !answer.text.contains("argon2"));
}

#[tokio::test]
async fn notices_by_email_are_switched_off_and_on() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let checked = "name=\"notices\" value=\"yes\" checked";
    jane.get("/account").await.is(200).says("Notices by e-mail").says(checked);
    let saved = jane.submit("/account", "/account/notices", &[]).await.is(303).location().to_owned();
    let page = jane.get(&saved).await.is(200).says("Saved.").text.clone();
    assert!(page.contains("name=\"notices\"") && !page.contains(checked), "{page}");
    jane.submit("/account", "/account/notices", &[("notices", "yes")]).await.is(303);
    jane.get("/account").await.says(checked);
}
