//! Domains and certificates, for owners, other users and API clients.

use axum::http::Method;
use stoa_core::RequestContext;
use stoa_domains::{command::AddDomain, view::DomainView};
use stoa_model::{account::Role, host::Hostname, id::SiteId};
use stoa_sites::view::Ordered;
use stoa_testkit::TestPlatform;

use crate::{
    browser::{Browser, TestApp},
    permissions::token,
};

pub const HERE: &str = "198.51.100.1";

/// A platform that knows its public address and serves HTTPS.
pub async fn secure() -> TestApp {
    let platform = TestPlatform::builder().settings(|s| {
        s.public_addresses = vec![HERE.parse().unwrap()];
        s.https_port = Some(443);
    });
    TestApp::over(platform.build().await)
}

pub fn host(text: &str) -> Hostname {
    Hostname::parse(text).unwrap()
}

/// A verified domain that points to the platform.
pub async fn proven(app: &TestApp, cx: &RequestContext, site: SiteId, name: &str) -> DomainView {
    let (platform, command) = (&app.platform, AddDomain { name: name.into(), ..AddDomain::default() });
    let claim = platform.control.domains.add_domain(&platform.now(cx), site, command).await.unwrap().remove(0);
    make_records(app, name, &claim.records[0].value);
    platform.control.domains.check_domain(&platform.now(cx), claim.id).await.unwrap()
}

/// Creates the records that the customer is asked for, in the public DNS.
fn make_records(app: &TestApp, name: &str, text: &str) {
    app.platform.world_dns.set_addresses(&host(name), &[HERE.parse().unwrap()]);
    app.platform.prove(&host(name), text);
}

