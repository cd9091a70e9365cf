//! Members of organizations: invitations, roles, and what roles allow.

use stoa_accounts::command::Register;
use stoa_core::{Error, RequestContext, audit::AuditFilter};
use stoa_model::{
    account::{Actor, Role},
    id::UserId,
    member::MemberRole,
    secret::ExposeSecret,
};
use stoa_testkit::{PASSWORD, TestPlatform, shop};

use crate::people::{context, log_in, mailed_secret};

/// Invites somebody who has an account, and accepts for them. Returns the token of their session.
async fn join(platform: &TestPlatform, inviter: &RequestContext, name: &str, role: MemberRole) -> String {
    platform.customer(name).await;
    let email = format!("{name}@example.com");
    let accounts = &platform.control.accounts;
    accounts.invite(&platform.now(inviter), &email, role).await.expect("invited");
    let secret = mailed_secret(platform, "invitations").await.expect("a link");
    let (token, cx) = log_in(platform, &email, PASSWORD).await;
    accounts.accept_invitation(&cx, &secret).await.expect("accepted");
    token
}

fn user(cx: &RequestContext) -> UserId {
    cx.member.expect("a person").user
}

#[tokio::test]
async fn each_role_does_what_it_may_and_another_organization_stays_unseen() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let site = platform.shop(&jane, "janes").await.site;
    let (control, stranger) = (&platform.control, platform.customer("eve").await);
    for (name, role) in [
        ("ann", MemberRole::Admin),
        ("dan", MemberRole::Developer),
        ("bill", MemberRole::Billing),
        ("vera", MemberRole::Viewer),
    ] {
        let token = join(&platform, &jane, name, role).await;
        let cx = context(&platform, &token).await.expect("a session");
        assert_eq!((cx.actor, cx.member.map(|m| m.role)), (jane.actor, Some(role)), "{name} acts for jane's");
        control.sites.get(&cx, site).await.expect("all read");
        let works = matches!(role, MemberRole::Admin | MemberRole::Developer);
        let credential = control.sites.reveal_credential(&cx, site, 0).await;
        let order = control.sites.order(&platform.now(&cx), shop(&format!("{name}s")), None).await;
        let invitation = control.accounts.invite(&platform.now(&cx), "zoe@example.com", MemberRole::Viewer).await;
        for (what, allowed, outcome) in [
            ("credential", works, credential.err()),
            ("order", works, order.err()),
            ("invite", role == MemberRole::Admin, invitation.err()),
        ] {
            let refused = matches!(outcome, Some(Error::MemberRole(_)));
            assert_eq!((allowed, refused), (outcome.is_none(), !allowed), "{name} {what}: {outcome:?}");
        }
        let theirs = platform.request_context(Actor::Customer(user(&cx).founded()));
        assert!(matches!(control.sites.get(&theirs, site).await, Err(Error::NotFound(_))), "{name}'s own is apart");
    }
    assert!(matches!(control.sites.get(&stranger, site).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn an_invitation_is_for_the_verified_address_once_and_while_the_inviter_may() {
    let platform = TestPlatform::new().await;
    for name in ["jane", "bob", "eve"] {
        platform.customer(name).await;
    }
    let accounts = &platform.control.accounts;
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let (_, eve) = log_in(&platform, "eve@example.com", PASSWORD).await;
    let (_, bob) = log_in(&platform, "bob@example.com", PASSWORD).await;
    accounts.invite(&platform.now(&jane), "bob@example.com", MemberRole::Admin).await.expect("invited");
    let secret = mailed_secret(&platform, "invitations").await.expect("a link");
    let forwarded = accounts.accept_invitation(&eve, &secret).await;
    assert!(matches!(forwarded, Err(Error::Conflict(_))), "a forwarded e-mail: {forwarded:?}");
    accounts.accept_invitation(&bob, &secret).await.expect("accepted");
    assert!(accounts.accept_invitation(&bob, &secret).await.is_err(), "once");

    // An admin invites, and is an admin no more when it is accepted.
    let (_, bob) = log_in(&platform, "bob@example.com", PASSWORD).await;
    assert_eq!(bob.actor, jane.actor, "where they worked last");
    let above = accounts.invite(&platform.now(&bob), "eve@example.com", MemberRole::Owner).await;
    assert!(matches!(above, Err(Error::MemberRole(_))), "above the own role: {above:?}");
    accounts.invite(&platform.now(&bob), "eve@example.com", MemberRole::Viewer).await.expect("invited");
    let secret = mailed_secret(&platform, "invitations").await.expect("a link");
    accounts.change_role(&jane, user(&bob), MemberRole::Viewer).await.expect("demoted");
    assert!(accounts.accept_invitation(&eve, &secret).await.is_err(), "the inviter may not any more");
    accounts.invite(&platform.now(&jane), "eve@example.com", MemberRole::Viewer).await.expect("invited");
    let secret = mailed_secret(&platform, "invitations").await.expect("a link");
    let open = accounts.team(&jane).await.expect("the team").invitations;
    assert_eq!(open.len(), 1);
    assert!(accounts.withdraw_invitation(&eve, open[0].id).await.is_err(), "of another organization");
    accounts.withdraw_invitation(&jane, open[0].id).await.expect("withdrawn");
    assert!(accounts.accept_invitation(&eve, &secret).await.is_err());
}

#[tokio::test]
async fn an_invited_person_without_an_account_opens_one_and_is_verified() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let accounts = &platform.control.accounts;
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    accounts.invite(&platform.now(&jane), "new@example.com", MemberRole::Developer).await.expect("invited");
    let secret = mailed_secret(&platform, "invitations").await.expect("a link");
    let nobody = platform.request_context(Actor::Nobody);
    let session = accounts.register_invited(&nobody, &secret, "Newcomer", PASSWORD.into()).await.expect("joined");
    let view = accounts.session(session.token.expose_secret()).await.expect("an answer").expect("a session");
    assert_eq!((view.actor, view.email_unverified), (jane.actor, false));
    assert_eq!(view.member.map(|member| member.role), Some(MemberRole::Developer));
    assert!(accounts.register_invited(&nobody, &secret, "Again", PASSWORD.into()).await.is_err(), "once");

    // An unverified account invites nobody.
    let command = Register { email: "joe@example.com".into(), password: PASSWORD.into(), company: "Joe".into() };
    accounts.register(&nobody, command).await.expect("registered");
    let (_, joe) = log_in(&platform, "joe@example.com", PASSWORD).await;
    let refused = accounts.invite(&platform.now(&joe), "ann@example.com", MemberRole::Viewer).await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("Verify")), "{refused:?}");
}

