//! How orders of certificates share the authority, and who may hurry them.

use std::time::Duration;

use jiff::SignedDuration;
use stoa_control::settings::{AcmeSettings, Allowance};
use stoa_db::orders::CertOrder;
use stoa_model::certificate::CertName;
use stoa_testkit::TestPlatform;
use stoa_vendors::acme::AcmeConfig;
use tokio::net::TcpListener;

use crate::{
    certificate_trouble::{brought, order_of, put},
    domains::host,
};

/// How the order for bakery.example stands, last looked at an hour ago.
fn paused(platform: &TestPlatform) -> CertOrder {
    let subject = CertName::host(host("bakery.example"));
    let before = platform.clock.now() - SignedDuration::from_hours(1);
    CertOrder {
        subject: subject.clone(),
        names: vec![subject],
        failures: 0,
        next_at: before,
        problem: None,
        detail: None,
        order_url: None,
        key: None,
        updated_at: before,
    }
}

/// A platform with this authority, which is none.
async fn with_authority(directory: String) -> TestPlatform {
    let wait = Duration::from_secs(60);
    let ca = AcmeConfig { directory, contact: None, external_account: None, roots: None, patience: wait };
    let acme = AcmeSettings { ca, allowance: Allowance::default(), first_wait: wait, dns_wait: wait };
    let build = TestPlatform::builder().settings(|settings| {
        settings.https_port = Some(443);
        settings.acme = Some(acme);
    });
    build.build().await
}

/// The customer has mended all while the authority still thought about the try before.
#[tokio::test]
async fn another_try_that_is_asked_for_during_one_is_made() {
    let authority = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let platform = with_authority(format!("https://{}", authority.local_addr().expect("its address"))).await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let domain = brought(&platform, &jane, site).await;
    put(&platform, &paused(&platform)).await;
    let workers = platform.run();
    let call = authority.accept().await.expect("a call");
    platform.control.domain_check(&platform.now(&jane), domain).await.expect("looked at");
    drop((call, authority));
    let tries = async || order_of(&platform, "bakery.example").await.map_or(0, |order| order.failures);
    platform.until("both failures", async || tries().await == 2).await;
    workers.stop().await;
}
