//! The verbs of domains, certificates and limits, on a site that exists but is not served.

use std::fs;

use stoa_db::{Db, accounts, sites};
use stoa_model::{
    account::Customer,
    host::{Hostname, Subdomain},
    limits::{Bytes, Limits, MilliCpu},
    route::RouteLimits,
    site::{Health, Lifecycle, Power, Site},
    stack::ProjectName,
    text::{AdminUser, CompanyName, EmailAddress, SiteTitle},
};

use crate::verbs::{Home, text};

const SETTINGS: &str = "public_addresses = [\"198.51.100.1\", \"2001:db8::1\"]\nresolvers = [\"127.0.0.1:9\"]\n";

/// A home with the site `bakery`, written directly to its database.
pub fn home() -> Home {
    let home = Home::new(SETTINGS);
    assert!(home.stoa(&["migrate"]).status.success());
    let url = format!("sqlite://{}", home.0.path().join("data/stoa.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::connect(&url).await.unwrap();
        let (customer, site) = (&customer(), &site());
        db.write(|tx| {
            Box::pin(async move {
                accounts::customer_insert(&tx, customer, "x").await?;
                sites::site_insert(&tx, site).await
            })
        })
        .await
        .unwrap();
    });
    home
}

fn customer() -> Customer {
    Customer {
        id: "cus_01934fd27c0070008000000000000001".parse().unwrap(),
        email: EmailAddress::parse("jane@example.com").unwrap(),
        company: CompanyName::parse("Jane").unwrap(),
        created_at: jiff::Timestamp::now(),
    }
}

fn site() -> Site {
    Site {
        id: "site_01934fd27c0070008000000000000001".parse().unwrap(),
        customer: customer().id,
        blueprint: "woocommerce".into(),
        profiles: Vec::new(),
        title: SiteTitle::parse("Bakery").unwrap(),
        subdomain: Subdomain::parse("bakery").unwrap(),
        hostname: Hostname::parse("bakery.localhost").unwrap(),
        url: None,
        admin_user: AdminUser::parse("admin").unwrap(),
        admin_email: EmailAddress::parse("jane@example.com").unwrap(),
        project: ProjectName::from_stored("stoa-bakery-1".into()),
        lease: None,
        engine: "docker".into(),
        placement: None,
        revision: 0,
        blueprint_version: None,
        limits: Limits { memory: Bytes::mib(512), cpu: MilliCpu(1000), pids: 100 },
        edge: RouteLimits::body(100 << 20),
        lifecycle: Lifecycle::Active,
        power: Power::On,
        suspensions: Vec::new(),
        reason: None,
        upstream: None,
        health: Health::Unknown,
        health_at: None,
        created_at: jiff::Timestamp::now(),
        deleted_at: None,
        purge_at: None,
    }
}

#[track_caller]
pub fn said(home: &Home, args: &[&str]) -> String {
    let done = home.stoa(args);
    assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
    text(&done.stdout)
}

#[track_caller]
pub fn refused(home: &Home, args: &[&str]) -> String {
    let done = home.stoa(args);
    assert!(!done.status.success(), "{args:?}: {}", text(&done.stdout));
    text(&done.stderr)
}

#[test]
fn a_domain_is_added_checked_and_removed() {
    let home = home();
    assert!(said(&home, &["domains", "list"]).contains("No domains"));
    let added = said(&home, &["domains", "add", "bakery", "Bücher.example", "--www", "--main"]);
    for line in [
        "_stoa.xn--bcher-kva.example.  3600  IN  TXT  \"stoa-verification=",
        "xn--bcher-kva.example.  3600  IN  A  198.51.100.1",
        "xn--bcher-kva.example.  3600  IN  AAAA  2001:db8::1",
        "www.xn--bcher-kva.example.  3600  IN  A  198.51.100.1",
        "`stoa domains check xn--bcher-kva.example` checks now.",
    ] {
        assert!(added.contains(line), "{line}\n{added}");
    }
    // All of it can be pasted: it is records and comments only.
    let pasted = added.lines().filter(|l| l.contains("3600")).all(|l| l.split_whitespace().nth(2) == Some("IN"));
    assert!(pasted, "{added}");

    let checked = home.stoa(&["domains", "check", "bücher.example"]);
    assert_eq!(checked.status.code(), Some(1), "{}", text(&checked.stderr));
    let checked = text(&checked.stdout);
    assert!(checked.contains("We couldn't verify this domain yet: "), "{checked}");
    let listed = said(&home, &["domains", "list", "bakery"]);
    assert!(listed.contains("bücher.example") && listed.contains("claimed") && listed.contains("wanted"), "{listed}");
    let json: serde_json::Value = serde_json::from_str(&said(&home, &["--json", "domains", "list"])).unwrap();
    assert_eq!((json.as_array().unwrap().len(), &json[0]["state"]), (2, &"claimed".into()));

    let id = json[0]["id"].as_str().unwrap();
    said(&home, &["domains", "remove", "--yes", id]);
    said(&home, &["domains", "rm", "-y", "bücher.example"]);
    assert!(refused(&home, &["domains", "check", "bücher.example"]).contains("no site has the domain"));
    assert!(refused(&home, &["domains", "add", "bakery", "a.com;\n}"]).contains("name: Enter one domain at a time"));
    assert_eq!(
        said(&home, &["--json", "sites", "show", "bakery"]),
        said(&home, &["--json", "sites", "show", "HTTP://Bakery.localhost./"])
    );
    assert!(refused(&home, &["domains", "main", "bakery", "other.example"]).contains("Only a verified domain"));
}

#[test]
fn certificates_and_limits() {
    let home = home();
    said(&home, &["certificates", "list"]);
    let junk = home.0.path().join("junk.pem");
    fs::write(&junk, "junk").unwrap();
    let junk = junk.to_str().unwrap();
    let error = refused(&home, &["certificates", "upload", "bakery", "--chain", junk, "--key", junk]);
    assert!(error.contains("certificate: ") && error.contains("key: "), "{error}");
    let error = refused(&home, &["certificates", "upload", "bakery", "--chain", "/nowhere", "--key", junk]);
    assert!(error.contains("reading /nowhere"), "{error}");
    assert!(refused(&home, &["certificates", "withdraw", "--yes", "bakery"]).contains("No certificate of your own"));

    let shown = said(&home, &["sites", "limits", "bakery"]);
    assert!(shown.contains("100m") && shown.contains("no limit"), "{shown}");
    let changed = said(&home, &["sites", "limits", "bakery", "--rate", "20", "--burst", "40", "--max-body", "1g"]);
    assert!(changed.contains("20") && changed.contains("40") && changed.contains("1g"), "{changed}");
    let json: serde_json::Value = serde_json::from_str(&said(&home, &["--json", "sites", "limits", "bakery"])).unwrap();
    assert_eq!((&json["rate"], &json["max_body"]), (&20.into(), &(1u64 << 30).into()));
    let error = refused(&home, &["sites", "limits", "bakery", "--max-body", "20g"]);
    assert!(error.contains("10 GiB"), "{error}");
}