/// A certificate for these names and its key, in PEM.
pub fn certificate(names: &[&str]) -> (String, String) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(2029, 1, 1);
    params.not_after = rcgen::date_time_ymd(2031, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

struct Shop {
    app: TestApp,
    jane: RequestContext,
    site: Ordered,
    path: String,
    browser: Browser,
}

async fn shop() -> Shop {
    let app = secure().await;
    let jane = app.platform.customer("jane").await;
    let site = app.platform.shop(&jane, "bakery").await;
    let browser = app.logged_in("jane@example.com").await;
    Shop { jane, path: format!("/sites/{}/domains", site.site), site, browser, app }
}

impl Shop {
    async fn add(&mut self, fields: &[(&str, &str)]) -> crate::browser::Answer {
        self.browser.submit(&self.path, &self.path, fields).await
    }
}

#[tokio::test]
async fn from_the_claim_to_the_main_address_and_back() {
    let mut shop = shop().await;
    let page = shop.browser.get(&shop.path).await;
    page.is(200)
        .says("No custom domains yet")
        .says("id=\"main\" name=\"main\" value=\"yes\" checked")
        .says("bakery.localhost");
    assert!(!page.text.contains("data-poll"), "nothing can change by itself");

    let answer = shop.add(&[("name", "Bakery.Example"), ("www", "yes"), ("main", "yes")]).await;
    let id = answer.is(303).location().rsplit('#').next().unwrap().to_owned();
    let page = shop.browser.get(&shop.path).await;
    page.is(200).says("Waiting for verification").says("_stoa.bakery.example").says("stoa-verification=").says(HERE);
    page.says("www.bakery.example").says("data-poll=\"5\"").says("Not checked yet").says("Verify by");
    page.says("will become the main address as soon as it works");

    // A check without the record says so; one with the record verifies the domain.
    shop.browser.press(&format!("/domains/{id}/check")).await.is(303);
    shop.browser.get(&shop.path).await.says("the TXT record was not found").says("Not found yet");
    let control = &shop.app.platform.control;
    let domains =
        control.domains.list_domains(&shop.app.platform.now(&shop.jane), shop.site.site).await.unwrap().domains;
    let claim = domains.iter().find(|domain| domain.name == "bakery.example").unwrap();
    make_records(&shop.app, "bakery.example", &claim.records[0].value);
    let answer = shop.browser.press(&format!("/domains/{id}/check")).await;
    assert_eq!(answer.is(303).location(), format!("{}#{id}", shop.path));
    shop.browser.get(&shop.path).await.says("Verified").says("Make main address");

    let address = format!("/sites/{}/address", shop.site.site);
    let answer = shop.browser.submit(&shop.path, &address, &[("name", "bakery.example")]).await;
    assert!(answer.is(303).location().starts_with("/jobs/job_"));
    shop.app.platform.run_until_idle().await;
    shop.browser.get(answer.location()).await.says("Change the site&#39;s address").says("Done.");
    let page = shop.browser.get(&shop.path).await;
    page.says("href=\"http://bakery.example:8080\"").says("Make main address<span class=\"sr\"> bakery.localhost");
}

#[tokio::test]
async fn removing_a_domain_needs_a_confirmation_and_spares_the_main_one() {
    let mut shop = shop().await;
    let domain = proven(&shop.app, &shop.jane, shop.site.site, "bakery.example").await;
    let remove = format!("/domains/{}/remove", domain.id);
    shop.browser.get(&shop.path).await.says(&remove);
    let question = shop.browser.get(&remove).await;
    question.is(200).says("Remove bakery.example?").says(">Cancel</a>");
    let answer = shop.browser.submit(&remove, &remove, &[]).await;
    assert_eq!(answer.is(303).location(), shop.path);
    shop.browser.get(&shop.path).await.says("No custom domains yet");
    shop.browser.get(&remove).await.is(404);

    let main = proven(&shop.app, &shop.jane, shop.site.site, "cakes.example").await;
    let cx = shop.app.platform.now(&shop.jane);
    shop.app.platform.control.sites.set_main_address(&cx, shop.site.site, "cakes.example").await.unwrap();
    shop.app.platform.run_until_idle().await;
    let remove = format!("/domains/{}/remove", main.id);
    let page = shop.browser.get(&remove).await;
    assert!(!page.is(200).says("Make another address the main one first").text.contains("action=\"/domains"));
    shop.browser.press(&remove).await.is(409).says("Make another address the main one first");
}

#[tokio::test]
async fn a_domain_that_points_elsewhere_says_so_and_cannot_become_the_main_address() {
    let mut shop = shop().await;
    let domain = proven(&shop.app, &shop.jane, shop.site.site, "bakery.example").await;
    shop.app.platform.world_dns.set_addresses(&host("bakery.example"), &["203.0.113.9".parse().unwrap()]);
    shop.browser.press(&format!("/domains/{}/check", domain.id)).await.is(303);
    let page = shop.browser.get(&shop.path).await;
    page.is(200).says("Needs a change").says("still points to 203.0.113.9").says("once it works");
    assert!(!page.text.contains("Make main address"), "visitors would be sent away");
}

#[tokio::test]
async fn hostile_names_are_rejected_and_escaped() {
    let mut shop = shop().await;
    let long = "x".repeat(300);
    let hostile = ["<script>alert(1)</script>", "a.com;\n}", long.as_str(), "", "..", "bakery.localhost", "1.2.3.4"];
    for name in hostile {
        let page = shop.add(&[("name", name), ("www", "yes")]).await;
        page.is(422).says("href=\"#name\"").says("aria-invalid=\"true\"");
        assert!(!page.text.contains("<script>") && page.text.len() < 40_000, "{}", page.text);
        // Checkboxes keep their state: www. was checked, the main address was not.
        page.says("name=\"www\" value=\"yes\" checked").says("name=\"main\" value=\"yes\" aria");
    }
    shop.browser.get(&shop.path).await.says("No custom domains yet");
    shop.add(&[("name", "bücher.example"), ("main", "yes")]).await.is(303);
    shop.browser.get(&shop.path).await.says("bücher.example").says("in DNS: xn--bcher-kva.example");
    shop.add(&[("name", "xn--bcher-kva.example")]).await.is(422).says("has this domain already");
}

#[tokio::test]
async fn a_name_of_another_site_is_rejected_on_the_page() {
    let mut shop = shop().await;
    let address = format!("/sites/{}/address", shop.site.site);
    for name in ["other.example", "<b>", ""] {
        let page = shop.browser.submit(&shop.path, &address, &[("name", name)]).await;
        page.is(409).says("Only a verified domain of this site").says("Add a domain");
    }
}

#[tokio::test]
async fn a_certificate_is_checked_used_and_withdrawn_and_its_key_is_never_shown() {
    let mut shop = shop().await;
    let action = format!("/sites/{}/certificate", shop.site.site);
    shop.browser.get(&shop.path).await.says("Verify a domain first");
    proven(&shop.app, &shop.jane, shop.site.site, "bakery.example").await;
    let (chain, key) = certificate(&["bakery.example"]);
    let (_, other) = certificate(&["bakery.example"]);
    let secret = other.lines().nth(1).unwrap();

    let page = shop.browser.submit(&shop.path, &action, &[("certificate", &chain), ("key", &other)]).await;
    page.is(422).says("The key is not the one of this certificate").says("<details open>");
    page.says(chain.lines().nth(1).unwrap());
    assert!(!page.text.contains(secret), "the key came back");
    let page = shop.browser.submit(&shop.path, &action, &[("certificate", &other), ("key", &key)]).await;
    assert!(!page.is(422).text.contains(secret), "the key came back from the wrong box");
    let page = shop.browser.submit(&shop.path, &action, &[("certificate", "junk"), ("key", "")]).await;
    page.is(422).says("href=\"#certificate\"").says("href=\"#key\"");
    shop.browser.get(&shop.path).await.says("this platform doesn&#39;t issue any").says("Upload a certificate");

    shop.browser.submit(&shop.path, &action, &[("certificate", &chain), ("key", &key)]).await.is(303);
    let page = shop.browser.get(&shop.path).await;
    page.is(200)
        .says("Valid until")
        .says("Upload another certificate")
        .says("HTTPS on")
        .says("Your own certificate, issued by");
    assert!(!page.text.contains(key.lines().nth(1).unwrap()));
    shop.browser.press(&format!("{action}/withdraw")).await.is(303);
    assert!(!shop.browser.get(&shop.path).await.text.contains("Stop using it"));
    shop.browser.press(&format!("{action}/withdraw")).await.is(409).says("No certificate of your own");
}

#[tokio::test]
async fn support_can_view_but_not_change() {
    let shop = shop().await;
    let domain = proven(&shop.app, &shop.jane, shop.site.site, "bakery.example").await;
    shop.app.platform.staff(Role::Support).await;
    let mut support = shop.app.logged_in("support-1@stoa.example").await;
    let page = support.get(&shop.path).await;
    page.is(200).says("bakery.example").says("Verified");
    for absent in
        ["Add a domain", "Check now", "Make it the main", "/remove", "Upload a certificate", "Save the limits"]
    {
        assert!(!page.text.contains(absent), "{absent}");
    }
    support.get(&format!("/domains/{}/remove", domain.id)).await.is(403);
    support.press(&format!("/domains/{}/check", domain.id)).await.is(403);
    support.submit("/api/docs", &shop.path, &[("name", "x.example")]).await.is(403);
}

#[tokio::test]
async fn a_form_without_the_token_changes_nothing() {
    let mut shop = shop().await;
    let domain = proven(&shop.app, &shop.jane, shop.site.site, "bakery.example").await;
    let site = format!("/sites/{}", shop.site.site);
    let actions =
        ["domains", "address", "certificate", "certificate/withdraw", "limits"].map(|a| format!("{site}/{a}"));
    for action in actions.iter().chain(&["check", "remove"].map(|a| format!("/domains/{}/{a}", domain.id))) {
        shop.browser.post(action, &[("name", "a.example")]).await.is(403).says("This form has expired");
    }
    let page = shop.browser.get(&shop.path).await;
    assert!(page.says("bakery.example").text.matches("<article").count() == 1);
}

#[tokio::test]
async fn domains_are_managed_by_the_api_too() {
    let shop = shop().await;
    let (mut program, mut other) = (shop.app.browser(), shop.app.browser());
    program.bearer = Some(token(&shop.app.platform, shop.jane.actor).await);
    other.bearer = Some(token(&shop.app.platform, shop.app.platform.customer("bob").await.actor).await);
    let site = format!("/api/v1/sites/{}", shop.site.site);
    let body = r#"{"name":"bücher.example","with_www":true}"#;
    let added = program.json(Method::POST, &format!("{site}/domains"), body).await.is(201).json();
    assert_eq!(added.as_array().unwrap().len(), 2);
    assert_eq!((&added[0]["name"], &added[0]["state"]), (&"xn--bcher-kva.example".into(), &"claimed".into()));
    assert_eq!(added[0]["records"][0]["kind"], "TXT");
    assert!(added[0]["file"]["url"].as_str().unwrap().starts_with("http://xn--bcher-kva.example/.well-known/"));
    let domain = format!("/api/v1/domains/{}", added[0]["id"].as_str().unwrap());

    let refused = program.json(Method::POST, &format!("{site}/domains"), r#"{"name":"<script>"}"#).await;
    assert_eq!(refused.is(422).json()["errors"][0]["field"], "name");
    for (method, path) in [(Method::POST, format!("{domain}/check")), (Method::DELETE, domain.clone())] {
        other.send(method, &path, None).await.is(404);
    }
    other.get(&format!("{site}/domains")).await.is(404);

    assert_eq!(program.send(Method::POST, &format!("{domain}/check"), None).await.is(200).json()["state"], "claimed");
    make_records(&shop.app, "xn--bcher-kva.example", added[0]["records"][0]["value"].as_str().unwrap());
    let seen = program.send(Method::POST, &format!("{domain}/check"), None).await.is(200).json();
    assert_eq!((&seen["state"], &seen["certificate"]["state"]), (&"verified".into(), &"waiting".into()));
    assert!(seen["certificate"].get("detail").is_none(), "the cause is for staff");
    let (chain, key) = certificate(&["xn--bcher-kva.example"]);
    let body = serde_json::json!({ "certificate": chain, "key": key }).to_string();
    let served = program.json(Method::PUT, &format!("{site}/certificate"), &body).await.is(200).json();
    assert_eq!((&served["source"], &served["names"][0]), (&"uploaded".into(), &"xn--bcher-kva.example".into()));
    let all = program.get(&format!("{site}/domains")).await;
    assert!(!all.is(200).text.contains("PRIVATE KEY"));
    assert_eq!(all.json()["uploaded"]["source"], "uploaded");
    program.send(Method::DELETE, &format!("{site}/certificate"), None).await.is(204);

    let moved = program.json(Method::POST, &format!("{site}/address"), r#"{"name":"xn--bcher-kva.example"}"#).await;
    assert!(moved.is(202).json()["job"].is_string());
    shop.app.platform.run_until_idle().await;
    program.send(Method::DELETE, &domain, None).await.is(409);
    program.send(Method::DELETE, &format!("/api/v1/domains/{}", added[1]["id"].as_str().unwrap()), None).await.is(204);
}
