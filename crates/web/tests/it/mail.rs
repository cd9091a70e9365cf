//! The mail log: the list, an e-mail with its preview, and sending it again.

use stoa_model::account::Role;

use crate::browser::TestApp;

#[tokio::test]
async fn staff_find_an_email_preview_it_and_send_it_again() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    app.platform.shop(&jane, "janes-shop").await;
    app.platform.run_until_idle().await;
    app.platform.staff(Role::Support).await;
    app.platform.staff(Role::Admin).await;
    let (mut support, mut admin) =
        (app.logged_in("support-1@stoa.example").await, app.logged_in("admin-2@stoa.example").await);
    let list = support.get("/staff/mail?q=JANE").await;
    list.is(200).says("is online").says("jane@example.com").says("Sent<span class=\"n\">1</span>").says("1–1 of 1");
    list.says("No mail server is set up");
    support.get("/staff/mail?state=failed").await.is(200).says("No e-mail matches.");
    support.get("/staff/mail?format=csv").await.is(200).says("\"jane@example.com\",\"welcome\"");
    let id = list.text.split("href=\"/staff/mail/mail_").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let page = format!("/staff/mail/mail_{id}");

    let shown = support.get(&page).await;
    shown.is(200).says("written to").says(&format!("src=\"{page}/preview\"")).says("User name:");
    assert!(shown.text.contains("<iframe class=\"mail-preview\" sandbox "), "{}", shown.text);
    assert!(shown.header("content-security-policy").ends_with("; frame-src 'self'"));
    assert!(!shown.text.contains("Send again"), "only admins");
    let preview = support.get(&format!("{page}/preview")).await;
    preview.is(200).says("<!doctype html>").says("color-scheme");
    let policy = preview.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"), "{policy}");
    assert_eq!(preview.header("x-frame-options"), "SAMEORIGIN");

    admin.get(&page).await.is(200).says("Send again");
    admin.press(&format!("{page}/resend")).await.is(303);
    app.platform.run_until_idle().await;
    admin.get("/staff/mail").await.is(200).says("Sent<span class=\"n\">2</span>");
}

#[tokio::test]
async fn a_secret_link_is_not_shown_to_staff() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    let mut browser = app.browser();
    browser.submit("/forgot", "/forgot", &[("email", "jane@example.com")]).await;
    app.platform.run_until_idle().await;
    assert!(app.platform.outbox().concat().contains("/reset/"));
    app.platform.staff(Role::Admin).await;
    let mut admin = app.logged_in("admin-1@stoa.example").await;
    let list = admin.get("/staff/mail").await;
    let id = list.text.split("href=\"/staff/mail/mail_").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    for path in [format!("/staff/mail/mail_{id}"), format!("/staff/mail/mail_{id}/preview")] {
        let answer = admin.get(&path).await;
        answer.is(200).says("[link]");
        assert!(!answer.text.contains("/reset/"), "{}", answer.text);
    }
}