#[tokio::test]
async fn the_last_owner_stays_also_when_two_leave_at_once() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let accounts = &platform.control.accounts;
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let alone = accounts.change_role(&jane, user(&jane), MemberRole::Viewer).await;
    assert!(matches!(&alone, Err(Error::Conflict(why)) if why.contains("needs an owner")), "{alone:?}");
    for name in ["ann", "bob"] {
        join(&platform, &jane, name, MemberRole::Owner).await;
    }
    let (_, ann) = log_in(&platform, "ann@example.com", PASSWORD).await;
    let (_, bob) = log_in(&platform, "bob@example.com", PASSWORD).await;
    accounts.change_role(&ann, user(&jane), MemberRole::Viewer).await.expect("demoted by another owner");
    let founder = accounts.remove_member(&ann, user(&jane)).await;
    assert!(matches!(founder, Err(Error::Conflict(_))), "who opened it stays a member");
    let (one, two) = tokio::join!(accounts.remove_member(&ann, user(&ann)), accounts.remove_member(&bob, user(&bob)));
    assert!(one.is_ok() != two.is_ok(), "one leaves, one stays: {one:?} {two:?}");
}

#[tokio::test]
async fn a_changed_role_ends_sessions_and_a_removed_member_is_out() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let accounts = &platform.control.accounts;
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let token = join(&platform, &jane, "ann", MemberRole::Admin).await;
    let ann = context(&platform, &token).await.expect("a session");
    accounts.change_role(&jane, user(&ann), MemberRole::Viewer).await.expect("changed");
    assert!(context(&platform, &token).await.is_none(), "the session of the former role has ended");
    let (token, ann) = log_in(&platform, "ann@example.com", PASSWORD).await;
    assert_eq!(ann.member.map(|member| member.role), Some(MemberRole::Viewer));
    assert!(accounts.remove_member(&ann, user(&jane)).await.is_err(), "a viewer removes nobody");
    accounts.remove_member(&jane, user(&ann)).await.expect("removed");
    assert!(context(&platform, &token).await.is_none());
    let (_, ann) = log_in(&platform, "ann@example.com", PASSWORD).await;
    assert_eq!(ann.actor, Actor::Customer(user(&ann).founded()), "back in their own organization");
    let back = accounts.switch_organization(&ann, jane.actor.customer().expect("a customer")).await;
    assert!(matches!(back, Err(Error::NotFound("organization"))), "{back:?}");

    let admin = platform.staff(Role::Admin).await;
    let trail = platform.control.core.list_audit_events(&admin, &AuditFilter::default(), 100).await.expect("the trail");
    let removed = trail.iter().find(|event| event.action == "member.remove").expect("it is in the trail");
    assert_eq!(removed.actor, jane.actor.to_string());
    assert_eq!(removed.detail["by"], user(&jane).to_string());
}

