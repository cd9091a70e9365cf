//! People, their organizations and sessions; forgotten passwords; verified addresses.

use jiff::SignedDuration;
use stoa_accounts::command::{CreateToken, LogIn, Register};
use stoa_core::{Credential, Error, RequestContext};
use stoa_db::{accounts, users};
use stoa_domains::command::AddDomain;
use stoa_model::{
    ability::Ability,
    account::{Actor, Role},
    member::{Member, MemberRole},
    secret::ExposeSecret,
    text::EmailAddress,
};
use stoa_testkit::{PASSWORD, TestPlatform, shop};

use crate::support::fields;

pub fn with(email: &str, password: &str) -> LogIn {
    LogIn { email: email.into(), password: password.into(), browser: None }
}

/// Logs in, and returns the session's token with the context of a request that comes with it.
pub async fn log_in(platform: &TestPlatform, email: &str, password: &str) -> (String, RequestContext) {
    let nobody = platform.request_context(Actor::Nobody);
    let session = platform.control.accounts.log_in(&nobody, with(email, password)).await.expect("logged in");
    let session = session.session().expect("no second step");
    let token = session.token.expose_secret().to_owned();
    let cx = context(platform, &token).await.expect("a session");
    (token, cx)
}

/// The context of a request with this token, if its session is active.
pub async fn context(platform: &TestPlatform, token: &str) -> Option<RequestContext> {
    let session = platform.control.accounts.watch_session(token).await.expect("an answer")?;
    assert!(session.credential.id.is_some(), "a session of this release");
    let cx = platform.request_context(session.actor);
    Some(RequestContext { member: session.member, credential: Credential::Session(session.credential), ..cx })
}

/// The secret of the last link in the outbox whose page is this.
pub async fn mailed_secret(platform: &TestPlatform, page: &str) -> Option<String> {
    platform.run_until_idle().await;
    let needle = format!("/{page}/");
    // Quoted-printable breaks long lines with "=".
    let all = platform.outbox().concat().replace("=\r\n", "").replace("=\n", "");
    let found: Vec<&str> = all.split(&needle).skip(1).collect();
    let secret = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    // Files of the outbox are named by the time: the next e-mail is a later one.
    platform.clock.advance(SignedDuration::from_secs(1));
    found.last().map(|rest| secret(rest))
}

async fn register(platform: &TestPlatform, email: &str) -> RequestContext {
    let command = Register { email: email.into(), password: PASSWORD.into(), company: "A firm".into() };
    let nobody = platform.request_context(Actor::Nobody);
    let session = platform.control.accounts.register(&nobody, command).await.expect("registered");
    context(platform, session.token.expose_secret()).await.expect("a session")
}

#[tokio::test]
async fn a_customer_of_the_previous_release_becomes_a_person_at_log_in() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let id = jane.actor.customer().expect("a customer");
    assert!(users::user_get(&platform.db, id.founder()).await.expect("an answer").is_none());
    let (token, cx) = log_in(&platform, "jane@example.com", PASSWORD).await;
    assert_eq!(cx.member, Some(Member { user: id.founder(), role: MemberRole::Owner }));
    let view = platform.control.accounts.session(&token).await.expect("an answer").expect("a session");
    assert!(!view.email_unverified, "an existing account counts as verified");

    // That release changes a password: only customers.password_hash.
    let hash = stoa_accounts::password::Hasher::default()
        .hash("another password".into(), stoa_accounts::password::Priority::Known)
        .await
        .expect("a hash");
    platform.previous_release_sets_password("jane@example.com", &hash).await;
    let (_, after) = log_in(&platform, "jane@example.com", "another password").await;
    assert_eq!(after.member, cx.member);
    assert!(context(&platform, &token).await.is_none(), "the sessions of the former password have ended");
}

#[tokio::test]
async fn a_session_ends_after_days_however_much_it_is_used_and_with_the_next_log_in() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    platform.staff(Role::Admin).await;
    for (email, hours) in [("jane@example.com", 7 * 24), ("admin-1@stoa.example", 12)] {
        let (token, _) = log_in(&platform, email, PASSWORD).await;
        let accounts = &platform.control.accounts;
        for _ in 0..hours * 4 - 1 {
            platform.clock.advance(SignedDuration::from_mins(15));
            assert!(accounts.session(&token).await.expect("an answer").is_some(), "{email}");
        }
        platform.clock.advance(SignedDuration::from_mins(15));
        assert!(accounts.session(&token).await.expect("an answer").is_none(), "{email} after {hours} hours");
    }
    let (first, cx) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let again = platform.control.accounts.log_in(&cx, with("jane@example.com", PASSWORD)).await.expect("logged in");
    let again = again.session().expect("no second step");
    assert_ne!(again.token.expose_secret(), first, "a new secret");
    assert!(context(&platform, &first).await.is_none(), "the same browser's former session");
}

