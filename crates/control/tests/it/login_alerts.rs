//! The e-mail about a login from a browser and a network that an account has not used lately.

use jiff::SignedDuration;
use stoa_accounts::command::Register;
use stoa_core::{RequestContext, mail_log::MailFilter, view::PageNumber};
use stoa_db::meta::meta_get;
use stoa_model::{
    account::{Actor, Role},
    mail::MailKind,
};
use stoa_testkit::{PASSWORD, TestPlatform};

use crate::people::{mailed_secret, with};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1";

fn visitor(platform: &TestPlatform, (agent, address): (&str, &str)) -> RequestContext {
    let nobody = platform.request_context(Actor::Nobody);
    RequestContext { agent: Some(agent.into()), address: Some(address.parse().expect("an address")), ..nobody }
}

/// Logs in, and returns the e-mails about logins that there are then.
async fn log_in(platform: &TestPlatform, email: &str, from: (&str, &str)) -> Vec<String> {
    let session = platform.control.accounts.log_in(&visitor(platform, from), with(email, PASSWORD)).await;
    session.expect("logged in").session().expect("no second step");
    letters(platform).await
}

async fn letters(platform: &TestPlatform) -> Vec<String> {
    platform.run_until_idle().await;
    platform.clock.advance(SignedDuration::from_secs(1));
    let unfolded = platform.outbox().into_iter().map(|mail| mail.replace("=\r\n", "").replace("=\n", ""));
    unfolded.filter(|mail| mail.contains("Subject: New login")).collect()
}

#[tokio::test]
async fn a_new_browser_in_a_new_network_is_reported_once() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    for (from, reported) in [
        ((FIREFOX, "192.0.2.7"), 0),
        ((CHROME, "192.0.2.99"), 0),
        ((FIREFOX, "203.0.113.9"), 0),
        ((SAFARI, "2001:db8:5:6::7"), 1),
        ((SAFARI, "198.51.100.4"), 1),
        (("curl/8.9", "2001:db8:5:9::1"), 1),
        (("Mozilla/5.0", "100.64.3.4"), 2),
        (("another", "100.65.3.4"), 2),
    ] {
        assert_eq!(log_in(&platform, "jane@example.com", from).await.len(), reported, "{from:?}");
    }
    let all = letters(&platform).await;
    let first = all.iter().find(|mail| mail.contains("Browser: Safari on iPhone")).expect("the first");
    for text in ["To: jane@example.com", "Address: 2001:db8:5:6::7", "When: ", "UTC", "/account/security"] {
        assert!(first.contains(text), "{text} in {first}");
    }
    let staff = platform.staff(Role::Support).await;
    let filter = MailFilter { text: Some("New login".into()), ..MailFilter::default() };
    let log = platform.control.mail_log.search(&staff, filter, PageNumber::default()).await.expect("the log").0;
    assert_eq!(log.items.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [MailKind::Security; 2]);

    // What was used three months ago is new again, and the account is not.
    platform.clock.advance(SignedDuration::from_hours(91 * 24));
    assert_eq!(log_in(&platform, "jane@example.com", (FIREFOX, "192.0.2.7")).await.len(), 3);
}

#[tokio::test]
async fn a_wrong_password_is_no_login() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    log_in(&platform, "jane@example.com", (FIREFOX, "192.0.2.7")).await;
    let stranger = visitor(&platform, (SAFARI, "198.51.100.4"));
    let refused = platform.control.accounts.log_in(&stranger, with("jane@example.com", "wrong password")).await;
    assert!(refused.is_err());
    assert!(letters(&platform).await.is_empty());
    // And it has made nothing known.
    assert_eq!(log_in(&platform, "jane@example.com", (SAFARI, "198.51.100.4")).await.len(), 1);
}

#[tokio::test]
async fn neither_registration_nor_an_address_that_nobody_has_verified_gets_one() {
    let platform = TestPlatform::new().await;
    let (accounts, home) = (&platform.control.accounts, visitor(&platform, (FIREFOX, "192.0.2.7")));
    let command = Register { email: "amy@example.com".into(), password: PASSWORD.into(), company: "A firm".into() };
    accounts.register(&home, command).await.expect("registered");
    assert!(letters(&platform).await.is_empty());
    assert!(log_in(&platform, "amy@example.com", (SAFARI, "198.51.100.4")).await.is_empty(), "not verified");
    let secret = mailed_secret(&platform, "verify").await.expect("a link");
    accounts.verify_email(&platform.request_context(Actor::Nobody), &secret).await.expect("verified");
    assert_eq!(log_in(&platform, "amy@example.com", (CHROME, "203.0.113.9")).await.len(), 1);
}

#[tokio::test]
async fn staff_get_one_too_and_nothing_is_kept_of_a_deleted_account() {
    let platform = TestPlatform::new().await;
    let boss = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let Actor::Staff(id, _) = platform.staff(Role::Support).await.actor else { panic!("staff") };
    let email = platform.control.accounts.get_staff(&boss, id).await.expect("an account").email;
    log_in(&platform, &email, (FIREFOX, "192.0.2.7")).await;
    let all = log_in(&platform, &email, (CHROME, "203.0.113.9")).await;
    assert!(all.len() == 1 && all[0].contains(&format!("To: {email}")), "{all:?}");
    let kept = async || meta_get(&platform.db, &format!("logins.{id}")).await.expect("an answer");
    assert!(kept().await.is_some_and(|text| text.contains("203.0.113.0/24")));
    platform.control.accounts.delete_staff(&platform.recent(&boss), id).await.expect("deleted");
    assert_eq!(kept().await, None);
}
