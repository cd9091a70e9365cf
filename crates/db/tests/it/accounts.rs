use std::collections::HashMap;

use stoa_db::{
    Constraint, DbError, Page,
    accounts::{
        Subject, auth_epoch, customer_by_email, customer_count, customer_get, customer_insert, customer_list,
        customers_of,
        login_failures::{login_failed, login_failures, login_failures_clear, login_failures_prune},
        login_flows::{flow_delete, flow_get, flow_insert, flow_try, flows_delete_expired},
        notes::{Note, note_delete, note_get, note_insert, note_list, notes_delete_of},
        passkeys::{
            Passkey, challenge_insert, challenge_take, challenges_delete_expired, passkey_by_credential,
            passkey_delete, passkey_insert, passkey_list, passkey_used, passkeys_delete_of,
        },
        password_set,
        second_factors::{
            Totp, recovery_code_use, recovery_codes_left, recovery_codes_replace, second_factor_delete, totp_accept,
            totp_begin, totp_confirm, totp_confirmed_of, totp_get,
        },
        staff_by_email, staff_count, staff_get, staff_insert, staff_list,
    },
    invitations::{
        Invitation, invitation_by_hash, invitation_end, invitation_insert, invitation_list, invitation_set_hash,
    },
    members::{member_insert, member_list, member_role, member_set_role, memberships, owner_count},
    one_time::{OneTime, one_time_get, one_time_insert, one_time_use},
    sessions::{
        Session, session_delete, session_get, session_insert, session_touch, sessions_delete_of, sessions_expire,
    },
    tokens::{ApiToken, token_by_hash, token_delete, token_insert, token_list, token_used},
    users::{
        User, user_by_email, user_get, user_insert, user_password_hash, user_set_email, user_sync_password, user_verify,
    },
};
use stoa_model::{
    ability::{Abilities, Ability},
    account::{Actor, Role, Staff},
    id::{CustomerId, InvitationId, NoteId, PasskeyId, StaffId, TokenId, UserId},
    member::MemberRole,
    secret::Sealed,
    text::{EmailAddress, NoteText},
};

use crate::bed::{Bed, at};

pub async fn a_customer_reads_back(bed: Bed) {
    let (first, second) = (bed.customer().await, bed.customer().await);
    assert_eq!(customer_get(&bed.db, first.id).await.unwrap().as_ref(), Some(&first));
    let found = customer_by_email(&bed.db, &second.email).await.unwrap();
    assert_eq!(found, Some((second.clone(), "hash".into())));
    let (nobody, ids) = (bed.new_customer().id, [second.id, first.id, second.id]);
    let both = HashMap::from([(first.id, first.clone()), (second.id, second.clone())]);
    assert_eq!(customers_of(&bed.db, &ids).await.unwrap(), both);
    let one = HashMap::from([(first.id, first.clone())]);
    assert_eq!(customers_of(&bed.db, &[first.id, nobody]).await.unwrap(), one);
    assert_eq!(customers_of(&bed.db, &[]).await.unwrap(), HashMap::new());
    assert_eq!(customer_list(&bed.db, Page::first(10)).await.unwrap(), [second.clone(), first.clone()]);
    assert_eq!(customer_list(&bed.db, Page::after(second.id, 10)).await.unwrap(), [first]);
    assert_eq!(customer_count(&bed.db).await.unwrap(), 2);
}

pub async fn an_address_is_unique(bed: Bed) {
    let first = bed.customer().await;
    let mut second = bed.new_customer();
    second.email = first.email.clone();
    let tx = bed.db.begin().await.unwrap();
    let error = customer_insert(&tx, &second, "hash").await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::CustomerEmail)), "{error:?}");
    drop(tx);
    let tx = bed.db.begin().await.unwrap();
    second.email = bed.new_customer().email;
    second.id = first.id;
    let error = customer_insert(&tx, &second, "hash").await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::Key)), "{error:?}");
}

fn member(bed: &Bed, role: Role) -> Staff {
    let email = EmailAddress::parse(&format!("s{}@example.com", bed.number())).unwrap();
    Staff { id: StaffId::from_uuid(bed.uuid()), email, role, created_at: at(0) }
}

