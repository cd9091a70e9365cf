//! Every page, for everyone who may see it: small, escaped, with consistent ids.

use axum::http::Method;
use stoa_model::account::Role;
use stoa_sites::command::OrderSite;
use stoa_web::routes::ROUTES;

use crate::browser::TestApp;

const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)> {{7*7}} ${X} 🛒";

#[tokio::test]
async fn a_hostile_title_is_escaped_and_no_page_is_large() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let order = OrderSite { title: HOSTILE.into(), ..stoa_testkit::shop("janes-shop") };
    let shop = app.platform.control.sites.order(&app.platform.now(&owner), order, None).await.unwrap();
    app.platform.run_until_idle().await;
    app.platform.staff(Role::SuperAdmin).await;
    let mut seen = 0;
    for email in ["jane@example.com", "super-admin-1@stoa.example"] {
        let mut browser = app.logged_in(email).await;
        for route in ROUTES.iter().filter(|r| r.method == "GET" && !r.path.contains("events")) {
            let id = if route.path.starts_with("/jobs") { shop.job.to_string() } else { shop.site.to_string() };
            let path = route.path.replace("{id}", &id).replace("{*file}", "stoa.css").replace("{subdomain}", "x");
            let answer = browser.send(Method::GET, &path, None).await;
            if !answer.header("content-type").starts_with("text/html") {
                continue;
            }
            assert!(!answer.text.contains("<script>") && !answer.text.contains("<img"), "{path}: {}", answer.text);
            assert!(answer.text.len() < 30_000 || path == "/api/docs", "{path}: {} bytes", answer.text.len());
            assert!(answer.text.contains("<main id=\"content\"") && answer.text.contains("<h1>"), "{path}");
            assert_eq!(answer.text.matches("<h1").count(), 1, "{path}");
            ids_hold(&path, &answer.text);
            seen += usize::from(answer.text.contains("&#60;script&#62;alert(1)"));
        }
    }
    assert!(seen >= 10, "the title was looked for on {seen} pages only");
}

/// Ids are unique on a page, and labels refer to existing fields.
fn ids_hold(path: &str, page: &str) {
    let ids: Vec<_> = page.split(" id=\"").skip(1).map(|s| s.split('"').next().unwrap()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(ids.len(), unique.len(), "{path}: {ids:?}");
    for target in page.split(" for=\"").skip(1).map(|s| s.split('"').next().unwrap()) {
        assert!(ids.contains(&target), "{path}: {target}");
    }
}

#[tokio::test]
async fn ids_are_unique_for_visitors() {
    let app = TestApp::new().await;
    for path in ["/", "/register", "/login", "/staff/login"] {
        ids_hold(path, &app.browser().get(path).await.text);
    }
}