#[tokio::test]
async fn a_person_sees_their_sessions_and_ends_them() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    platform.customer("bob").await;
    let (_, bob) = log_in(&platform, "bob@example.com", PASSWORD).await;
    let phone = RequestContext {
        agent: Some("Mozilla/5.0 (iPhone) Version/19.0 Safari/604.1".into()),
        address: Some("192.0.2.7".parse().expect("an address")),
        ..platform.request_context(Actor::Nobody)
    };
    let accounts = &platform.control.accounts;
    let phone = accounts.log_in(&phone, with("jane@example.com", PASSWORD)).await.expect("logged in");
    let phone = phone.session().expect("no second step");
    let phone = phone.token.expose_secret().to_owned();
    let (here, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let list = accounts.list_sessions(&jane).await.expect("the sessions");
    assert_eq!(list.len(), 2);
    let other = list.iter().find(|line| !line.is_current).expect("the phone's");
    assert_eq!((other.device.as_str(), other.address.as_deref()), ("Safari on iPhone", Some("192.0.2.7")));
    let id = other.id.expect("an id");
    assert!(matches!(accounts.end_session(&bob, id).await, Err(Error::NotFound("session"))), "another person's");
    assert!(context(&platform, &phone).await.is_some());
    accounts.end_session(&jane, id).await.expect("ended");
    assert!(context(&platform, &phone).await.is_none());
    let (third, _) = log_in(&platform, "jane@example.com", PASSWORD).await;
    assert_eq!(accounts.end_other_sessions(&jane).await.expect("ended"), 1);
    assert!(context(&platform, &third).await.is_none() && context(&platform, &here).await.is_some());
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_needs_the_present_one() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let (other, _) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let (here, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let accounts = &platform.control.accounts;
    let wrong = accounts.change_password(&jane, "not the password".into(), "a better password".into()).await;
    assert_eq!(fields(&wrong.expect_err("refused")), ["present_password"]);
    assert!(context(&platform, &other).await.is_some());
    accounts.change_password(&jane, PASSWORD.into(), "a better password".into()).await.expect("changed");
    assert!(context(&platform, &other).await.is_none(), "the other session has ended");
    assert!(context(&platform, &here).await.is_some(), "this one goes on");
    log_in(&platform, "jane@example.com", "a better password").await;
    platform.run_until_idle().await;
    assert!(platform.outbox().concat().contains("password was changed"));
}

#[tokio::test]
async fn a_forgotten_password_is_reset_once_and_only_while_it_is_the_same() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    platform.staff(Role::Support).await;
    let accounts = &platform.control.accounts;
    let nobody = platform.request_context(Actor::Nobody);
    let (session, _) = log_in(&platform, "jane@example.com", PASSWORD).await;
    accounts.request_reset(&platform.now(&nobody), "jane@example.com").await.expect("accepted");
    let secret = mailed_secret(&platform, "reset").await.expect("a link");
    let text = platform.outbox().concat();
    assert!(text.contains("To: jane@example.com"), "{text}");
    let found = accounts.find_reset(&nobody, &secret).await.expect("an answer").expect("it works");
    assert_eq!((found.email.as_str(), found.is_first), ("jane@example.com", false));
    assert!(accounts.reset_password(&nobody, &secret, "short".into()).await.is_err(), "a weak one");
    accounts.reset_password(&nobody, &secret, "a whole new password".into()).await.expect("reset");
    assert!(context(&platform, &session).await.is_none(), "all sessions have ended");
    log_in(&platform, "jane@example.com", "a whole new password").await;
    let again = accounts.reset_password(&nobody, &secret, "yet another password".into()).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");

    // Another password, or half an hour, makes a link useless.
    accounts.request_reset(&platform.now(&nobody), "jane@example.com").await.expect("accepted");
    let second = mailed_secret(&platform, "reset").await.expect("a link");
    assert_ne!(second, secret);
    let boss = platform.request_context(Actor::System);
    accounts.set_customer_password(&boss, "jane@example.com", PASSWORD.into()).await.expect("changed by staff");
    assert!(accounts.find_reset(&nobody, &second).await.expect("an answer").is_none());
    accounts.request_reset(&platform.now(&nobody), "support-1@stoa.example").await.expect("accepted");
    let staff = mailed_secret(&platform, "reset").await.expect("a link for staff");
    assert!(accounts.find_reset(&nobody, &staff).await.expect("an answer").is_some());
    platform.clock.advance(SignedDuration::from_mins(31));
    let late = platform.request_context(Actor::Nobody);
    assert!(accounts.find_reset(&late, &staff).await.expect("an answer").is_none(), "31 minutes");
}

