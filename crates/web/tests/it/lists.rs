//! The lists of staff and customers: search, filters, pages, files; and the search box.

use std::time::Duration;

use stoa_model::account::Role;
use stoa_testkit::shop;

use crate::browser::{Answer, Browser, TestApp};

async fn filled() -> (TestApp, Browser) {
    let app = TestApp::new().await;
    for n in 0..53 {
        let customer = app.platform.customer(&format!("customer-{n}")).await;
        let order = shop(&format!("shop-{n}"));
        app.platform.control.sites.order(&app.platform.now(&customer), order, None).await.unwrap();
    }
    app.platform.run_until_idle().await;
    app.platform.staff(Role::Admin).await;
    let admin = app.logged_in("admin-1@stoa.example").await;
    (app, admin)
}

fn rows(page: &Answer, link: &str) -> usize {
    page.text.matches(&format!("<td><a href=\"{link}")).count()
}

#[tokio::test]
async fn sites_are_filtered_counted_paged_and_exported() {
    let (app, mut admin) = filled().await;
    let first = admin.get("/staff/sites").await;
    first.is(200).says("All<span class=\"n\">53</span>").says("Online<span class=\"n\">53</span>").says("1–50 of 53");
    assert_eq!(rows(&first, "/sites/site_"), 50);
    assert!(first.text.contains("href=\"/staff/sites?page=2\"") && !first.text.contains("rel=\"prev\""));
    let second = admin.get("/staff/sites?page=2").await;
    second.says("51–53 of 53").says("rel=\"prev\" href=\"/staff/sites\"");
    assert_eq!(rows(&second, "/sites/site_"), 3);
    let beyond = admin.get("/staff/sites?page=9").await;
    beyond.is(200).says("href=\"/staff/sites?page=2\"");

    let found = admin.get("/staff/sites?q=SHOP-5&sort=title&status=online").await;
    found.says("value=\"SHOP-5\"").says("1–4 of 4").says("<option value=\"title\" selected>");
    found.says("href=\"/staff/sites?q=SHOP-5&#38;sort=title&#38;status=stopped\"");
    assert_eq!(rows(&found, "/sites/site_"), 4);
    admin.get("/staff/sites?status=stopped").await.says("No site matches.");
    admin.get("/staff/sites?q=customer-7%40example.com").await.says("The shop-7");
    // What is no choice is no filter.
    admin.get("/staff/sites?status=nonsense&sort=x&page=-1&type=").await.is(200).says("1–50 of 53");

    let file = admin.get("/staff/sites?q=shop-5&format=csv").await;
    assert_eq!(file.is(200).header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.text.lines().count(), 5, "{}", file.text);
    let whole = admin.get("/staff/sites?format=csv").await;
    assert_eq!(whole.text.lines().count(), 54);
    let jobs = admin.get("/staff/jobs?q=shop-1&kind=create&state=succeeded").await;
    jobs.is(200).says("1–11 of 11").says("Done<span class=\"n\">11</span>");
    assert_eq!(admin.get("/staff/jobs?format=csv").await.text.lines().count(), 54);

    let mut one = app.logged_in("customer-3@example.com").await;
    let own = one.get("/dashboard?q=shop").await;
    own.is(200).says("The shop-3").says("1–1 of 1");
    assert!(!own.text.contains("shop-4"));
    assert!(!one.get("/dashboard").await.text.contains("role=\"search\""), "one site needs no search");
}

#[tokio::test]
async fn one_box_finds_sites_customers_and_ids() {
    let (app, mut admin) = filled().await;
    let found = admin.get("/staff/search?q=customer-5").await;
    found.is(200).says("customer-5 &#38; Co").says("The shop-51").says("customer-50@example.com");
    admin.get("/staff/search?q=%25").await.says("Nothing found");
    admin.get("/staff/search").await.is(200).says("Enter part of a name");
    let many = admin.get("/staff/search?q=shop").await;
    many.says("href=\"/staff/sites?q=shop\">All 53");
    let customer = many.text.split("/sites/site_").nth(1).unwrap().split('"').next().unwrap();
    admin.get(&format!("/staff/search?q=site_{customer}")).await.is(200).says("The shop-");
    admin.get("/staff/search?q=job_01ba60d33ce17146a93c0a9388f384e6").await.is(200).says("Nothing found");
    // Who came since the last search is found, although nothing was found a moment ago.
    admin.get("/staff/search?q=newcomer").await.says("Nothing found");
    app.platform.customer("newcomer").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    admin.get("/staff/search?q=NEWcomer").await.says("newcomer@example.com");
    let hostile = "%3Cscript%3E%22%27";
    assert!(!admin.get(&format!("/staff/search?q={hostile}")).await.is(200).text.contains("<script>"));
    drop(app);
}

#[tokio::test]
async fn a_customer_has_a_page_with_sites_and_a_way_to_the_audit_log() {
    let (_app, mut admin) = filled().await;
    let list = admin.get("/staff/customers?q=customer-7&sort=name").await;
    list.is(200).says("customer-7@example.com").says("1–1 of 1");
    let page = list.text.split("href=\"/staff/customers/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    admin.get(&format!("/staff/customers/{page}")).await.is(200).says("The shop-7").says("/staff/audit?actor=");
    let audit = admin.get(&format!("/staff/audit?actor={page}&action=order")).await;
    audit.is(200).says("site.order").says("1–1 of 1");
    admin.get("/staff/audit?action=no.such.thing").await.says("No entry matches.");
    assert!(admin.get("/staff/audit?format=csv").await.text.lines().count() > 50);
    admin.get("/staff/customers/cus_01ba60d33ce17146a93c0a9388f384e6").await.is(404);
    assert_eq!(admin.get("/staff/customers?format=csv").await.text.lines().count(), 54);
}

#[tokio::test]
async fn addresses_of_the_documents_lead_to_todays_pages() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let shop = app.platform.shop(&owner, "janes-shop").await;
    let mut browser = app.logged_in("jane@example.com").await;
    for (from, to) in [
        ("/provision", "/sites/new"),
        ("/admin", "/staff"),
        ("/admin/customers", "/staff/customers"),
        ("/admin/jobs/7", "/staff/jobs"),
        ("/admin/unknown", "/staff"),
    ] {
        assert_eq!(browser.get(from).await.is(307).location(), to, "{from}");
    }
    let danger = browser.get(&format!("/sites/{}/danger", shop.site)).await;
    assert_eq!(danger.is(307).location(), format!("/sites/{}/settings", shop.site));
    let status = browser.get(&format!("/status/{}", owner.actor.customer().unwrap())).await;
    assert_eq!(status.is(303).location(), format!("/sites/{}", shop.site));
}
