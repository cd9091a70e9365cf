//! Staff accounts, and staff who view the portal as a customer.

use jiff::SignedDuration;
use stoa_accounts::{
    command::{CreateStaff, CreateToken, PasswordDelivery, UpdateStaff},
    view::StaffView,
};
use stoa_core::{Error, RequestContext};
use stoa_model::{
    ability::Ability,
    account::{Actor, Role, StaffState},
    id::StaffId,
    secret::ExposeSecret,
};
use stoa_testkit::{PASSWORD, TestPlatform};

use crate::{
    people::{context, log_in, mailed_secret, with},
    support::fields,
};

fn anna(delivery: PasswordDelivery) -> CreateStaff {
    CreateStaff { name: "Anna Berg".into(), email: "anna@stoa.example".into(), role: Role::Admin, delivery }
}

fn change(of: &StaffView, role: Role) -> UpdateStaff {
    UpdateStaff { name: "Somebody".into(), email: of.email.clone(), role, version: of.version }
}

fn id_of(cx: &RequestContext) -> StaffId {
    let Actor::Staff(id, _) = cx.actor else { panic!("no staff: {cx:?}") };
    id
}

/// The temporary password in the last e-mail that has one.
async fn temporary_password(platform: &TestPlatform) -> String {
    platform.run_until_idle().await;
    // Quoted-printable breaks long lines with "=".
    let mails: Vec<_> = platform.outbox().iter().map(|mail| mail.replace("=\r\n", "").replace("=\n", "")).collect();
    let mail = mails.iter().rfind(|mail| mail.contains("Temporary password: ")).expect("an e-mail");
    // The text comes before the HTML.
    let rest = mail.split("Temporary password: ").nth(1).expect("a password");
    platform.clock.advance(SignedDuration::from_secs(1));
    rest.split_whitespace().next().expect("a password").to_owned()
}

#[tokio::test]
async fn an_invited_member_chooses_a_password_once_within_three_days() {
    let platform = TestPlatform::new().await;
    let boss = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let (accounts, nobody) = (&platform.control.accounts, platform.request_context(Actor::Nobody));
    let id = accounts.invite_staff(&boss, anna(PasswordDelivery::Link)).await.expect("invited");
    let first = mailed_secret(&platform, "reset").await.expect("a link");
    assert!(accounts.log_in(&nobody, with("anna@stoa.example", "!")).await.is_err(), "no password works yet");
    accounts.request_reset(&nobody, "anna@stoa.example").await.expect("accepted");
    assert_eq!(mailed_secret(&platform, "reset").await, Some(first.clone()), "and no other link is sent");

    accounts.reset_staff_password(&platform.recent(&boss), id, PasswordDelivery::Link).await.expect("sent again");
    let second = mailed_secret(&platform, "reset").await.expect("a link");
    assert!(accounts.find_reset(&nobody, &first).await.expect("an answer").is_none(), "the former link ends");
    let found = accounts.find_reset(&nobody, &second).await.expect("an answer").expect("it works");
    assert_eq!((found.email.as_str(), found.is_first), ("anna@stoa.example", true));
    accounts.reset_password(&platform.now(&nobody), &second, "lamp river onion desk".into()).await.expect("chosen");
    assert!(accounts.find_reset(&nobody, &second).await.expect("an answer").is_none(), "it works once");
    let (_, cx) = log_in(&platform, "anna@stoa.example", "lamp river onion desk").await;
    assert_eq!(cx.actor, Actor::Staff(id, Role::Admin));
    let view = accounts.get_staff(&cx, id).await.expect("shown");
    assert_eq!((view.state, view.name.as_deref()), (StaffState::Active, Some("Anna Berg")));
    assert!(view.last_login_at.is_some());

    let late = CreateStaff { email: "bert@stoa.example".into(), ..anna(PasswordDelivery::Link) };
    accounts.invite_staff(&platform.recent(&boss), late).await.expect("invited");
    let link = mailed_secret(&platform, "reset").await.expect("a link");
    platform.clock.advance(SignedDuration::from_hours(3 * 24));
    assert!(accounts.find_reset(&platform.now(&nobody), &link).await.expect("an answer").is_none(), "three days");
}