#[tokio::test]
async fn nobody_learns_from_a_reset_who_has_an_account_and_nobody_is_flooded() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let (accounts, nobody) = (&platform.control.accounts, platform.request_context(Actor::Nobody));
    for _ in 0..6 {
        for email in ["jane@example.com", "joe@example.com"] {
            accounts.request_reset(&platform.now(&nobody), email).await.expect("the same answer");
        }
    }
    platform.run_until_idle().await;
    let mails = platform.outbox();
    assert_eq!(mails.len(), 3, "three within an hour, to jane only");
    assert!(mails.iter().all(|mail| mail.contains("To: jane@example.com")));
    let here = RequestContext { address: "192.0.2.1".parse().ok(), ..nobody };
    for _ in 0..10 {
        accounts.request_reset(&platform.now(&here), "joe@example.com").await.expect("accepted");
    }
    let eleventh = accounts.request_reset(&platform.now(&here), "ann@example.com").await;
    assert!(matches!(eleventh, Err(Error::RateLimited(_))), "a network has its limit: {eleventh:?}");
}

#[tokio::test]
async fn an_unverified_account_has_one_site_and_no_domain_until_its_link_is_used() {
    let platform = TestPlatform::new().await;
    let jane = register(&platform, "jane@example.com").await;
    let ordered = platform.shop(&jane, "first").await;
    let second = platform.control.sites.order(&platform.now(&jane), shop("second"), None).await;
    assert!(matches!(&second, Err(Error::Conflict(why)) if why.contains("Verify your e-mail address")), "{second:?}");
    let domain = AddDomain { name: "shop.example.com".into(), ..AddDomain::default() };
    let refused = platform.control.domains.add_domain(&jane, ordered.site, domain.clone()).await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("add a domain")), "{refused:?}");

    let accounts = &platform.control.accounts;
    let secret = mailed_secret(&platform, "verify").await.expect("a link");
    let nobody = platform.request_context(Actor::Nobody);
    assert!(accounts.find_verification(&nobody, &secret).await.expect("an answer").is_some(), "reading uses nothing");
    accounts.verify_email(&nobody, &secret).await.expect("verified");
    assert!(accounts.verify_email(&nobody, &secret).await.is_err(), "once");
    platform.control.domains.add_domain(&jane, ordered.site, domain).await.expect("added");
    platform.order(&jane, "second").await;
}

