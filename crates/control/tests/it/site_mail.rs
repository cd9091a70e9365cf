//! Mail that sites send, from a real client in a site's network to the operator's mail server.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    process::Output,
    time::Duration,
};

use jiff::SignedDuration;
use stoa_core::{
    RequestContext, Wakeup,
    view::{Listing, PageNumber},
};
use stoa_integrations::mail_relay::RelayError;
use stoa_model::{
    account::Role,
    id::SiteId,
    limits::Bytes,
    placement::LeasePool,
    site::SuspensionReason,
    site_mail::DeliveryState::{self, Deferred, Failed, Held, Sent},
    text::EmailAddress,
};
use stoa_sites::{
    command::Suspend,
    site_mail::{MailLogView, SubmissionBackend},
};
use stoa_submission::{Backend, Limits, Login, Server, Submission};
use stoa_testkit::TestPlatform;
use tokio::{net::TcpListener, process::Command, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support;

/// Sends one message as WordPress does, and prints how it went: host, port, address of the client, user, password, sender.
const CLIENT: &str = r#"
import smtplib, sys
from email.message import EmailMessage
host, port, source, user, password, sender = sys.argv[1:]
message = EmailMessage()
message["From"], message["To"], message["Subject"] = sender, "kim@customer.example", "Ihre Bestellung – 42"
message["Bcc"] = "office@shop.example"
message.set_content("Grüße\n.\nfrom the shop\n")
try:
    with smtplib.SMTP(host, int(port), source_address=(source, 0), timeout=20) as smtp:
        if user: smtp.login(user, password)
        smtp.send_message(message)
        print("sent")
except smtplib.SMTPException as error:
    print(error)
"#;

/// Sites have their networks on loopback, so that a client on this machine can be in one.
fn pool() -> LeasePool {
    LeasePool { name: "loopback".into(), first: 0x7f4d_0000, step: 16, count: 4096, taken: Vec::new() }
}

fn backend(platform: &TestPlatform) -> SubmissionBackend {
    let network_of = |source: IpAddr| match source {
        IpAddr::V4(address) if address.octets()[1] == 77 => Some(i64::from(u32::from(address) & !15)),
        _ => None,
    };
    SubmissionBackend::new(platform.control.sites.clone(), Box::new(network_of))
}

/// Delivers in the background until it is dropped.
fn deliver(platform: &TestPlatform) -> DropGuard {
    let (sites, stop) = (platform.control.sites.clone(), CancellationToken::new());
    let stopped = stop.clone();
    tokio::spawn(async move { sites.deliver_mail(&stopped).await });
    stop.drop_guard()
}

async fn log(platform: &TestPlatform, cx: &RequestContext, site: SiteId) -> Listing<MailLogView> {
    platform.control.sites.mail_log(cx, site, None, PageNumber::default()).await.expect("a log")
}

/// Waits until the site's messages are in these states, oldest first.
async fn wait_for(platform: &TestPlatform, cx: &RequestContext, site: SiteId, states: &[DeliveryState]) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        platform.control.core.bus.wake(Wakeup::SiteMail);
        let found: Vec<_> = log(platform, cx, site).await.items.iter().rev().map(|line| line.state).collect();
        if found == states {
            return;
        }
        assert!(Instant::now() < until, "{found:?} instead of {states:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn message(number: u32) -> Submission {
    Submission {
        client_name: "web".into(),
        sender: EmailAddress::parse("a@b.example").ok(),
        recipients: vec![EmailAddress::parse(&format!("kim{number}@customer.example")).expect("an address")],
        data: format!("From: ceo@bank.example\r\nSubject: {number}\r\n\r\n{}", "x".repeat(1000)).into_bytes(),
    }
}

#[tokio::test]
async fn a_message_of_a_site_reaches_the_mail_server_with_a_sender_of_the_site() {
    let platform = TestPlatform::new().await;
    platform.engine.set_lease_pool(pool());
    platform.relay.configure();
    let jane = platform.customer("jane").await;
    let (bakery, other) = (platform.shop(&jane, "bakery").await, platform.shop(&jane, "spare").await);
    let key = support::key(&platform);
    let variables =
        async |job| -> BTreeMap<String, String> { support::plan(&platform, job).await.values(&key).expect("values") };
    let (own, others) = (variables(bakery.job).await, variables(other.job).await);
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port().to_string();
    let server = Server::new(
        backend(&platform),
        "stoa.test",
        Limits { failed_login_delay: Duration::ZERO, ..Limits::default() },
    );
    let stop = CancellationToken::new();
    let (_delivery, _server) = (deliver(&platform), stop.clone().drop_guard());
    tokio::spawn(async move { server.serve(listener, &stop).await });

    // What the containers of the site know.
    assert_eq!(own["STOA_SMTP_FROM"], "site-bakery@example.com");
    assert_eq!((own["STOA_SMTP_PORT"].as_str(), own["STOA_SMTP_USER"].clone()), ("5587", bakery.site.to_string()));
    let gateway: Ipv4Addr = own["STOA_SMTP_HOST"].parse().expect("an address");
    let container = Ipv4Addr::from(u32::from(gateway) + 1).to_string();
    let client = async |user: &str, password: &str, sender: &str| {
        let arguments = [&own["STOA_SMTP_HOST"], &port, &container, user, password, sender];
        let run = Command::new("python3").args(["-c", CLIENT]).args(arguments).output();
        let Output { stdout, stderr, .. } = run.await.expect("python3 runs");
        format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
    };
    let (user, password) = (&own["STOA_SMTP_USER"], &own["STOA_SMTP_PASSWORD"]);
    assert_eq!(client(user, password, "Bakery <wordpress@bakery.localhost>").await, "sent\n");
    assert_eq!(client(user, password, "Bakery <ceo@bank.example>").await, "sent\n");
    for (user, password, reply) in [
        ("", "", "530"),
        (user, &"x".repeat(32), "535"),
        (&others["STOA_SMTP_USER"], &others["STOA_SMTP_PASSWORD"], "535"),
        ("site_1", password, "535"),
    ] {
        let answer = client(user, password, "wordpress@bakery.localhost").await;
        assert!(answer.contains(reply), "{user}: {answer}");
    }

    // Bcc makes two recipients of each.
    wait_for(&platform, &jane, bakery.site, &[Sent; 4]).await;
    let sent = platform.relay.sent();
    let recipients: Vec<_> = sent.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!(recipients, ["kim@customer.example", "office@shop.example"].repeat(2));
    assert!(sent[0].content.contains("\r\nFrom: Bakery\r\n <wordpress@bakery.localhost>\r\n"), "{}", sent[0].content);
    assert!(sent[2].content.contains("\r\nFrom: Bakery\r\n <site-bakery@example.com>\r\n"), "{}", sent[2].content);
    assert!(sent[2].content.contains("\r\nReply-To: <ceo@bank.example>\r\n"), "{}", sent[2].content);
    for mail in &sent {
        assert_eq!(mail.sender, "site-bakery@example.com");
        assert!(mail.content.starts_with("Received: from "), "{}", mail.content);
        assert!(mail.content.contains(&bakery.site.to_string()) && !mail.content.contains("Bcc"), "{}", mail.content);
        assert!(!mail.content.contains(&container) || mail.content.contains("Message-ID"), "{}", mail.content);
    }
    let lines = log(&platform, &jane, bakery.site).await;
    assert_eq!((lines.total, lines.items[0].subject.as_str()), (4, "Ihre Bestellung – 42"));
    assert_eq!(lines.items[0].replaced_from.as_deref(), Some("ceo@bank.example"));
    assert_eq!(lines.items[0].answer.as_deref(), Some("250 2.0.0 queued"));
    assert_eq!(log(&platform, &jane, other.site).await.total, 0);
    let stranger = platform.customer("joe").await;
    assert!(platform.control.sites.mail_log(&stranger, bakery.site, None, PageNumber::default()).await.is_err());
    assert!(platform.control.sites.mail(&stranger, bakery.site).await.is_err());
}

#[tokio::test]
async fn a_store_over_its_limit_waits_and_others_do_not() {
    let platform = TestPlatform::builder()
        .settings(|settings| {
            settings.site_mail.hourly_messages = 2;
            settings.site_mail.daily_bytes = Bytes(10_000);
        })
        .build()
        .await;
    platform.relay.configure();
    let jane = platform.customer("jane").await;
    let (flood, other) = (platform.shop(&jane, "flood").await.site, platform.shop(&jane, "spare").await.site);
    let backend = backend(&platform);
    for number in 0..5 {
        backend.accept(flood, message(number)).await.expect("accepted");
    }
    let _delivery = deliver(&platform);
    wait_for(&platform, &jane, flood, &[Sent, Sent, Held, Held, Held]).await;
    let held = log(&platform, &jane, flood).await.items[0].answer.clone();
    assert_eq!(held.as_deref(), Some("The limit of 2 messages per hour is reached"));
    backend.accept(other, message(9)).await.expect("accepted");
    wait_for(&platform, &jane, other, &[Sent]).await;

    platform.clock.advance(SignedDuration::from_mins(61));
    wait_for(&platform, &jane, flood, &[Sent, Sent, Sent, Sent, Held]).await;
    let view = platform.control.sites.mail(&platform.now(&jane), flood).await.expect("a view");
    assert_eq!((view.messages_of_hour, view.hourly_messages, view.uses_relay), (2, 2, true));
    platform.clock.advance(SignedDuration::from_mins(61));
    wait_for(&platform, &jane, flood, &[Sent; 5]).await;
    let sent: Vec<_> = platform.relay.sent().into_iter().map(|mail| mail.recipient).collect();
    assert_eq!(sent.iter().filter(|to| *to != "kim9@customer.example").count(), 5);
    let in_order: Vec<_> = (0..5).map(|number| format!("kim{number}@customer.example")).collect();
    assert_eq!(sent.into_iter().filter(|to| to != "kim9@customer.example").collect::<Vec<_>>(), in_order);

    // What waits has a limit too: a day's messages, or two days' bytes.
    let mut accepted = 0;
    let refused = loop {
        match backend.accept(flood, message(100 + accepted)).await {
            Ok(_) => accepted += 1,
            Err(reply) => break reply,
        }
    };
    assert_eq!(refused.code, 452);
    assert!((10..48).contains(&accepted), "{accepted} were accepted");
}

#[tokio::test]
async fn what_the_mail_server_says_decides_and_without_one_mail_waits() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "bakery").await.site;
    let backend = backend(&platform);
    for number in 0..3 {
        backend.accept(site, message(number)).await.expect("accepted");
    }
    let _delivery = deliver(&platform);
    wait_for(&platform, &jane, site, &[Held; 3]).await;
    assert!(!platform.control.sites.mail(&jane, site).await.expect("a view").delivers);
    platform.relay.fail([
        RelayError::Deferred("451 4.7.1 Greylisted".into()),
        RelayError::Refused("550 5.1.1 No such user".into()),
    ]);
    platform.relay.configure();
    platform.clock.advance(SignedDuration::from_mins(11));
    wait_for(&platform, &jane, site, &[Deferred, Failed, Sent]).await;
    let lines = log(&platform, &jane, site).await.items;
    assert_eq!(lines[2].answer.as_deref(), Some("451 4.7.1 Greylisted"));
    assert!(lines[2].due_at > Some(platform.clock.now()) && lines[1].due_at.is_none());
    platform.clock.advance(SignedDuration::from_mins(5));
    wait_for(&platform, &jane, site, &[Sent, Failed, Sent]).await;

    // Five days of trouble.
    platform.relay.fail(vec![RelayError::Deferred("421 4.3.2 Down".into()); 100]);
    backend.accept(site, message(3)).await.expect("accepted");
    wait_for(&platform, &jane, site, &[Sent, Failed, Sent, Deferred]).await;
    platform.clock.advance(SignedDuration::from_hours(6 * 24));
    wait_for(&platform, &jane, site, &[Sent, Failed, Sent, Failed]).await;
    let answer = log(&platform, &jane, site).await.items[0].answer.clone().unwrap_or_default();
    assert_eq!(answer, "Given up after five days: 421 4.3.2 Down");
}