#[tokio::test]
async fn a_temporary_password_has_16_characters_ends_and_has_to_be_changed() {
    let platform = TestPlatform::new().await;
    let boss = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let (accounts, nobody) = (&platform.control.accounts, platform.request_context(Actor::Nobody));
    let id = accounts.invite_staff(&boss, anna(PasswordDelivery::Temporary)).await.expect("invited");
    let password = temporary_password(&platform).await;
    assert_eq!(password.len(), 16, "{password}");
    let (token, cx) = log_in(&platform, "anna@stoa.example", &password).await;
    assert!(accounts.session(&token).await.expect("an answer").expect("a session").must_change_password);
    let refused = accounts.create_login_token(&nobody, with("anna@stoa.example", &password)).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(why)) if why.contains("temporary")));
    let same = accounts.change_password(&cx, password.clone().into(), password.clone().into()).await;
    assert_eq!(fields(&same.expect_err("the same")), ["new_password"]);
    accounts.change_password(&cx, password.clone().into(), "lamp river onion desk".into()).await.expect("changed");
    assert!(!accounts.session(&token).await.expect("an answer").expect("a session").must_change_password);
    assert!(accounts.log_in(&nobody, with("anna@stoa.example", &password)).await.is_err(), "it is gone");

    accounts.reset_staff_password(&platform.recent(&boss), id, PasswordDelivery::Temporary).await.expect("reset");
    assert!(context(&platform, &token).await.is_none(), "the session has ended");
    let next = temporary_password(&platform).await;
    assert_ne!(next, password);
    platform.clock.advance(SignedDuration::from_hours(3 * 24 + 1));
    let late = accounts.log_in(&platform.now(&nobody), with("anna@stoa.example", &next)).await;
    assert!(matches!(late, Err(Error::Unauthenticated(why)) if why.contains("expired")));
}