#[tokio::test]
async fn a_sign_up_with_a_taken_address_looks_like_any_other_and_its_owner_is_notified() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let accounts = &platform.control.accounts;
    let twin =
        Register { email: "jane@example.com".into(), password: "the twin's password".into(), company: "X".into() };
    let nobody = platform.request_context(Actor::Nobody);
    let session = accounts.register(&nobody, twin).await.expect("the same answer");
    let token = session.token.expose_secret().to_owned();
    let view = accounts.session(&token).await.expect("an answer").expect("a session");
    assert_eq!((view.email.as_str(), view.email_unverified), ("jane@example.com", true));
    platform.run_until_idle().await;
    let mails = platform.outbox();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("To: jane@example.com") && mails[0].contains("already have"), "{}", mails[0]);

    // Both log in with the address, each with their own password, into their own account.
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let (_, twin) = log_in(&platform, "jane@example.com", "the twin's password").await;
    assert_ne!(jane.actor, twin.actor);
    // The twin never gets a link for the address, and a reset is the owner's.
    accounts.resend_verification(&twin).await.expect("the same answer");
    assert!(mailed_secret(&platform, "verify").await.is_none());
    // Nor does the owner get notices of what the twin does.
    let token = CreateToken { name: "twin's".into(), abilities: vec![Ability::Read], days: 30 };
    accounts.create_token(&platform.now(&twin), token).await.expect("a token");
    let (twin, password) = (platform.now(&twin), "the twin's password".into());
    let weak = accounts.change_password(&twin, password, "jane@example.com".into()).await;
    assert_eq!(fields(&weak.expect_err("the address that is typed to log in")), ["new_password"]);
    platform.run_until_idle().await;
    assert_eq!(platform.outbox().len(), 2, "{:?}", platform.outbox());
    accounts.request_reset(&platform.now(&nobody), "jane@example.com").await.expect("accepted");
    let secret = mailed_secret(&platform, "reset").await.expect("a link");
    accounts.reset_password(&nobody, &secret, "jane's next password".into()).await.expect("reset");
    let (_, after) = log_in(&platform, "jane@example.com", "jane's next password").await;
    assert_eq!(after.actor, jane.actor);
    log_in(&platform, "jane@example.com", "the twin's password").await;
}

#[tokio::test]
async fn staff_can_not_get_a_customers_address() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let system = platform.request_context(Actor::System);
    let refused =
        platform.control.accounts.create_staff(&system, "jane@example.com", Role::Support, None, PASSWORD.into()).await;
    assert_eq!(fields(&refused.expect_err("refused")), ["email"]);
    let email = EmailAddress::parse("jane@example.com").expect("an address");
    assert!(accounts::staff_by_email(&platform.db, &email).await.expect("an answer").is_none());
    log_in(&platform, "jane@example.com", PASSWORD).await;
}

#[tokio::test]
async fn another_address_is_confirmed_by_link_and_can_be_restored_from_the_former_one() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let accounts = &platform.control.accounts;
    let (other, _) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let (here, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    platform.clock.advance(SignedDuration::from_mins(16));
    let stale = context(&platform, &here).await.expect("active");
    let refused = accounts.request_email_change(&stale, "new@example.com").await;
    assert!(matches!(refused, Err(Error::Unauthenticated(_))), "16 minutes after the log-in: {refused:?}");
    assert!(accounts.confirm_password(&stale, "not the password".into()).await.is_err());
    let jane = accounts.confirm_password(&RequestContext { now: stale.now, ..jane }, PASSWORD.into()).await;
    let jane = jane.expect("confirmed");
    accounts.request_email_change(&jane, "new@example.com").await.expect("accepted");
    let secret = mailed_secret(&platform, "account/email").await.expect("a link");
    assert!(platform.outbox().concat().contains("To: new@example.com"));
    log_in(&platform, "jane@example.com", PASSWORD).await;
    accounts.change_email(&jane, &secret, false).await.expect("changed");
    assert!(context(&platform, &other).await.is_none(), "other sessions have ended");
    assert!(context(&platform, &here).await.is_some(), "this one goes on");
    let (_, changed) = log_in(&platform, "new@example.com", PASSWORD).await;
    assert_eq!(changed.actor, jane.actor);

    let restore = mailed_secret(&platform, "account/email/restore").await.expect("a link to the former address");
    // Ways in that whoever took the account over may have left.
    let command = CreateToken { name: "thief".into(), abilities: vec![Ability::Read], days: 30 };
    let token = accounts.create_token(&platform.now(&changed), command).await.expect("a token").secret;
    accounts.invite(&platform.now(&changed), "thief@example.com", MemberRole::Owner).await.expect("invited");
    let invitation = mailed_secret(&platform, "invitations").await.expect("a link");
    assert!(accounts.find_invitation(&changed, &invitation).await.expect("an answer").is_some());
    let nobody = platform.request_context(Actor::Nobody);
    accounts.change_email(&nobody, &restore, true).await.expect("restored");
    assert!(context(&platform, &here).await.is_none(), "all sessions have ended");
    assert!(accounts.find_invitation(&nobody, &invitation).await.expect("an answer").is_none());
    assert!(accounts.token_owner(token.expose_secret()).await.expect("an answer").is_none());
    log_in(&platform, "jane@example.com", PASSWORD).await;
    assert!(accounts.change_email(&nobody, &restore, true).await.is_err(), "once");
}
