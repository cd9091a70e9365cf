//! What staff do for customers, and what they see.

use axum::http::Method;
use stoa_model::account::Role;

use crate::{browser::TestApp, permissions::token};

const PAGE: &str = "/staff/sites/new";

fn order<'a>(customer: &'a str, subdomain: &'a str) -> [(&'a str, &'a str); 4] {
    [("customer", customer), ("blueprint", "woocommerce"), ("subdomain", subdomain), ("title", "Jane <Shop>")]
}

#[tokio::test]
async fn an_administrator_orders_for_a_customer() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    app.platform.staff(Role::Admin).await;
    let mut admin = app.logged_in("admin-1@stoa.example").await;
    admin.get("/staff/sites").await.is(200).says("href=\"/staff/sites/new\"");
    admin.get(PAGE).await.is(200).says("value=\"woocommerce\" required checked");
    let answer = admin.submit(PAGE, PAGE, &order("Jane@Example.com", "janes-shop")).await;
    let job = answer.is(303).location().to_owned();
    assert!(job.starts_with("/jobs/job_"), "{job}");
    admin.get(&job).await.is(200).says("janes-shop.localhost");
    let mut jane = app.logged_in("jane@example.com").await;
    jane.get("/dashboard").await.is(200).says("janes-shop.localhost");
}

#[tokio::test]
async fn an_unknown_customer_is_an_error_at_the_field_and_nothing_is_created() {
    let app = TestApp::new().await;
    app.platform.staff(Role::SuperAdmin).await;
    let mut boss = app.logged_in("super-admin-1@stoa.example").await;
    let page = boss.submit(PAGE, PAGE, &order("nobody@example.com", "a-shop")).await;
    page.is(422).says("No customer has this address.").says("href=\"#customer\"");
    page.says("value=\"nobody@example.com\"").says("value=\"a-shop\"").says("value=\"Jane &#60;Shop&#62;\"");
    for typed in ["", "no address"] {
        let page = boss.submit(PAGE, PAGE, &order(typed, "a-shop")).await;
        page.is(422).says("href=\"#customer\"");
        assert_eq!(page.text.matches("aria-invalid=\"true\"").count(), 1, "{}", page.text);
    }
    boss.get("/staff/sites").await.is(200).says("There are no sites yet.");
}

#[tokio::test]
async fn errors_in_the_order_keep_the_customer() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    app.platform.staff(Role::Admin).await;
    let mut admin = app.logged_in("admin-1@stoa.example").await;
    let page = admin.submit(PAGE, PAGE, &order("jane@example.com", "admin")).await;
    page.is(422).says("This name is reserved").says("value=\"jane@example.com\"");
}

#[tokio::test]
async fn support_is_not_offered_forbidden_actions() {
    let app = TestApp::new().await;
    app.platform.staff(Role::Support).await;
    let mut support = app.logged_in("support-1@stoa.example").await;
    let page = support.get("/staff/sites").await;
    assert!(!page.is(200).text.contains(PAGE));
}

#[tokio::test]
async fn only_staff_see_owners() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    let shop = app.platform.shop(&jane, "janes-shop").await;
    let bob = app.platform.customer("bob").await;
    app.platform.shop(&bob, "bobs-shop").await;
    let staff = app.platform.staff(Role::Support).await;
    let mut support = app.logged_in("support-1@stoa.example").await;
    let sites = support.get("/staff/sites").await;
    sites.is(200).says("jane &#38; Co").says("jane@example.com").says("bob@example.com").says("bobs-shop.localhost");
    support.get("/staff/jobs").await.is(200).says("janes-shop.localhost").says("bobs-shop.localhost");
    let path = format!("/sites/{}", shop.site);
    support.get(&path).await.is(200).says("<dt>Owner</dt>").says("jane@example.com");

    let mut program = app.browser();
    program.bearer = Some(token(&app.platform, staff.actor).await);
    let site = program.send(Method::GET, &format!("/api/v1{path}"), None).await.is(200).json();
    assert_eq!(site["owner"]["email"], "jane@example.com");
    let title = site["blueprint_title"].as_str().unwrap().to_owned();
    assert_ne!(title, site["blueprint"]);
    let job = program.get(&format!("/api/v1/jobs/{}", shop.job)).await.is(200).json();
    assert_eq!((&job["hostname"], &job["site_title"]), (&site["hostname"], &site["title"]));

    let mut owner = app.logged_in("jane@example.com").await;
    assert!(!owner.get(&path).await.is(200).says(&title).text.contains("<dt>Owner</dt>"));
    owner.get("/dashboard").await.is(200).says(&title);
    owner.bearer = Some(token(&app.platform, jane.actor).await);
    for path in [format!("/api/v1{path}"), "/api/v1/sites".into()] {
        let answer = owner.get(&path).await;
        assert!(!answer.is(200).text.contains("\"owner\""), "{}", answer.text);
    }
}
