//! Settings of a site.

use stoa_model::account::Role;

use crate::browser::TestApp;

#[tokio::test]
async fn owners_see_limits_and_administrators_change_them() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    let site = app.platform.shop(&jane, "bakery").await.site;
    let mut owner = app.logged_in("jane@example.com").await;
    let settings = format!("/sites/{site}/settings");
    let action = format!("/sites/{site}/limits");
    let page = owner.get(&settings).await;
    assert!(!page.says("Largest upload").says("100 MB").text.contains("Save limits"));
    app.platform.staff(Role::Admin).await;
    let mut admin = app.logged_in("admin-1@stoa.example").await;
    admin.get(&settings).await.says("Save limits").says("value=\"100m\"");
    let wrong = [("rate", "fast"), ("burst", "1"), ("in_flight", "1"), ("max_body", "0"), ("response_seconds", "1")];
    let page = admin.submit(&settings, &action, &wrong).await;
    page.is(422).says("href=\"#rate\"").says("value=\"fast\"");
    let wrong = [("rate", "5"), ("burst", "1"), ("in_flight", "1"), ("max_body", "20g"), ("response_seconds", "1")];
    admin.submit(&settings, &action, &wrong).await.is(422).says("1024 bytes to 10 GiB");
    let good = [("rate", "5"), ("burst", "10"), ("in_flight", "0"), ("max_body", "1g"), ("response_seconds", "60")];
    assert_eq!(admin.submit(&settings, &action, &good).await.is(303).location(), format!("{settings}#limits"));
    owner.get(&settings).await.says("5 per second, 10 in a burst").says("1.0 GB").says("60 seconds");
}