#[tokio::test]
async fn a_suspended_site_sends_nothing() {
    let platform = TestPlatform::new().await;
    platform.engine.set_lease_pool(pool());
    platform.relay.configure();
    let (jane, admin) = (platform.customer("jane").await, platform.staff(Role::Admin).await);
    let ordered = platform.shop(&jane, "bakery").await;
    let backend = backend(&platform);
    backend.accept(ordered.site, message(0)).await.expect("accepted");
    let suspend = Suspend { reason: SuspensionReason::Abuse, note: String::new() };
    platform.control.sites.suspend(&platform.now(&admin), ordered.site, suspend).await.expect("suspended");
    let _delivery = deliver(&platform);
    wait_for(&platform, &jane, ordered.site, &[Held]).await;
    assert_eq!(backend.accept(ordered.site, message(1)).await.expect_err("refused").code, 550);
    let values = support::plan(&platform, ordered.job).await.values(&support::key(&platform)).expect("values");
    let login = Login { user: ordered.site.to_string(), password: values["STOA_SMTP_PASSWORD"].clone().into() };
    let lease = support::site(&platform, ordered.site).await.lease.expect("a lease");
    assert_eq!(backend.authenticate(lease, &login).await.expect("an answer"), None);
    assert!(platform.relay.sent().is_empty());
}
