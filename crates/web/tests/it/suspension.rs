//! Suspending sites and resuming them, and the API of updates.

use axum::http::Method;
use stoa_model::{account::Role, site::SiteState};

use crate::{browser::TestApp, permissions::token};

#[tokio::test]
async fn an_administrator_suspends_a_site_and_its_owner_reads_why() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    let shop = app.platform.shop(&jane, "janes-shop").await;
    app.platform.staff(Role::Admin).await;
    let mut admin = app.logged_in("admin-1@stoa.example").await;
    let mut owner = app.logged_in("jane@example.com").await;
    let site = format!("/sites/{}", shop.site);
    let (settings, suspend, resume) = (format!("{site}/settings"), format!("{site}/suspend"), format!("{site}/resume"));
    assert!(!owner.get(&settings).await.is(200).text.contains("Suspend this store"));
    admin.get(&settings).await.is(200).says("Suspend this store").says("Payment is overdue");

    let page = admin.submit(&settings, &suspend, &[("reason", ""), ("note", "typed <before>")]).await;
    page.is(422).says("Choose a reason.").says("value=\"typed &#60;before&#62;\"");
    let answer = admin.submit(&settings, &suspend, &[("reason", "abuse"), ("note", "Phishing <page>")]).await;
    assert_eq!(answer.is(303).location(), site);
    for browser in [&mut owner, &mut admin] {
        let page = browser.get(&site).await;
        page.is(200).says("This store is suspended").says("<strong>abuse</strong>").says("Phishing &#60;page&#62;");
    }
    assert!(!owner.get(&site).await.text.contains("End suspension"));
    admin.get(&site).await.says("End suspension");

    admin.submit(&site, &resume, &[("reason", "quota")]).await.is(409);
    admin.submit(&site, &resume, &[("reason", "abuse")]).await.is(303);
    app.platform.run_until_idle().await;
    assert!(!owner.get(&site).await.is(200).text.contains("This store is suspended"));
    let cx = app.platform.now(&jane);
    assert_eq!(app.platform.control.sites.get(&cx, shop.site).await.unwrap().state, SiteState::Active);
}

#[tokio::test]
async fn the_api_suspends_and_resumes_and_only_staff_see_who_did() {
    let app = TestApp::new().await;
    let (platform, jane) = (&app.platform, app.platform.customer("jane").await);
    let shop = platform.shop(&jane, "bakery").await;
    let staff = platform.staff(Role::Admin).await;
    let (mut program, mut owner) = (app.browser(), app.browser());
    program.bearer = Some(token(platform, staff.actor).await);
    owner.bearer = Some(token(platform, jane.actor).await);
    let path = format!("/api/v1/sites/{}", shop.site);
    let (suspend, resume) = (format!("{path}/suspend"), format!("{path}/resume"));

    let body = r#"{"reason":"non_payment","note":"Invoice 7"}"#;
    let site = program.json(Method::POST, &suspend, body).await.is(200).json();
    assert_eq!(site["state"], "suspended");
    let printed = platform.control.sites.get(&platform.now(&staff), shop.site).await.unwrap();
    assert_eq!(program.get(&path).await.is(200).json(), serde_json::to_value(printed).unwrap());
    let site = owner.get(&path).await.is(200).json();
    let suspension = &site["suspensions"][0];
    assert_eq!(suspension["reason"], "non_payment");
    assert_eq!(suspension["note"], "Invoice 7");
    assert!(suspension.get("actor").is_none(), "{suspension}");

    program.json(Method::POST, &resume, r#"{"reason":"abuse"}"#).await.is(409);
    let site = program.json(Method::POST, &resume, "{}").await.is(200).json();
    assert!(site.get("suspensions").is_none(), "{site}");
    program.json(Method::POST, &resume, "{}").await.is(409);
}

#[tokio::test]
async fn a_site_that_is_up_to_date_is_neither_listed_nor_updated() {
    let app = TestApp::new().await;
    let (platform, jane) = (&app.platform, app.platform.customer("jane").await);
    let shop = platform.shop(&jane, "bakery").await;
    let staff = platform.staff(Role::Support).await;
    let mut program = app.browser();
    program.bearer = Some(token(platform, staff.actor).await);
    assert_eq!(program.get("/api/v1/blueprints/outdated").await.is(200).json(), serde_json::json!([]));
    program.bearer = Some(token(platform, jane.actor).await);
    let update = format!("/api/v1/sites/{}/update", shop.site);
    program.json(Method::POST, &update, "{}").await.is(409).says("up to date");
    program.json(Method::POST, &update, r#"{"to":"0123456789"}"#).await.is(422);
}