pub async fn staff_and_passwords(bed: Bed) {
    let (boss, help) = (member(&bed, Role::SuperAdmin), member(&bed, Role::Support));
    let tx = bed.db.begin().await.unwrap();
    staff_insert(&tx, &boss, "first").await.unwrap();
    staff_insert(&tx, &help, "other").await.unwrap();
    let actor = Actor::Staff(boss.id, boss.role);
    password_set(&tx, actor, "second").await.unwrap();
    assert!(matches!(password_set(&tx, Actor::System, "x").await, Err(DbError::Missing(_))));
    tx.commit().await.unwrap();
    assert_eq!(staff_by_email(&bed.db, &boss.email).await.unwrap(), Some((boss.clone(), "second".into())));
    assert_eq!(staff_get(&bed.db, help.id).await.unwrap(), Some(help.clone()));
    assert_eq!(staff_list(&bed.db).await.unwrap(), [boss.clone(), help]);
    assert_eq!(staff_count(&bed.db).await.unwrap(), 2);
    let tx = bed.db.begin().await.unwrap();
    let twin = Staff { id: StaffId::from_uuid(bed.uuid()), ..boss };
    let error = staff_insert(&tx, &twin, "x").await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::StaffEmail)), "{error:?}");
}

pub async fn sessions_follow_their_account(bed: Bed) {
    let customer = bed.customer().await;
    let boss = member(&bed, Role::Admin);
    let tx = bed.db.begin().await.unwrap();
    staff_insert(&tx, &boss, "x").await.unwrap();
    let session = |n: u8, actor| Session {
        id_hash: [n; 32],
        actor,
        csrf: "csrf".into(),
        created_at: at(0),
        seen_at: at(i64::from(n)),
        second_factor_at: None,
        browser: None,
    };
    let his = session(1, Actor::Customer(customer.id));
    let hers = session(2, Actor::Staff(boss.id, Role::Admin));
    session_insert(&tx, &his).await.unwrap();
    session_insert(&tx, &hers).await.unwrap();
    session_insert(&tx, &session(3, Actor::Customer(CustomerId::from_uuid(bed.uuid())))).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(session_get(&bed.db, &[1; 32]).await.unwrap(), Some(his));
    assert_eq!(session_get(&bed.db, &[2; 32]).await.unwrap(), Some(hers));
    assert_eq!(session_get(&bed.db, &[3; 32]).await.unwrap(), None, "the account is gone");
    bed.raw("UPDATE staff SET role = 'support'").await;
    let now = session_get(&bed.db, &[2; 32]).await.unwrap().unwrap();
    assert_eq!(now.actor, Actor::Staff(boss.id, Role::Support), "the role is read fresh");
    let tx = bed.db.begin().await.unwrap();
    session_touch(&tx, &[1; 32], at(900)).await.unwrap();
    let expired = sessions_expire(&tx, at(3), at(3), 10).await.unwrap();
    assert_eq!(
        expired.iter().map(|e| (e.account.clone(), e.is_idle)).collect::<Vec<_>>(),
        [(boss.id.to_string(), true)]
    );
    assert_eq!(sessions_expire(&tx, at(3), at(3), 10).await.unwrap(), []);
    session_delete(&tx, &[3; 32]).await.unwrap();
    assert!(matches!(session_touch(&tx, &[3; 32], at(1)).await, Err(DbError::Missing(_))));
    assert_eq!(session_get(&tx, &[1; 32]).await.unwrap().unwrap().seen_at, at(900));
    assert_eq!(sessions_delete_of(&tx, Actor::Customer(customer.id)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(session_get(&bed.db, &[1; 32]).await.unwrap(), None);
}

pub async fn tokens(bed: Bed) {
    let (customer, other) = (bed.customer().await, bed.customer().await);
    let token = ApiToken {
        id: TokenId::from_uuid(bed.uuid()),
        actor: Actor::Customer(customer.id),
        name: "CI".into(),
        prefix: "stoa_pat_Ab3".into(),
        abilities: Abilities::from_iter([Ability::Read, Ability::Deploy]),
        created_at: at(0),
        expires_at: Some(at(5)),
        last_used_at: None,
    };
    let tx = bed.db.begin().await.unwrap();
    token_insert(&tx, &token, &[7; 32]).await.unwrap();
    token_used(&tx, token.id, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let used = ApiToken { last_used_at: Some(at(1)), ..token.clone() };
    assert_eq!(token_by_hash(&bed.db, &[7; 32]).await.unwrap(), Some(used.clone()));
    assert_eq!(token_by_hash(&bed.db, &[8; 32]).await.unwrap(), None);
    assert_eq!(token_list(&bed.db, token.actor).await.unwrap(), [used]);
    let tx = bed.db.begin().await.unwrap();
    assert!(!token_delete(&tx, Actor::Customer(other.id), token.id).await.unwrap());
    assert!(token_delete(&tx, token.actor, token.id).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(token_list(&bed.db, token.actor).await.unwrap(), []);
}

pub async fn a_code_is_accepted_once_also_by_two_connections(bed: Bed) {
    let subject = Subject::of(Actor::Customer(bed.customer().await.id)).unwrap();
    let (first, second) = (Sealed("first".into()), Sealed("second".into()));
    let tx = bed.db.begin().await.unwrap();
    totp_begin(&tx, &subject, &first, at(0)).await.unwrap();
    totp_begin(&tx, &subject, &second, at(1)).await.unwrap();
    assert!(!totp_accept(&tx, &subject, 5).await.unwrap(), "not confirmed yet");
    assert!(!totp_confirm(&tx, &subject, &first, 7, at(2)).await.unwrap(), "it was replaced");
    let subjects = std::slice::from_ref(&subject);
    assert_eq!(totp_confirmed_of(&tx, subjects).await.unwrap(), []);
    assert!(totp_confirm(&tx, &subject, &second, 7, at(2)).await.unwrap());
    assert!(!totp_confirm(&tx, &subject, &second, 8, at(2)).await.unwrap(), "confirmed once");
    assert_eq!(totp_confirmed_of(&tx, subjects).await.unwrap(), subjects);
    tx.commit().await.unwrap();
    let stored = totp_get(&bed.db, &subject).await.unwrap();
    assert_eq!(stored, Some(Totp { sealed: second, confirmed_at: Some(at(2)), last_step: 7 }));
    let accept = async |step| {
        let subject = &subject;
        bed.db.write(|tx| Box::pin(async move { totp_accept(&tx, subject, step).await })).await.unwrap()
    };
    assert!(!accept(7).await, "the code that confirmed is spent");
    let (one, two) = tokio::join!(accept(8), accept(8));
    assert!(one != two, "exactly one of them");
    assert!(!accept(6).await, "an older one");
    let tx = bed.db.begin().await.unwrap();
    assert!(matches!(totp_begin(&tx, &subject, &first, at(3)).await, Err(DbError::Conflict(Constraint::Key))));
}

pub async fn recovery_codes_work_once_and_end_with_the_factor(bed: Bed) {
    let [own, other] =
        [bed.customer().await.id, bed.customer().await.id].map(|id| Subject::of(Actor::Customer(id)).unwrap());
    let tx = bed.db.begin().await.unwrap();
    recovery_codes_replace(&tx, &own, &[[1; 32], [2; 32]], at(0)).await.unwrap();
    recovery_codes_replace(&tx, &other, &[[1; 32]], at(0)).await.unwrap();
    assert!(!recovery_code_use(&tx, &own, &[9; 32], at(1)).await.unwrap());
    assert!(recovery_code_use(&tx, &own, &[1; 32], at(1)).await.unwrap());
    assert!(!recovery_code_use(&tx, &own, &[1; 32], at(2)).await.unwrap());
    assert_eq!(recovery_codes_left(&tx, &own).await.unwrap(), 1);
    assert_eq!(recovery_codes_left(&tx, &other).await.unwrap(), 1);
    recovery_codes_replace(&tx, &own, &[[3; 32]], at(3)).await.unwrap();
    assert!(!recovery_code_use(&tx, &own, &[2; 32], at(4)).await.unwrap(), "replaced");
    totp_begin(&tx, &own, &Sealed("x".into()), at(4)).await.unwrap();
    flow_insert(&tx, &[5; 32], &own, at(100)).await.unwrap();
    assert!(!second_factor_delete(&tx, &own).await.unwrap(), "it was not confirmed");
    assert_eq!(totp_get(&tx, &own).await.unwrap(), None);
    assert_eq!(recovery_codes_left(&tx, &own).await.unwrap(), 0);
    assert_eq!(flow_get(&tx, &[5; 32], 5, at(5)).await.unwrap(), None);
    assert_eq!(recovery_codes_left(&tx, &other).await.unwrap(), 1);
}

pub async fn a_login_flow_has_so_many_tries_and_ends(bed: Bed) {
    let subject = Subject::of(Actor::Customer(bed.customer().await.id)).unwrap();
    let tx = bed.db.begin().await.unwrap();
    flow_insert(&tx, &[1; 32], &subject, at(10)).await.unwrap();
    flow_insert(&tx, &[2; 32], &subject, at(10)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(flow_get(&tx, &[1; 32], 2, at(9)).await.unwrap().as_ref(), Some(&subject));
        assert!(flow_try(&tx, &[1; 32], 2, at(9)).await.unwrap());
    }
    assert!(!flow_try(&tx, &[1; 32], 2, at(9)).await.unwrap());
    assert_eq!(flow_get(&tx, &[1; 32], 2, at(9)).await.unwrap(), None);
    assert!(!flow_try(&tx, &[2; 32], 2, at(10)).await.unwrap(), "expired");
    assert!(flow_delete(&tx, &[1; 32]).await.unwrap());
    assert!(!flow_delete(&tx, &[1; 32]).await.unwrap());
    assert_eq!(flows_delete_expired(&tx, at(11)).await.unwrap(), 1);
}

pub async fn failed_logins_are_counted_in_a_row(bed: Bed) {
    let tx = bed.db.begin().await.unwrap();
    for second in 1..=3 {
        login_failed(&tx, "jane", at(0), at(second)).await.unwrap();
    }
    login_failed(&tx, "bob", at(0), at(1)).await.unwrap();
    assert_eq!(login_failures(&tx, "jane", at(0)).await.unwrap(), 3);
    assert_eq!(login_failures(&tx, "jane", at(4)).await.unwrap(), 0, "long ago");
    login_failed(&tx, "jane", at(4), at(5)).await.unwrap();
    assert_eq!(login_failures(&tx, "jane", at(0)).await.unwrap(), 1, "the old ones are forgotten");
    login_failures_clear(&tx, "jane").await.unwrap();
    assert_eq!(login_failures(&tx, "jane", at(0)).await.unwrap(), 0);
    assert_eq!(login_failures_prune(&tx, at(2)).await.unwrap(), 1);
}

pub async fn people_read_back_and_keep_their_organization_in_step(bed: Bed) {
    let customer = bed.customer().await;
    let person = User {
        id: customer.id.founder(),
        email: customer.email.clone(),
        claimed_email: None,
        verified_at: None,
        auth_epoch: 0,
        customer: None,
        created_at: at(0),
        close_at: None,
    };
    let tx = bed.db.begin().await.unwrap();
    user_insert(&tx, &person, "hash").await.unwrap();
    assert_eq!(user_get(&tx, person.id).await.unwrap(), Some(person.clone()));
    user_verify(&tx, person.id, at(5)).await.unwrap();
    user_verify(&tx, person.id, at(9)).await.unwrap();
    assert_eq!(user_get(&tx, person.id).await.unwrap().unwrap().verified_at, Some(at(5)), "the first one counts");
    password_set(&tx, Actor::Customer(customer.id), "second").await.unwrap();
    assert_eq!(user_password_hash(&tx, person.id).await.unwrap().as_deref(), Some("second"));
    let email = EmailAddress::parse("other@example.com").unwrap();
    user_set_email(&tx, person.id, &email, at(7)).await.unwrap();
    let found = user_by_email(&tx, &email).await.unwrap().unwrap();
    assert_eq!((found.auth_epoch, found.verified_at), (2, Some(at(7))));
    assert_eq!(customer_by_email(&tx, &email).await.unwrap().unwrap().1, "second", "the previous release logs in too");
    user_sync_password(&tx, person.id, "second").await.unwrap();
    assert_eq!(auth_epoch(&tx, Actor::Customer(customer.id)).await.unwrap(), 2, "nothing to take over");
    user_sync_password(&tx, person.id, "third").await.unwrap();
    assert_eq!(auth_epoch(&tx, Actor::Customer(customer.id)).await.unwrap(), 3);
    let twin = User { id: UserId::from_uuid(bed.uuid()), email: email.clone(), ..person };
    tx.commit().await.unwrap();
    let tx = bed.db.begin().await.unwrap();
    let error = user_insert(&tx, &twin, "x").await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::UserEmail)), "{error:?}");
}

pub async fn members_and_invitations(bed: Bed) {
    let (firm, other) = (bed.customer().await, bed.customer().await);
    let tx = bed.db.begin().await.unwrap();
    for customer in [&firm, &other] {
        let person = User {
            id: customer.id.founder(),
            email: customer.email.clone(),
            claimed_email: None,
            verified_at: Some(at(0)),
            auth_epoch: 0,
            customer: None,
            created_at: at(0),
            close_at: None,
        };
        user_insert(&tx, &person, "hash").await.unwrap();
        member_insert(&tx, customer.id, person.id, MemberRole::Owner, at(0)).await.unwrap();
    }
    let guest = other.id.founder();
    member_insert(&tx, firm.id, guest, MemberRole::Viewer, at(1)).await.unwrap();
    member_insert(&tx, firm.id, guest, MemberRole::Owner, at(2)).await.unwrap();
    assert_eq!(member_role(&tx, firm.id, guest).await.unwrap(), Some(MemberRole::Viewer), "once is once");
    assert!(member_set_role(&tx, firm.id, guest, MemberRole::Developer).await.unwrap());
    let list: Vec<_> = member_list(&tx, firm.id).await.unwrap().into_iter().map(|m| (m.user, m.role)).collect();
    assert_eq!(list, [(firm.id.founder(), MemberRole::Owner), (guest, MemberRole::Developer)]);
    let of: Vec<_> = memberships(&tx, guest).await.unwrap().into_iter().map(|m| m.customer).collect();
    assert_eq!(of, [other.id, firm.id], "the own one first");
    assert_eq!(owner_count(&tx, firm.id).await.unwrap(), 1);

    let invitation = Invitation {
        id: InvitationId::from_uuid(bed.uuid()),
        customer: firm.id,
        email: EmailAddress::parse("new@example.com").unwrap(),
        role: MemberRole::Admin,
        inviter: firm.id.founder(),
        created_at: at(0),
        expires_at: at(10),
    };
    invitation_insert(&tx, &invitation, &[3; 32]).await.unwrap();
    invitation_set_hash(&tx, invitation.id, &[4; 32]).await.unwrap();
    assert_eq!(invitation_by_hash(&tx, &[4; 32], at(9)).await.unwrap(), Some(invitation.clone()));
    assert_eq!(invitation_by_hash(&tx, &[4; 32], at(10)).await.unwrap(), None, "expired");
    assert_eq!(invitation_list(&tx, firm.id, at(1)).await.unwrap(), std::slice::from_ref(&invitation));
    assert!(invitation_end(&tx, invitation.id, "accepted", at(2)).await.unwrap());
    assert!(!invitation_end(&tx, invitation.id, "accepted", at(2)).await.unwrap(), "once");
    let again = Invitation { id: InvitationId::from_uuid(bed.uuid()), ..invitation };
    invitation_insert(&tx, &again, &[5; 32]).await.unwrap();
    tx.commit().await.unwrap();
    let tx = bed.db.begin().await.unwrap();
    let twice = Invitation { id: InvitationId::from_uuid(bed.uuid()), ..again };
    let error = invitation_insert(&tx, &twice, &[6; 32]).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::OpenInvitation)), "{error:?}");
}