#[tokio::test]
async fn each_role_does_with_staff_what_it_may() {
    let platform = TestPlatform::new().await;
    let boss = platform.staff(Role::SuperAdmin).await;
    let other = platform.staff(Role::SuperAdmin).await;
    let jane = platform.customer("jane").await;
    let customer = jane.actor.customer().expect("a customer");
    for role in [Role::Support, Role::Admin] {
        let cx = platform.recent(&platform.staff(role).await);
        let accounts = &platform.control.accounts;
        let all = accounts.list_staff(&cx).await.expect("all see the list");
        let target = all.iter().find(|account| account.id == id_of(&other)).expect("listed");
        let link = PasswordDelivery::Link;
        for (what, error) in [
            ("invite", accounts.invite_staff(&cx, anna(link)).await.err()),
            ("update", accounts.update_staff(&cx, target.id, change(target, Role::Support)).await.err()),
            ("reset", accounts.reset_staff_password(&cx, target.id, link).await.err()),
            ("deactivate", accounts.deactivate_staff(&cx, target.id).await.err()),
            ("reactivate", accounts.reactivate_staff(&cx, target.id).await.err()),
            ("delete", accounts.delete_staff(&cx, target.id).await.err()),
            ("second factor", accounts.reset_second_factor(&cx, other.actor).await.err()),
        ] {
            assert!(matches!(error, Some(Error::Forbidden("super_admin"))), "{role:?} {what}: {error:?}");
        }
        let view = accounts.view_as_customer(&cx, customer, "ticket 1").await.err();
        if role == Role::Support {
            assert!(matches!(view, Some(Error::Forbidden("admin"))), "{view:?}");
        }
    }
    let accounts = &platform.control.accounts;
    for cx in [&jane, &platform.request_context(Actor::Nobody)] {
        assert!(accounts.list_staff(cx).await.is_err());
    }
    // A browser that somebody left unlocked changes nothing.
    let target = accounts.get_staff(&boss, id_of(&other)).await.expect("shown");
    for (what, error) in [
        ("invite", accounts.invite_staff(&boss, anna(PasswordDelivery::Link)).await.err()),
        ("update", accounts.update_staff(&boss, target.id, change(&target, Role::Support)).await.err()),
        ("delete", accounts.delete_staff(&boss, target.id).await.err()),
    ] {
        assert!(matches!(error, Some(Error::Unauthenticated(_))), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn deactivation_bites_at_once_and_reactivation_asks_for_a_new_password() {
    let platform = TestPlatform::new().await;
    let boss = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let admin = platform.staff(Role::Admin).await;
    let (accounts, id) = (&platform.control.accounts, id_of(&admin));
    let (session, own) = log_in(&platform, "admin-2@stoa.example", PASSWORD).await;
    let command = CreateToken { name: "script".into(), abilities: vec![Ability::Read], days: 9 };
    let token = accounts.create_token(&own, command).await.expect("a token").secret;
    assert!(accounts.token_owner(token.expose_secret()).await.expect("an answer").is_some());
    accounts.deactivate_staff(&boss, id).await.expect("deactivated");
    assert!(accounts.session(&session).await.expect("an answer").is_none());
    assert!(accounts.watch_session(&session).await.expect("an answer").is_none(), "open streams end");
    assert!(accounts.token_owner(token.expose_secret()).await.expect("an answer").is_none());
    let nobody = platform.request_context(Actor::Nobody);
    assert!(accounts.log_in(&nobody, with("admin-2@stoa.example", PASSWORD)).await.is_err());
    accounts.request_reset(&nobody, "admin-2@stoa.example").await.expect("accepted");
    assert_eq!(mailed_secret(&platform, "reset").await, None, "no way around it by e-mail");
    for again in [
        accounts.deactivate_staff(&platform.recent(&boss), id).await,
        accounts.reset_staff_password(&platform.recent(&boss), id, PasswordDelivery::Link).await,
        accounts.set_staff_password(&boss, "admin-2@stoa.example", PASSWORD.into()).await,
    ] {
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    }
    accounts.reactivate_staff(&platform.recent(&boss), id).await.expect("reactivated");
    let nobody = platform.now(&nobody);
    assert!(accounts.log_in(&nobody, with("admin-2@stoa.example", PASSWORD)).await.is_err(), "not the old password");
    let link = mailed_secret(&platform, "reset").await.expect("a link");
    accounts.reset_password(&nobody, &link, "lamp river onion desk".into()).await.expect("chosen");
    log_in(&platform, "admin-2@stoa.example", "lamp river onion desk").await;
}

#[tokio::test]
async fn another_role_or_address_ends_sessions_and_two_editors_do_not_overwrite_each_other() {
    let platform = TestPlatform::new().await;
    let boss = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let admin = platform.staff(Role::Admin).await;
    let (accounts, id) = (&platform.control.accounts, id_of(&admin));
    let (session, _) = log_in(&platform, "admin-2@stoa.example", PASSWORD).await;
    let before = accounts.get_staff(&boss, id).await.expect("shown");
    let rename = UpdateStaff { name: "Ada".into(), ..change(&before, Role::Admin) };
    accounts.update_staff(&boss, id, rename).await.expect("renamed");
    assert!(context(&platform, &session).await.is_some(), "a name ends nothing");
    let stale = accounts.update_staff(&boss, id, change(&before, Role::Support)).await;
    assert!(matches!(stale, Err(Error::Conflict(why)) if why.contains("Somebody else changed this account")));
    let now = accounts.get_staff(&boss, id).await.expect("shown");
    assert_eq!((now.name.as_deref(), now.role), (Some("Ada"), Role::Admin), "nothing is lost");
    accounts.update_staff(&boss, id, change(&now, Role::Support)).await.expect("changed");
    assert!(context(&platform, &session).await.is_none());

    let (session, cx) = log_in(&platform, "admin-2@stoa.example", PASSWORD).await;
    assert_eq!(cx.actor, Actor::Staff(id, Role::Support));
    platform.customer("jane").await;
    let now = accounts.get_staff(&boss, id).await.expect("shown");
    let to = |email: &str| UpdateStaff { email: email.into(), ..change(&now, Role::Support) };
    for taken in ["jane@example.com", "super-admin-1@stoa.example", "no address"] {
        let error = accounts.update_staff(&boss, id, to(taken)).await.expect_err("refused");
        assert_eq!(fields(&error), ["email"], "{taken}");
    }
    accounts.update_staff(&boss, id, to("ada@stoa.example")).await.expect("changed");
    assert!(context(&platform, &session).await.is_none());
    log_in(&platform, "ada@stoa.example", PASSWORD).await;
    platform.run_until_idle().await;
    assert!(platform.outbox().concat().contains("To: admin-2@stoa.example"), "the former address gets a notice");
}

#[tokio::test]
async fn the_last_active_super_admin_stays_whoever_asks() {
    let platform = TestPlatform::new().await;
    let boss = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let system = platform.request_context(Actor::System);
    let (accounts, own) = (&platform.control.accounts, id_of(&boss));
    // Who has no password of their own doesn't count.
    let invited = CreateStaff { role: Role::SuperAdmin, ..anna(PasswordDelivery::Link) };
    let other = accounts.invite_staff(&boss, invited).await.expect("invited");
    for cx in [&boss, &system] {
        let view = accounts.get_staff(cx, own).await.expect("shown");
        for (what, outcome) in [
            ("demote", accounts.update_staff(cx, own, change(&view, Role::Admin)).await),
            ("deactivate", accounts.deactivate_staff(cx, own).await),
            ("delete", accounts.delete_staff(cx, own).await),
            ("reset", accounts.reset_staff_password(cx, own, PasswordDelivery::Temporary).await),
        ] {
            assert!(matches!(outcome, Err(Error::Conflict(_))), "{what}: {outcome:?}");
        }
    }
    accounts.set_staff_password(&boss, "anna@stoa.example", "lamp river onion desk".into()).await.expect("set");
    let (_, anna) = log_in(&platform, "anna@stoa.example", "lamp river onion desk").await;
    let (one, two) = tokio::join!(accounts.deactivate_staff(&boss, other), accounts.deactivate_staff(&anna, own));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let left = accounts.list_staff(&system).await.expect("all");
    assert_eq!(left.iter().filter(|account| account.state == StaffState::Active).count(), 1);
}

#[tokio::test]
async fn a_manager_who_was_demoted_meanwhile_changes_nothing() {
    let platform = TestPlatform::new().await;
    let boss = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let former = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let (accounts, id) = (&platform.control.accounts, id_of(&former));
    let view = accounts.get_staff(&boss, id).await.expect("shown");
    accounts.update_staff(&boss, id, change(&view, Role::Admin)).await.expect("demoted");
    for outcome in [
        accounts.deactivate_staff(&former, id_of(&boss)).await,
        accounts.invite_staff(&former, anna(PasswordDelivery::Link)).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(Error::Forbidden("super_admin"))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_deleted_account_frees_its_address_and_history_keeps_the_name() {
    let platform = TestPlatform::new().await;
    let boss = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let admin = platform.staff(Role::Admin).await;
    let customer = platform.customer("jane").await.actor.customer().expect("a customer");
    let (accounts, id) = (&platform.control.accounts, id_of(&admin));
    accounts.add_note(&admin, customer, "Called about DNS.").await.expect("a note");
    let view = accounts.get_staff(&boss, id).await.expect("shown");
    let named = UpdateStaff { name: "Ada Lund".into(), ..change(&view, Role::Admin) };
    accounts.update_staff(&boss, id, named).await.expect("named");
    let (session, _) = log_in(&platform, "admin-2@stoa.example", PASSWORD).await;
    accounts.delete_staff(&boss, id).await.expect("deleted");
    assert!(context(&platform, &session).await.is_none());
    assert!(matches!(accounts.get_staff(&boss, id).await, Err(Error::NotFound(_))));
    assert!(matches!(accounts.delete_staff(&boss, id).await, Err(Error::NotFound(_))));
    assert_eq!(accounts.list_staff(&boss).await.expect("all").len(), 1);
    let notes = accounts.list_notes(&boss, customer).await.expect("notes");
    assert_eq!(notes[0].author.as_deref(), Some("Ada Lund"));
    let trail = platform.control.core.list_audit_events(&boss, &Default::default(), 10).await.expect("the trail");
    let event = trail.iter().find(|event| event.action == "staff.delete").expect("an event");
    assert_eq!((&event.detail["name"], &event.detail["email"]), (&"Ada Lund".into(), &"admin-2@stoa.example".into()));
    let again = CreateStaff { email: "admin-2@stoa.example".into(), ..anna(PasswordDelivery::Link) };
    accounts.invite_staff(&boss, again).await.expect("the address is free");
}

#[tokio::test]
async fn staff_view_the_portal_as_a_customer_and_touch_neither_account_nor_secrets() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let site = platform.shop(&jane, "janes-shop").await.site;
    let customer = jane.actor.customer().expect("a customer");
    let admin = platform.staff(Role::Admin).await;
    let (control, accounts) = (&platform.control, &platform.control.accounts);
    let (first, own) = log_in(&platform, "admin-1@stoa.example", PASSWORD).await;
    let reason = accounts.view_as_customer(&own, customer, " ").await.expect_err("no reason");
    assert_eq!(fields(&reason), ["reason"]);
    let viewing = accounts.view_as_customer(&own, customer, "ticket 42").await.expect("a view");
    assert!(context(&platform, &first).await.is_none(), "the session is replaced");
    let cx = context(&platform, viewing.token.expose_secret()).await.expect("a session");
    assert_eq!((cx.actor, cx.impersonator()), (jane.actor, Some(admin.actor)));
    assert_eq!(control.sites.list(&cx, None, 10).await.expect("hers").items.len(), 1);
    control.sites.stop(&cx, site).await.expect("sites can be worked on");

    let link = control.sites.login_link(&cx, site).await.err();
    let command = CreateToken { name: "mine".into(), abilities: vec![Ability::Read], days: 9 };
    for (what, error) in [
        ("password", accounts.change_password(&cx, PASSWORD.into(), "another password".into()).await.err()),
        ("confirm", accounts.confirm_password(&cx, PASSWORD.into()).await.err()),
        ("email", accounts.request_email_change(&cx, "eve@example.com").await.err()),
        ("verify", accounts.resend_verification(&cx).await.err()),
        ("app", accounts.begin_totp(&cx).await.err()),
        ("app off", accounts.remove_second_factor(&cx, "123456").await.err()),
        ("codes", accounts.replace_recovery_codes(&cx, "123456").await.err()),
        ("token", accounts.create_token(&cx, command).await.err()),
        ("tokens", accounts.list_tokens(&cx).await.err()),
        ("passkeys", accounts.list_passkeys(&cx).await.err()),
        ("sessions", accounts.list_sessions(&cx).await.err()),
        ("end sessions", accounts.end_other_sessions(&cx).await.err()),
        ("invite", accounts.invite(&cx, "eve@example.com", stoa_model::member::MemberRole::Owner).await.err()),
        ("team", accounts.team(&cx).await.err()),
        ("remove", accounts.remove_member(&cx, customer.founder()).await.err()),
        ("organization", accounts.switch_organization(&cx, customer).await.err()),
        ("rename", accounts.rename_organization(&cx, "Mine").await.err()),
        ("close", accounts.close_account(&cx).await.err()),
        ("keep", accounts.keep_account(&cx).await.err()),
        ("profile", accounts.profile(&cx).await.err()),
        ("reveal", control.sites.reveal_credential(&cx, site, 0).await.err()),
        ("login link", link),
        ("staff", accounts.list_staff(&cx).await.err().map(|_| Error::ViewingAsCustomer)),
    ] {
        assert!(matches!(error, Some(Error::ViewingAsCustomer)), "{what}: {error:?}");
    }
    let boss = platform.staff(Role::SuperAdmin).await;
    let trail = control.core.list_audit_events(&boss, &Default::default(), 50).await.expect("the trail");
    let of = |action: &str| trail.iter().find(|event| event.action == action).expect("an event");
    let begun = of("customer.view");
    assert_eq!((&begun.detail["reason"], begun.target.as_str()), (&"ticket 42".into(), customer.to_string().as_str()));
    let stopped = of("site.stop");
    assert_eq!(stopped.actor, admin.actor.to_string(), "both identities");
    assert_eq!(stopped.detail["as_customer"], customer.to_string().as_str());

    let (back, viewed) = accounts.end_view(&platform.now(&cx)).await.expect("ended");
    assert_eq!(viewed, customer);
    assert!(context(&platform, viewing.token.expose_secret()).await.is_none());
    let own = context(&platform, back.token.expose_secret()).await.expect("a session");
    assert_eq!((own.actor, own.impersonator()), (admin.actor, None));
    assert!(accounts.end_view(&own).await.is_err());
    assert!(!accounts.list_sessions(&platform.now(&jane)).await.is_ok_and(|all| !all.is_empty()), "hers show nothing");
}

#[tokio::test]
async fn a_view_ends_after_an_hour_and_with_the_rights_of_its_owner() {
    let platform = TestPlatform::new().await;
    let boss = platform.recent(&platform.staff(Role::SuperAdmin).await);
    let customer = platform.customer("jane").await.actor.customer().expect("a customer");
    let (accounts, admin) = (&platform.control.accounts, platform.staff(Role::Admin).await);
    let view = async || {
        let (_, own) = log_in(&platform, "admin-2@stoa.example", PASSWORD).await;
        accounts.view_as_customer(&own, customer, "ticket 42").await.expect("a view").token
    };
    let first = view().await;
    for _ in 0..3 {
        platform.clock.advance(SignedDuration::from_mins(19));
        assert!(accounts.session(first.expose_secret()).await.expect("an answer").is_some());
    }
    platform.clock.advance(SignedDuration::from_mins(4));
    assert!(accounts.session(first.expose_secret()).await.expect("an answer").is_none(), "61 minutes");

    let second = view().await;
    let boss = platform.recent(&boss);
    let shown = accounts.get_staff(&boss, id_of(&admin)).await.expect("shown");
    accounts.update_staff(&boss, id_of(&admin), change(&shown, Role::Support)).await.expect("demoted");
    assert!(accounts.watch_session(second.expose_secret()).await.expect("an answer").is_none());
}
