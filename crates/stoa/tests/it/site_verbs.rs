//! The verbs that suspend sites and list outdated ones, without a server and without Docker.

use crate::{
    domain_verbs::{home, refused, said},
    verbs::Home,
};

#[test]
fn a_suspended_site_shows_since_when_and_why() {
    let home = home();
    let error = refused(&home, &["sites", "suspend", "bakery", "--reason", "boredom"]);
    assert!(error.contains("non_payment, abuse, quota, operator"), "{error}");
    let shown = said(&home, &["sites", "suspend", "bakery", "--reason", "abuse", "--note", "Phishing"]);
    assert!(shown.contains("suspended") && shown.contains("abuse, since ") && shown.contains("Phishing"), "{shown}");
    said(&home, &["sites", "suspend", "bakery", "--reason", "quota"]);
    let site: serde_json::Value = serde_json::from_str(&said(&home, &["--json", "sites", "show", "bakery"])).unwrap();
    let reasons: Vec<_> = site["suspensions"].as_array().unwrap().iter().map(|s| &s["reason"]).collect();
    assert_eq!(reasons, ["abuse", "quota"]);
    assert_eq!(site["suspensions"][0]["actor"], "system");
}

#[test]
fn without_sites_none_is_outdated() {
    let home = Home::new("");
    assert!(home.stoa(&["migrate"]).status.success());
    assert!(said(&home, &["blueprints", "outdated"]).contains("All sites are up to date."));
    assert_eq!(said(&home, &["--json", "blueprints", "outdated"]).trim(), "[]");
}