pub async fn a_mailed_secret_is_used_once(bed: Bed) {
    let secret = OneTime {
        hash: [9; 32],
        purpose: "reset".into(),
        subject: Subject::of(Actor::Customer(CustomerId::from_uuid(bed.uuid()))).expect("it logs in"),
        email: EmailAddress::parse("jane@example.com").unwrap(),
        binding: "b".into(),
        created_at: at(0),
        expires_at: at(30),
        used_at: None,
    };
    let tx = bed.db.begin().await.unwrap();
    one_time_insert(&tx, &secret).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(one_time_get(&bed.db, "reset", &[9; 32], at(29)).await.unwrap(), Some(secret));
    assert_eq!(one_time_get(&bed.db, "verify", &[9; 32], at(29)).await.unwrap(), None, "for another purpose");
    assert_eq!(one_time_get(&bed.db, "reset", &[9; 32], at(30)).await.unwrap(), None, "expired");
    let uses = (0..8).map(|_| {
        let db = bed.db.clone();
        tokio::spawn(async move {
            db.write(|tx| Box::pin(async move { one_time_use(&tx, &[9; 32], at(5)).await })).await.unwrap()
        })
    });
    let mut successes = 0;
    for used in uses.collect::<Vec<_>>() {
        successes += usize::from(used.await.unwrap());
    }
    assert_eq!(successes, 1);
}

