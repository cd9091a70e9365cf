//! The audit log on screen and as files, and what reading leaves in it.

use stoa_model::account::Role;

use crate::browser::TestApp;

#[tokio::test]
async fn the_log_is_filtered_and_exported() {
    let app = TestApp::new().await;
    app.platform.customer("jane").await;
    app.platform.staff(Role::Admin).await;
    app.logged_in("jane@example.com").await;
    let mut admin = app.logged_in("admin-1@stoa.example").await;
    let page = admin.get("/staff/audit?group=session").await;
    page.is(200).says("session.begin").says("Not checked yet.").says("<option value=\"session\" selected>");
    admin.get("/staff/audit?group=site").await.says("No entry matches.");
    let today = app.platform.clock.now().strftime("%Y-%m-%d").to_string();
    admin.get(&format!("/staff/audit?from={today}&to={today}")).await.says("session.begin");
    admin.get("/staff/audit?to=2020-01-01").await.says("No entry matches.");
    admin.get("/staff/audit?from=2999-01-01").await.says("No entry matches.");

    let file = admin.get("/staff/audit?group=session&format=jsonl").await;
    assert_eq!(file.is(200).header("content-type"), "application/jsonl");
    let actions: Vec<String> = file
        .text
        .lines()
        .map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            entry["action"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(actions, ["session.begin", "session.begin"]);
    let csv = admin.get("/staff/audit?group=session&format=csv").await;
    assert_eq!((csv.header("content-type"), csv.text.lines().count()), ("text/csv; charset=utf-8", 3));
    admin.get("/staff/audit?action=audit.export").await.says("1–2 of 2");

    app.platform.control.core.seal_audit().await.unwrap();
    app.platform.control.core.verify_audit_daily().await.unwrap();
    admin.get("/staff/audit").await.says("all as they were written.");
}

#[tokio::test]
async fn what_staff_look_at_is_noted_with_address_and_session() {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    let shop = app.platform.shop(&jane, "janes-shop").await;
    app.platform.staff(Role::Support).await;
    app.platform.staff(Role::Admin).await;
    let mut support = app.logged_in("support-1@stoa.example").await;
    let customer = jane.actor.customer().unwrap();
    for _ in 0..2 {
        support.get(&format!("/staff/customers/{customer}")).await.is(200);
        support.get(&format!("/sites/{}", shop.site)).await.is(200);
        support.get(&format!("/sites/{}/logs", shop.site)).await;
    }
    app.logged_in("jane@example.com").await.get(&format!("/sites/{}", shop.site)).await.is(200);
    let mut admin = app.logged_in("admin-2@stoa.example").await;
    let file = admin.get("/staff/audit?action=customer.read&format=jsonl").await;
    let reads: Vec<serde_json::Value> = file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let data: Vec<_> = reads.iter().map(|read| read["detail"]["data"].as_str().unwrap()).collect();
    assert_eq!(data, ["profile", "site", "logs"]);
    assert!(reads.iter().all(|read| read["credential"].as_str().unwrap().starts_with("session ")), "{reads:?}");
    assert_eq!(reads[1]["detail"]["site"], shop.site.to_string());
}
