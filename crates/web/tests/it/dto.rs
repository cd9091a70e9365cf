//! The API returns what `stoa --json` prints: both describe the same views. The two differences that are left
//! are listed here, and traffic, which `--json` groups differently.

use serde::Serialize;
use serde_json::{Value, json};
use stoa_domains::command::AddDomain;
use stoa_model::account::Role;

use crate::{browser::TestApp, permissions::token};

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

    assert_eq!(api(&site).await, printed(&control.sites.get(&cx, shop.site).await.unwrap()));
    assert_eq!(api("/api/v1/sites").await, printed(&control.sites.list(&cx, None, 50).await.unwrap()));
    let job = format!("/api/v1/jobs/{}", shop.job);
    assert_eq!(api(&job).await, printed(&control.jobs.get(&cx, shop.job).await.unwrap()));
    let jobs = api(&format!("{site}/jobs")).await;
    assert_eq!(jobs, printed(&control.jobs.list_of_site(&cx, shop.site, 20).await.unwrap()));
    let credentials = api(&format!("{site}/credentials")).await;
    assert_eq!(credentials, printed(&control.sites.list_credentials(&cx, shop.site).await.unwrap()));
    assert_eq!(
        api(&format!("{site}/logs")).await,
        printed(&control.sites.logs(&cx, shop.site, 100).await.unwrap().lines)
    );
    assert_eq!(api(&format!("{site}/stats")).await, printed(&control.sites.stats(&cx, shop.site).await.unwrap()));
    assert_eq!(api("/api/v1/blueprints").await, printed(&control.sites.list_blueprints(&cx).await.unwrap()));
    let address = api("/api/v1/addresses/bakery").await;
    assert_eq!(address, printed(&control.sites.check_address(&cx, "bakery").await.unwrap()));
}

#[tokio::test]
async fn domains_and_certificates_are_the_same_but_for_two_members() {
    let app = TestApp::new().await;
    let (platform, jane) = (&app.platform, app.platform.customer("jane").await);
    let staff = platform.staff(Role::Support).await;
    let shop = platform.shop(&jane, "bakery").await;
    let (control, cx) = (&platform.control, platform.now(&jane));
    let command = AddDomain { name: "bakery.example".into(), ..AddDomain::default() };
    control.domains.add_domain(&cx, shop.site, command).await.unwrap();
    let mut program = app.browser();
    program.bearer = Some(token(platform, jane.actor).await);

    let mut expected = printed(&control.domains.list_domains(&cx, shop.site).await.unwrap());
    expected.as_object_mut().unwrap().remove("may_change").expect("only --json says who may change it");
    for domain in expected["domains"].as_array_mut().unwrap() {
        let file = domain["file"].take();
        domain["file"] = json!({ "url": file[0], "content": file[1] });
    }
    let domains = program.get(&format!("/api/v1/sites/{}/domains", shop.site)).await.is(200).json();
    assert_eq!(domains, expected);

    program.bearer = Some(token(platform, staff.actor).await);
    let certificates = program.get("/api/v1/certificates").await.is(200).json();
    assert_eq!(certificates, printed(&control.domains.list_certificates(&platform.now(&staff)).await.unwrap()));
}
