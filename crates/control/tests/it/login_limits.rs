//! Limits on logins: nobody is locked out, and guesses are slow.

use std::{net::IpAddr, sync::Arc};

use jiff::SignedDuration;
use stoa_accounts::command::{LogIn, Register};
use stoa_core::{Error, RequestContext, Result};
use stoa_model::{
    account::{Actor, Role},
    secret::ExposeSecret,
};
use stoa_testkit::{PASSWORD, TestPlatform, shop};

const JANE: &str = "jane@example.com";

async fn throttled() -> TestPlatform {
    TestPlatform::builder().throttled().build().await
}

fn from(platform: &TestPlatform, address: &str) -> RequestContext {
    let address: IpAddr = address.parse().expect("an address");
    platform.control.core.request_context(Actor::Nobody, Some(address), "test".into())
}

async fn log_in(
    platform: &TestPlatform,
    address: &str,
    email: &str,
    password: &str,
    browser: Option<&str>,
) -> Result<()> {
    let browser = browser.map(str::to_owned);
    let command = LogIn { email: email.into(), password: password.into(), browser };
    platform.control.accounts.log_in(&from(platform, address), command).await.map(drop)
}

/// Wrong passwords from 100 networks.
async fn botnet(platform: &TestPlatform, email: &str) {
    for n in 0..100 {
        let wrong = log_in(platform, &format!("203.0.113.{n}"), email, "a guess", None).await;
        assert!(matches!(wrong, Err(Error::Unauthenticated(_))), "{n}: {wrong:?}");
    }
}

#[tokio::test]
async fn right_passwords_use_up_nothing_for_others_behind_the_same_address() {
    let platform = throttled().await;
    for n in 0..30 {
        platform.customer(&format!("person{n}")).await;
    }
    for n in 0..30 {
        let email = format!("person{n}@example.com");
        log_in(&platform, "192.0.2.1", &email, PASSWORD, None).await.expect("the thirtieth of an office");
    }
    // Wrong ones still count, also between right ones.
    for _ in 0..5 {
        let wrong = log_in(&platform, "192.0.2.1", "person0@example.com", "a guess", None).await;
        assert!(matches!(wrong, Err(Error::Unauthenticated(_))), "{wrong:?}");
    }
    let sixth = log_in(&platform, "192.0.2.1", "person1@example.com", PASSWORD, None).await;
    assert!(matches!(sixth, Err(Error::RateLimited(_))), "{sixth:?}");
}

#[tokio::test]
async fn a_victim_logs_in_from_a_known_browser_during_an_attack_and_unknown_ones_are_closed() {
    let platform = throttled().await;
    platform.customer("jane").await;
    let cookie = platform.control.accounts.remember_browser(JANE);
    let known = Some(cookie.expose_secret());
    botnet(&platform, JANE).await;
    let unknown = log_in(&platform, "198.51.100.1", JANE, PASSWORD, None).await;
    assert!(
        matches!(&unknown, Err(Error::Unauthenticated(text)) if text.contains("Too many wrong passwords")),
        "{unknown:?}"
    );
    // From a network of the attacker's even.
    log_in(&platform, "203.0.113.7", JANE, PASSWORD, known).await.expect("she is not locked out");
    log_in(&platform, "198.51.100.1", JANE, PASSWORD, None).await.expect("her login ended the row of failures");
}

#[tokio::test]
async fn a_new_password_opens_what_was_closed() {
    let platform = throttled().await;
    platform.customer("jane").await;
    let admin = platform.staff(Role::Admin).await;
    botnet(&platform, JANE).await;
    assert!(log_in(&platform, "198.51.100.1", JANE, PASSWORD, None).await.is_err());
    let new = "lamp river onion desk";
    platform.control.accounts.set_customer_password(&admin, JANE, new.into()).await.expect("changed");
    log_in(&platform, "198.51.100.1", JANE, new, None).await.expect("open again");
}

#[tokio::test]
async fn what_is_closed_opens_after_a_day_and_says_nothing_about_the_account() {
    let platform = throttled().await;
    platform.customer("jane").await;
    for email in [JANE, "nobody@example.com"] {
        botnet(&platform, email).await;
        let closed = log_in(&platform, "198.51.100.1", email, PASSWORD, None).await.expect_err("closed").to_string();
        assert!(closed.contains("Too many wrong passwords"), "{email}: {closed}");
        platform.clock.advance(SignedDuration::from_hours(1));
    }
    platform.clock.advance(SignedDuration::from_hours(25));
    log_in(&platform, "198.51.100.1", JANE, PASSWORD, None).await.expect("a day later");
}

