//! The API returns what `stoa --json` prints: both describe the same views. The two differences that are left
//! are listed here, and traffic, which `--json` groups differently.

use serde::Serialize;
use serde_json::{Value, json};
use stoa_control::command::AddDomain;
use stoa_model::account::Role;

use crate::{access::token, browser::TestApp};

/// As `stoa --json` prints it.
fn printed(view: &impl Serialize) -> Value {
    serde_json::to_value(view).unwrap()
}

#[tokio::test]
async fn sites_and_jobs_are_the_same_in_the_api_and_in_json_output() {
    let app = TestApp::new().await;
    let (platform, jane) = (&app.platform, app.platform.customer("jane").await);
    let shop = platform.shop(&jane, "bakery").await;
    let (control, cx) = (&platform.control, platform.now(&jane));
    let mut program = app.browser();
    program.bearer = Some(token(platform, jane.actor).await);
    let site = format!("/api/v1/sites/{}", shop.site);
    let mut api = async |path: &str| program.get(path).await.is(200).json();

    assert_eq!(api(&site).await, printed(&control.site_get(&cx, shop.site).await.unwrap()));
    assert_eq!(api("/api/v1/sites").await, printed(&control.site_list(&cx, None, 50).await.unwrap()));
    let job = format!("/api/v1/jobs/{}", shop.job);
    assert_eq!(api(&job).await, printed(&control.job_get(&cx, shop.job).await.unwrap()));
    let jobs = api(&format!("{site}/jobs")).await;
    assert_eq!(jobs, printed(&control.site_jobs(&cx, shop.site).await.unwrap()));
    let credentials = api(&format!("{site}/credentials")).await;
    assert_eq!(credentials, printed(&control.site_credentials(&cx, shop.site).await.unwrap()));
    assert_eq!(api(&format!("{site}/logs")).await, printed(&control.site_logs(&cx, shop.site, 100).await.unwrap()));
    assert_eq!(api(&format!("{site}/stats")).await, printed(&control.site_stats(&cx, shop.site).await.unwrap()));
    assert_eq!(api("/api/v1/blueprints").await, printed(&control.blueprints(&cx).await.unwrap()));
    let address = api("/api/v1/addresses/bakery").await;
    assert_eq!(address, printed(&control.address_check(&cx, "bakery").await.unwrap()));
}

#[tokio::test]
async fn domains_and_certificates_are_the_same_but_for_two_members() {
    let app = TestApp::new().await;
    let (platform, jane) = (&app.platform, app.platform.customer("jane").await);
    let staff = platform.staff(Role::Support).await;
    let shop = platform.shop(&jane, "bakery").await;
    let (control, cx) = (&platform.control, platform.now(&jane));
    let command = AddDomain { name: "bakery.example".into(), ..AddDomain::default() };
    control.domain_add(&cx, shop.site, command).await.unwrap();
    let mut program = app.browser();
    program.bearer = Some(token(platform, jane.actor).await);

    let mut expected = printed(&control.site_domains(&cx, shop.site).await.unwrap());
    expected.as_object_mut().unwrap().remove("may_change").expect("only --json says who may change it");
    for domain in expected["domains"].as_array_mut().unwrap() {
        let file = domain["file"].take();
        domain["file"] = json!({ "url": file[0], "content": file[1] });
    }
    let domains = program.get(&format!("/api/v1/sites/{}/domains", shop.site)).await.is(200).json();
    assert_eq!(domains, expected);

    program.bearer = Some(token(platform, staff.actor).await);
    let certificates = program.get("/api/v1/certificates").await.is(200).json();
    assert_eq!(certificates, printed(&control.certificates(&platform.now(&staff)).await.unwrap()));
}
