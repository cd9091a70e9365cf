//! Logging in and out, sessions, tokens, and how often somebody may try.

use std::net::IpAddr;

use jiff::SignedDuration;
use stoa_accounts::{
    command::{LogIn, Register},
    view::LoginOutcome,
};
use stoa_core::{Error, RequestContext, audit::AuditFilter};
use stoa_model::{
    account::{Actor, Role},
    secret::ExposeSecret,
};
use stoa_sites::{Registered, command::OrderSite};
use stoa_testkit::{PASSWORD, TestPlatform, shop};

use crate::support::fields;

fn with(email: &str, password: &str) -> LogIn {
    LogIn { email: email.into(), password: password.into(), browser: None }
}

fn from(platform: &TestPlatform, address: &str) -> RequestContext {
    let address: IpAddr = address.parse().expect("an address");
    platform.control.core.request_context(Actor::Nobody, Some(address), "test".into())
}

#[tokio::test]
async fn a_session_holds_while_it_is_used_and_ends_with_logging_out() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let (control, nobody) = (&platform.control, platform.request_context(Actor::Nobody));
    let begin = async || {
        control
            .accounts
            .log_in(&nobody, with("Jane@Example.com ", PASSWORD))
            .await
            .expect("logged in")
            .session()
            .expect("a session")
    };
    let session = begin().await;
    let token = session.token.expose_secret();
    for _ in 0..3 {
        platform.clock.advance(SignedDuration::from_mins(29));
        let view = control.accounts.session(token).await.expect("an answer").expect("it is used");
        assert_eq!((view.actor, view.email.as_str()), (jane.actor, "jane@example.com"));
    }
    platform.clock.advance(SignedDuration::from_mins(31));
    assert!(control.accounts.session(token).await.expect("an answer").is_none(), "31 idle minutes");

    let (one, two) = (begin().await, begin().await);
    control.accounts.log_out(&jane, one.token.expose_secret()).await.expect("logged out");
    assert!(control.accounts.session(one.token.expose_secret()).await.expect("an answer").is_none());
    assert!(
        control.accounts.session(two.token.expose_secret()).await.expect("an answer").is_some(),
        "the other browser's"
    );
    assert!(control.accounts.session("").await.expect("an answer").is_none());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let nobody = platform.request_context(Actor::Nobody);
    let mut answers = Vec::new();
    for (email, password) in
        [("jane@example.com", "wrong password"), ("joe@example.com", PASSWORD), ("no address", PASSWORD), ("", "")]
    {
        let error = platform.control.accounts.log_in(&nobody, with(email, password)).await.expect_err("refused");
        assert!(matches!(error, Error::Unauthenticated(_)), "{error:?}");
        answers.push(error.to_string());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn the_sixth_login_within_a_minute_waits_and_other_addresses_do_not() {
    let platform = TestPlatform::builder().throttled().build().await;
    platform.customer("jane").await;
    let here = from(&platform, "192.0.2.1");
    for _ in 0..5 {
        let wrong = platform.control.accounts.log_in(&here, with("jane@example.com", "wrong password")).await;
        assert!(matches!(wrong, Err(Error::Unauthenticated(_))));
    }
    let sixth = platform.control.accounts.log_in(&here, with("jane@example.com", PASSWORD)).await;
    assert!(matches!(sixth, Err(Error::RateLimited(_))), "even with the right password");
    let there = from(&platform, "192.0.2.2");
    platform.control.accounts.log_in(&there, with("jane@example.com", PASSWORD)).await.expect("she is not locked out");
}

#[tokio::test]
async fn attempts_count_in_all_processes_and_after_a_restart() {
    let platform = TestPlatform::builder().throttled().build().await;
    platform.customer("jane").await;
    let here = from(&platform, "192.0.2.1");
    let (other, _edge) = platform.another().await;
    for control in [&platform.control, &other, &platform.control, &other, &other] {
        let wrong = control.accounts.log_in(&here, with("jane@example.com", "wrong password")).await;
        assert!(matches!(wrong, Err(Error::Unauthenticated(_))));
    }
    let (restarted, _edge) = platform.another().await;
    for control in [&platform.control, &other, &restarted] {
        let sixth = control.accounts.log_in(&here, with("jane@example.com", PASSWORD)).await;
        assert!(matches!(sixth, Err(Error::RateLimited(_))), "{sixth:?}");
    }
    platform.clock.advance(SignedDuration::from_secs(12));
    restarted.accounts.log_in(&here, with("jane@example.com", PASSWORD)).await.expect("one attempt is back");
}

#[tokio::test]
async fn a_flood_of_logins_is_turned_away_and_leaves_the_pages_fast() {
    let platform = std::sync::Arc::new(TestPlatform::new().await);
    let jane = platform.customer("jane").await;
    let flood: Vec<_> = (0..60)
        .map(|_| {
            let (platform, nobody) = (platform.clone(), platform.request_context(Actor::Nobody));
            tokio::spawn(
                async move { platform.control.accounts.log_in(&nobody, with("x@example.com", "y")).await.err() },
            )
        })
        .collect();
    tokio::task::yield_now().await;
    platform.control.sites.list(&jane, None, 10).await.expect("a page");
    assert!(flood.iter().any(|login| !login.is_finished()), "the page did not wait for the flood");
    let (mut wrong, mut away) = (0, 0);
    for login in flood {
        match login.await.expect("no panic") {
            Some(Error::Unauthenticated(_)) => wrong += 1,
            Some(Error::Unavailable { .. }) => away += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(wrong >= 32 && away > 0, "{wrong} were looked at, {away} turned away");
}

#[tokio::test]
async fn tokens_expire_and_those_of_the_platform_do_not() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let control = &platform.control;
    let (token, until) = control
        .accounts
        .create_login_token(&platform.request_context(Actor::Nobody), with("jane@example.com", PASSWORD))
        .await
        .expect("a token");
    assert!(token.expose_secret().starts_with("stoa_"));
    assert_eq!(
        control.accounts.token_owner(token.expose_secret()).await.expect("an answer").map(|t| t.actor),
        Some(jane.actor)
    );
    let lasting = control
        .accounts
        .create_token_for(&control.core.system_context("test"), jane.actor, "run")
        .await
        .expect("a token");
    platform.clock.advance(until.duration_since(platform.clock.now()) + SignedDuration::from_secs(1));
    assert_eq!(control.accounts.token_owner(token.expose_secret()).await.expect("an answer"), None);
    assert_eq!(
        control.accounts.token_owner(lasting.expose_secret()).await.expect("an answer").map(|t| t.actor),
        Some(jane.actor)
    );
    assert_eq!(control.accounts.token_owner("stoa_guess").await.expect("an answer"), None);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_and_the_trail_says_who_did_it() {
    let platform = TestPlatform::new().await;
    let (jane, admin) = (platform.customer("jane").await, platform.staff(Role::Admin).await);
    let (control, system) = (&platform.control, platform.request_context(Actor::System));
    let person = control.accounts.list_staff(&admin).await.expect("all").remove(0);
    let issue =
        async |name: &str| control.accounts.create_token_for(&system, admin.actor, name).await.expect("a token");
    let (lost, kept) = (issue("laptop").await, issue("monitoring").await);
    let listed = control.accounts.list_staff_tokens(&system, &person.email).await.expect("the tokens");
    let lost_id = listed.iter().find(|token| token.name == "laptop").expect("it is listed").id;
    control.accounts.revoke_staff_token(&system, lost_id).await.expect("revoked");
    assert!(control.accounts.token_owner(lost.expose_secret()).await.expect("an answer").is_none());
    assert!(control.accounts.token_owner(kept.expose_secret()).await.expect("an answer").is_some());
    assert!(matches!(control.accounts.revoke_staff_token(&system, lost_id).await, Err(Error::NotFound("token"))));
    let trail = control.core.list_audit_events(&admin, &AuditFilter::default(), 1).await.expect("the trail");
    let last = (trail[0].action.as_str(), trail[0].actor.as_str(), trail[0].target.clone());
    assert_eq!(last, ("token.revoke", "system", lost_id.to_string()));

    let customers = control.accounts.list_customers(&admin, None, 100).await.expect("all").items;
    assert_eq!(customers.iter().map(|c| c.email.as_str()).collect::<Vec<_>>(), ["jane@example.com"]);
    for (verb, error) in [
        ("customers", control.accounts.list_customers(&jane, None, 10).await.err()),
        ("staff", control.accounts.list_staff(&jane).await.err()),
        ("audit", control.core.list_audit_events(&jane, &AuditFilter::default(), 10).await.err()),
        ("tokens", control.accounts.list_staff_tokens(&admin, &person.email).await.err()),
        ("revoke", control.accounts.revoke_staff_token(&admin, lost_id).await.err()),
    ] {
        assert!(matches!(error, Some(Error::Forbidden(_))), "{verb}: {error:?}");
    }
}

#[tokio::test]
async fn a_new_password_of_staff_ends_their_sessions() {
    let platform = TestPlatform::new().await;
    let boss = platform.staff(Role::SuperAdmin).await;
    let admin = platform.staff(Role::Admin).await;
    let (control, nobody) = (&platform.control, platform.request_context(Actor::Nobody));
    let session = control
        .accounts
        .log_in(&nobody, with("admin-2@stoa.example", PASSWORD))
        .await
        .expect("logged in")
        .session()
        .expect("a session");
    assert_eq!(session.actor, admin.actor);
    let refused = control.accounts.set_staff_password(&admin, "admin-2@stoa.example", "another password".into()).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))));
    control
        .accounts
        .set_staff_password(&boss, "admin-2@stoa.example", "another password".into())
        .await
        .expect("changed");
    assert!(control.accounts.session(session.token.expose_secret()).await.expect("an answer").is_none());
    assert!(control.accounts.log_in(&nobody, with("admin-2@stoa.example", PASSWORD)).await.is_err());
    control.accounts.log_in(&nobody, with("admin-2@stoa.example", "another password")).await.expect("logged in");
}