#[tokio::test]
async fn a_token_of_a_founder_has_the_role_that_they_have_now() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let accounts = &platform.control.accounts;
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let customer = jane.actor.customer().expect("a customer");
    join(&platform, &jane, "ann", MemberRole::Owner).await;
    let (_, ann) = log_in(&platform, "ann@example.com", PASSWORD).await;
    assert_eq!(accounts.founder_of(customer).await.expect("an answer").map(|m| m.role), Some(MemberRole::Owner));
    accounts.change_role(&ann, user(&jane), MemberRole::Billing).await.expect("demoted");
    assert_eq!(accounts.founder_of(customer).await.expect("an answer").map(|m| m.role), Some(MemberRole::Billing));
}

#[tokio::test]
async fn an_account_is_closed_after_two_weeks_unless_it_is_kept() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let accounts = &platform.control.accounts;
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let site = platform.shop(&jane, "janes").await.site;
    let guest = join(&platform, &jane, "ann", MemberRole::Viewer).await;
    let ann = context(&platform, &guest).await.expect("a session");
    let refused = accounts.close_account(&jane).await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("Remove them first")), "{refused:?}");
    accounts.remove_member(&jane, user(&ann)).await.expect("removed");
    accounts.invite(&platform.now(&jane), "bob@example.com", MemberRole::Owner).await.expect("invited");
    let invitation = mailed_secret(&platform, "invitations").await.expect("a link");
    accounts.close_account(&jane).await.expect("announced");
    assert!(accounts.find_invitation(&jane, &invitation).await.expect("an answer").is_none(), "withdrawn");
    accounts.keep_account(&jane).await.expect("kept");
    let fortnight = jiff::SignedDuration::from_hours(14 * 24 + 1);
    platform.clock.advance(fortnight);
    platform.run_until_idle().await;
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    assert!(accounts.due_closings().await.expect("an answer").is_empty(), "kept");
    let mails = platform.outbox().concat();
    assert!(mails.contains("Your Stoa account will be closed on"), "{mails}");
    assert!(mails.contains("ann@example.com has accepted an invitation"), "owners are notified who joined");

    accounts.close_account(&jane).await.expect("announced");
    assert!(accounts.due_closings().await.expect("an answer").is_empty(), "not yet");
    // Nobody can come in meanwhile; if somebody did all the same, nothing is closed.
    let late = accounts.invite(&platform.now(&jane), "ann@example.com", MemberRole::Owner).await;
    late.expect("invited");
    let secret = mailed_secret(&platform, "invitations").await.expect("a link");
    let (_, ann) = log_in(&platform, "ann@example.com", PASSWORD).await;
    let refused = accounts.accept_invitation(&ann, &secret).await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("being closed")), "{refused:?}");
    platform.clock.advance(fortnight);
    let customer = jane.actor.customer().expect("a customer");
    assert_eq!(accounts.due_closings().await.expect("an answer"), [customer]);
    let workers = platform.run();
    let closed = async {
        while !accounts.due_closings().await.expect("an answer").is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), closed).await.expect("closed");
    workers.stop().await;
    let system = platform.request_context(Actor::System);
    let view = platform.control.sites.get(&system, site).await.expect("still there");
    assert_eq!(view.state, stoa_model::site::SiteState::Deleting, "its store is marked for deletion");
    let nobody = platform.request_context(Actor::Nobody);
    assert!(accounts.log_in(&nobody, crate::people::with("jane@example.com", PASSWORD)).await.is_err());
    assert!(accounts.find_customer(&system, "jane@example.com").await.is_err(), "the address is erased");
    let command = Register { email: "jane@example.com".into(), password: PASSWORD.into(), company: "Again".into() };
    let again = accounts.register(&nobody, command).await.expect("the address is free again");
    let view = accounts.session(again.token.expose_secret()).await.expect("an answer").expect("a session");
    assert_eq!(view.email, "jane@example.com");
}