pub async fn notes_about_a_customer(bed: Bed) {
    let (jane, other) = (bed.customer().await.id, bed.customer().await.id);
    let note = |n: u128, customer: CustomerId, text: &str| Note {
        id: NoteId::from_uuid(uuid::Uuid::from_u128(n)),
        customer,
        author: StaffId::from_uuid(uuid::Uuid::from_u128(9)),
        text: NoteText::parse(text).unwrap(),
        created_at: at(n as i64),
    };
    let all = [note(1, jane, "first"), note(2, jane, "second\n✓"), note(3, other, "third")];
    let tx = bed.db.begin().await.unwrap();
    for note in &all {
        note_insert(&tx, note).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(note_list(&bed.db, jane, 10).await.unwrap(), [all[1].clone(), all[0].clone()]);
    assert_eq!(note_list(&bed.db, jane, 1).await.unwrap(), [all[1].clone()]);
    let tx = bed.db.begin().await.unwrap();
    note_delete(&tx, all[1].id).await.unwrap();
    notes_delete_of(&tx, other).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(note_get(&bed.db, all[1].id).await.unwrap(), None);
    assert_eq!(note_get(&bed.db, all[0].id).await.unwrap().as_ref(), Some(&all[0]));
    assert_eq!(note_list(&bed.db, other, 10).await.unwrap(), []);
}

pub async fn a_passkey_is_unique_and_used_by_one_login_at_a_time(bed: Bed) {
    let [jane, other] =
        [bed.customer().await.id, bed.customer().await.id].map(|id| Subject::of(Actor::Customer(id)).unwrap());
    let passkey = |n: u8, subject: &Subject| Passkey {
        id: PasskeyId::from_uuid(uuid::Uuid::from_u128(n.into())),
        subject: subject.clone(),
        credential: [n; 32],
        name: "Jane's ☎".into(),
        public_key: "{\"counter\":1}".into(),
        created_at: at(1),
        last_used_at: None,
    };
    let (first, second) = (passkey(1, &jane), passkey(2, &jane));
    let tx = bed.db.begin().await.unwrap();
    passkey_insert(&tx, &first).await.unwrap();
    passkey_insert(&tx, &second).await.unwrap();
    tx.commit().await.unwrap();
    let tx = bed.db.begin().await.unwrap();
    let twice = Passkey { id: PasskeyId::from_uuid(uuid::Uuid::from_u128(9)), ..passkey(1, &other) };
    let error = passkey_insert(&tx, &twice).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::Passkey)), "{error:?}");
    drop(tx);
    assert_eq!(passkey_list(&bed.db, &jane).await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(passkey_by_credential(&bed.db, &[2; 32]).await.unwrap().as_ref(), Some(&second));
    let tx = bed.db.begin().await.unwrap();
    assert!(passkey_used(&tx, &first, "{\"counter\":2}", at(5)).await.unwrap());
    assert!(!passkey_used(&tx, &first, "{\"counter\":2}", at(6)).await.unwrap(), "it was used since it was read");
    assert_eq!(passkey_delete(&tx, &other, first.id).await.unwrap(), None, "another account's");
    assert_eq!(passkey_delete(&tx, &jane, first.id).await.unwrap().as_deref(), Some("Jane's ☎"));
    assert!(!passkey_used(&tx, &first, "{\"counter\":2}", at(6)).await.unwrap(), "removed");
    assert_eq!(passkeys_delete_of(&tx, &jane).await.unwrap(), 1);
}