#[tokio::test]
async fn registering_with_an_order_makes_both_or_neither() {
    let platform = TestPlatform::new().await;
    let nobody = platform.request_context(Actor::Nobody);
    let who = |email: &str, password: &str| Register {
        email: email.into(),
        password: password.into(),
        company: "Bäcker \"Ö\" & Co".into(),
    };
    let bad = OrderSite { title: String::new(), ..shop("www") };
    let error = platform.control.sites.register_and_order(&nobody, who("no", "short"), bad).await.expect_err("refused");
    let mut named = fields(&error);
    named.sort_unstable();
    assert_eq!(named, ["email", "password", "subdomain", "title"]);

    let taken = platform.customer("joe").await;
    platform.order(&taken, "bakery").await;
    let order =
        platform.control.sites.register_and_order(&nobody, who("jane@example.com", PASSWORD), shop("bakery")).await;
    assert_eq!(fields(&order.expect_err("taken")), ["subdomain"]);
    let again = platform.control.accounts.log_in(&nobody, with("jane@example.com", PASSWORD)).await;
    assert!(again.is_err(), "no account was left behind");
    let sites = &platform.control.sites;
    let order = sites.register_and_order(&nobody, who("jane@example.com", PASSWORD), shop("florist")).await;
    let Registered::Now(session, ordered) = order.expect("both") else { panic!("a new account") };
    platform.run_until_idle().await;
    let jane = platform.request_context(session.actor);
    let site = platform.control.sites.get(&jane, ordered.site).await.expect("hers");
    assert_eq!(site.hostname, "florist.localhost");
    let mail = platform.outbox().concat();
    assert!(mail.contains("To: jane@example.com"), "{mail}");

    // The same again, and another order by somebody who forgot that they have an account: they are logged in to it.
    for subdomain in ["florist", "butcher"] {
        let again = sites.register_and_order(&nobody, who("jane@example.com", PASSWORD), shop(subdomain)).await;
        let Ok(Registered::Before(LoginOutcome::Session(again))) = again else { panic!("{again:?}") };
        assert_eq!(again.actor, session.actor);
    }
    let other = sites.register_and_order(&nobody, who("jane@example.com", "another password"), shop("butcher")).await;
    let Registered::Now(other, _) = other.expect("looks like any sign-up") else { panic!("another account") };
    assert_ne!(other.actor, session.actor);
    let again = sites.register_and_order(&nobody, who("jane@example.com", "another password"), shop("baker")).await;
    let Ok(Registered::Before(LoginOutcome::Session(again))) = again else { panic!("{again:?}") };
    assert_eq!(again.actor, other.actor, "each by their own password");
}