#[tokio::test]
async fn a_cookie_is_good_for_its_account_and_its_time_and_limits_guesses_too() {
    let platform = throttled().await;
    platform.customer("jane").await;
    let accounts = &platform.control.accounts;
    let (own, others) = (accounts.remember_browser(JANE), accounts.remember_browser("bob@example.com"));
    botnet(&platform, JANE).await;
    for wrong in [others.expose_secret(), "", "1.0.AAAA", &own.expose_secret().replace('1', "2")] {
        let refused = log_in(&platform, "198.51.100.1", JANE, PASSWORD, Some(wrong)).await;
        assert!(refused.is_err(), "{wrong:?}");
    }
    let known = Some(own.expose_secret());
    for _ in 0..5 {
        let wrong = log_in(&platform, "198.51.100.2", JANE, "a guess", known).await;
        assert!(matches!(wrong, Err(Error::Unauthenticated(_))), "{wrong:?}");
    }
    let sixth = log_in(&platform, "198.51.100.3", JANE, PASSWORD, known).await;
    assert!(matches!(sixth, Err(Error::RateLimited(_))), "also from another network: {sixth:?}");
    platform.clock.advance(SignedDuration::from_hours(181 * 24));
    botnet(&platform, JANE).await;
    assert!(log_in(&platform, "198.51.100.1", JANE, PASSWORD, known).await.is_err(), "half a year later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_known_browsers_at_once_are_all_let_in_during_a_flood_of_guesses() {
    let platform = Arc::new(throttled().await);
    for n in 0..60 {
        platform.customer(&format!("person{n}")).await;
    }
    let guess = |n: u32| {
        let platform = platform.clone();
        tokio::spawn(async move { log_in(&platform, &format!("203.0.113.{}", n % 250), JANE, "a guess", None).await })
    };
    let right = |n: u32| {
        let platform = platform.clone();
        tokio::spawn(async move {
            let email = format!("person{n}@example.com");
            let cookie = platform.control.accounts.remember_browser(&email);
            log_in(&platform, "192.0.2.1", &email, PASSWORD, Some(cookie.expose_secret())).await
        })
    };
    let flood: Vec<_> = (0..250).map(guess).collect();
    tokio::task::yield_now().await;
    let people: Vec<_> = (0..60).map(right).collect();
    for person in people {
        person.await.expect("no panic").expect("let in");
    }
    let done = flood.iter().filter(|guess| guess.is_finished()).count();
    flood.iter().for_each(tokio::task::JoinHandle::abort);
    println!("{done} of 250 guesses were answered in the meantime");
}

#[tokio::test]
async fn changing_ipv6_addresses_within_a_network_gains_little() {
    let platform = throttled().await;
    let mut refused = 0;
    for n in 0..25 {
        // A /64 of its own each time, within one /48.
        let guess =
            log_in(&platform, &format!("2001:db8:1:{n:x}::1"), &format!("x{n}@example.com"), "a guess", None).await;
        refused += usize::from(matches!(guess, Err(Error::RateLimited(_))));
    }
    assert_eq!(refused, 5, "20 a minute");
    let elsewhere = log_in(&platform, "2001:db8:2::1", "x@example.com", "a guess", None).await;
    assert!(matches!(elsewhere, Err(Error::Unauthenticated(_))));
}

#[tokio::test]
async fn staff_have_three_attempts_a_minute_and_right_ones_are_taken_back() {
    let platform = throttled().await;
    platform.staff(Role::Admin).await;
    let email = "admin-1@stoa.example";
    for _ in 0..8 {
        log_in(&platform, "192.0.2.1", email, PASSWORD, None).await.expect("right passwords don't count");
    }
    for _ in 0..3 {
        assert!(log_in(&platform, "192.0.2.2", email, "a guess", None).await.is_err());
    }
    let fourth = log_in(&platform, "192.0.2.2", email, PASSWORD, None).await;
    assert!(matches!(fourth, Err(Error::Unauthenticated(_))), "as if it were wrong: {fourth:?}");
    log_in(&platform, "192.0.2.3", email, PASSWORD, None).await.expect("from elsewhere");
}

#[tokio::test]
async fn refused_sign_up_forms_do_not_count() {
    let platform = throttled().await;
    let here = from(&platform, "192.0.2.1");
    let who = |n: u32, password: &str| Register {
        email: format!("new{n}@example.com"),
        password: password.into(),
        company: "New".into(),
    };
    for n in 0..12 {
        let refused = platform.control.sites.register_and_order(&here, who(n, "short"), shop("new")).await;
        assert!(matches!(refused, Err(Error::Invalid(_))));
    }
    for n in 0..10 {
        let order = shop(&format!("new-{n}"));
        platform.control.sites.register_and_order(&here, who(n, PASSWORD), order).await.expect("signed up");
    }
    let eleventh = platform.control.sites.register_and_order(&here, who(11, PASSWORD), shop("new")).await;
    assert!(matches!(eleventh, Err(Error::RateLimited(_))), "{eleventh:?}");
}
