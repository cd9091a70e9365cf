//! Traffic of a site: page, overview, API.

use jiff::SignedDuration;
use stoa_model::account::Role;

use crate::{
    browser::{Browser, TestApp},
    permissions::token,
};

async fn busy() -> (TestApp, Browser, String) {
    let app = TestApp::new().await;
    let jane = app.platform.customer("jane").await;
    let site = app.platform.shop(&jane, "bakery").await.site;
    let mut browser = app.logged_in("jane@example.com").await;
    browser.bearer = Some(token(&app.platform, jane.actor).await);
    (app, browser, site.to_string())
}

async fn serve(app: &TestApp, site: &str, statuses: &[u16]) {
    for status in statuses {
        app.platform.edge.serve(site.parse().unwrap(), *status, 2048);
    }
    app.platform.run_until_idle().await;
}

#[tokio::test]
async fn a_site_without_traffic_says_so_and_one_with_traffic_has_charts() {
    let (app, mut jane, site) = busy().await;
    let page = jane.get(&format!("/sites/{site}/traffic")).await;
    page.is(200).says("No requests in this period").says("aria-current=\"true\">24 hours");
    assert!(!page.text.contains("<rect"), "nothing is drawn of nothing");
    jane.get(&format!("/sites/{site}")).await.says("No requests in the last 24 hours");

    serve(&app, &site, &[200, 200, 302, 404, 503]).await;
    app.platform.clock.advance(SignedDuration::from_hours(2));
    serve(&app, &site, &[200]).await;
    // The session has expired by then.
    let mut jane = app.logged_in("jane@example.com").await;
    for (range, each) in [("24h", "hour"), ("7d", "6 hours"), ("30d", "day")] {
        let page = jane.get(&format!("/sites/{site}/traffic?range={range}")).await;
        page.is(200).says(&format!("Requests per {each}</title>")).says("6 requests in all, 1 of them failed.");
        page.says("url(#requests-cross)")
            .says("Failed in the store (16.7\u{a0}%)")
            .says("12 kB")
            .says("<caption")
            .says("<th scope=\"row\">");
        assert!(!page.text.contains("style=") && page.text.len() < 30_000, "{}", page.text.len());
    }
    let page = jane.get(&format!("/sites/{site}")).await;
    page.says("<span>Requests, 24 hours</span><b>6</b>")
        .says("<b>16.7\u{a0}%</b>")
        .says("Busiest hour: 5 from")
        .says("1 request failed");
    jane.get(&format!("/sites/{site}/traffic?range=%3Cscript%3E")).await.is(200).says("\">24 hours");
}

#[tokio::test]
async fn owners_and_support_see_traffic_and_others_do_not() {
    let (app, mut jane, site) = busy().await;
    serve(&app, &site, &[200, 499]).await;
    let path = format!("/api/v1/sites/{site}/traffic");
    let hours = jane.get(&format!("{path}?hours=3")).await.is(200).json();
    assert_eq!(hours.as_array().unwrap().len(), 3);
    let now = &hours[2];
    assert_eq!((&now["requests"], &now["bytes_out"]), (&2.into(), &4096.into()));
    assert_eq!((&now["statuses"]["success"], &now["statuses"]["left"]), (&1.into(), &1.into()));
    let buckets = now["latency"].as_array().unwrap();
    assert!(buckets[0]["to_ms"] == 5 && buckets.last().unwrap()["to_ms"].is_null());
    assert_eq!(buckets.iter().map(|b| b["requests"].as_u64().unwrap()).sum::<u64>(), 2);
    jane.get(&format!("{path}?hours=many")).await.is(400);
    assert_eq!(jane.get(&format!("{path}?hours=99999")).await.json().as_array().unwrap().len(), 744);

    let bob = app.platform.customer("bob").await;
    let mut other = app.logged_in("bob@example.com").await;
    other.bearer = Some(token(&app.platform, bob.actor).await);
    other.get(&path).await.is(404);
    other.get(&format!("/sites/{site}/traffic")).await.is(404);
    app.platform.staff(Role::Support).await;
    let mut support = app.logged_in("support-1@stoa.example").await;
    support.get(&format!("/sites/{site}/traffic")).await.is(200).says("2 requests in all");
}
