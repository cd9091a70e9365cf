//! The portal over a platform with a fake engine, for looking at screens: `cargo run -p stoa-web --example portal`, then
//! http://localhost:7071/, or the port given as argument. With sites in several states; all data is deleted when it ends.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use stoa_billing::command::{MarkPaid, SavePlan};
use stoa_model::{account::Role, billing::plan::Feature, site::SuspensionReason};
use stoa_sites::command::{OrderSite, Suspend};
use stoa_testkit::{PASSWORD, TestPlatform, shop, shop_plan};
use stoa_web::ClientAddress;

#[tokio::main]
async fn main() {
    let platform = TestPlatform::new().await;
    let boss = platform.staff(Role::SuperAdmin).await;
    fill(&platform, &boss).await;
    let _workers = platform.run();
    let known =
        axum::middleware::map_request(async |ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request| {
            request.extensions_mut().insert(ClientAddress(peer.ip()));
            request
        });
    let router = stoa_web::router(platform.control.clone()).layer(known);
    let port: u16 = std::env::args().nth(1).map_or(7071, |port| port.parse().unwrap());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    println!("outbox: {}", platform.data_dir().join("outbox").display());
    println!("http://localhost:{port}/  jane@example.com or super-admin-1@stoa.example, {PASSWORD}");
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
}

/// Customers and sites.
async fn fill(platform: &TestPlatform, boss: &stoa_core::RequestContext) {
    let jane = platform.customer("jane").await;
    let titles = [
        ("harbour-street", "Harbour Street Roasters"),
        ("nordlicht", "Nordlicht"),
        ("sons", "<script>alert('x')</script> & Sons"),
        ("donau", "Donaudampfschifffahrtsgesellschaftskapitänsmützen"),
        ("winter-sale", "Winter Sale"),
        ("books", "Second-hand Books"),
        ("watches", "Cheap Watches"),
    ];
    let mut sites = Vec::new();
    for (name, title) in titles {
        let order = OrderSite { title: title.into(), ..shop(name) };
        sites.push(platform.control.sites.order(&platform.now(&jane), order, None).await.unwrap().site);
    }
    platform.run_until_idle().await;
    let (jane, boss) = (platform.now(&jane), platform.now(boss));
    let sites_of = &platform.control.sites;
    sites_of.stop(&jane, sites[3]).await.unwrap();
    sites_of.delete(&jane, sites[4]).await.unwrap();
    sites_of.suspend(&boss, sites[6], Suspend { reason: SuspensionReason::Abuse, note: "Spam.".into() }).await.unwrap();
    sell(platform, &boss).await;
    for n in 0..60 {
        let name = format!("customer-{n}");
        let customer = platform.customer(&name).await;
        platform.control.sites.order(&platform.now(&customer), shop(&format!("shop-{n}")), None).await.unwrap();
    }
    platform.run_until_idle().await;
}

/// Plans, a customer who has paid, owes, and waits.
async fn sell(platform: &TestPlatform, boss: &stoa_core::RequestContext) {
    let billing = &platform.control.billing;
    let plans = [
        ("basic", "Basic", "19", "190", "1", "25", "For a first shop.", vec![]),
        (
            "growth",
            "Growth",
            "49",
            "490",
            "2",
            "50",
            "For shops with a team.",
            vec![Feature::RedisCache, Feature::EmailSupport],
        ),
        (
            "scale",
            "Scale",
            "149",
            "",
            "8",
            "200",
            "For campaigns, and catalogs of thousands.",
            vec![Feature::RedisCache, Feature::DailyBackups, Feature::AllDaySupport, Feature::Sla],
        ),
    ];
    for (position, (slug, name, monthly, yearly, memory, disk, description, features)) in (0..).zip(plans) {
        let plan = SavePlan {
            name: name.into(),
            description: description.into(),
            yearly: yearly.into(),
            memory: memory.into(),
            cpu: memory.replace('8', "4"),
            disk: disk.into(),
            bandwidth: "500".into(),
            features: features.into_iter().collect(),
            position,
            ..shop_plan(slug, monthly)
        };
        billing.create_plan(boss, plan).await.unwrap();
    }
    let paula = platform.customer("paula").await;
    let order = async |name: &str| {
        let (plan, title) = ("growth:month".into(), format!("Paula's {name}"));
        let order = OrderSite { plan, title, ..shop(&format!("paula-{name}")) };
        billing.order(&platform.now(&paula), order, None).await.unwrap();
    };
    order("paid").await;
    order("owed").await;
    for checkout in billing.all_open_checkouts(boss).await.unwrap() {
        billing.mark_checkout_paid(boss, checkout.id, MarkPaid::default()).await.unwrap();
    }
    platform.run_until_idle().await;
    platform.clock.advance(jiff::SignedDuration::from_hours(32 * 24));
    billing.reconcile_subscriptions().await.unwrap();
    order("waiting").await;
    let paid = billing.own_subscriptions(&platform.now(&paula)).await.unwrap();
    let paid = paid.iter().find(|of| of.hostname.as_deref() == Some("paula-paid.localhost")).unwrap();
    let command = MarkPaid { reference: "Transfer of 1 December".into(), paid_until: None };
    billing.mark_paid(&platform.now(boss), paid.id, command).await.unwrap();
}