pub async fn a_challenge_is_taken_once_by_whom_it_is_for(bed: Bed) {
    let jane = Subject::of(Actor::Customer(bed.customer().await.id)).unwrap();
    let tx = bed.db.begin().await.unwrap();
    challenge_insert(&tx, &[1; 32], Some(&jane), "hers", at(10)).await.unwrap();
    challenge_insert(&tx, &[2; 32], None, "a login", at(10)).await.unwrap();
    challenge_insert(&tx, &[3; 32], None, "old", at(3)).await.unwrap();
    assert_eq!(challenge_take(&tx, &[1; 32], None, at(5)).await.unwrap(), None);
    assert_eq!(challenge_take(&tx, &[2; 32], Some(&jane), at(5)).await.unwrap(), None);
    assert_eq!(challenge_take(&tx, &[3; 32], None, at(5)).await.unwrap(), None);
    assert_eq!(challenge_take(&tx, &[1; 32], Some(&jane), at(5)).await.unwrap().as_deref(), Some("hers"));
    assert_eq!(challenge_take(&tx, &[1; 32], Some(&jane), at(5)).await.unwrap(), None);
    challenges_delete_expired(&tx, at(5)).await.unwrap();
    tx.commit().await.unwrap();
    let take = async || {
        bed.db.write(|tx| Box::pin(async move { challenge_take(&tx, &[2; 32], None, at(6)).await })).await.unwrap()
    };
    let (one, two) = tokio::join!(take(), take());
    assert!(one.is_some() != two.is_some(), "exactly one of them: {one:?} {two:?}");
}
