use std::collections::HashMap;

use stoa_db::{
    Constraint, DbError, Page,
    accounts::{
        Subject, customer_by_email, customer_count, customer_get, customer_insert, customer_list, customers_of,
        login_failures::{login_failed, login_failures, login_failures_clear, login_failures_prune},
        login_flows::{flow_delete, flow_get, flow_insert, flow_try, flows_delete_expired},
        password_set,
        second_factors::{
            Totp, recovery_code_use, recovery_codes_left, recovery_codes_replace, second_factor_delete, totp_accept,
            totp_begin, totp_confirm, totp_get,
        },
        staff_by_email, staff_count, staff_get, staff_insert, staff_list,
    },
    sessions::{
        Session, session_delete, session_get, session_insert, session_touch, sessions_delete_idle, sessions_delete_of,
    },
    tokens::{ApiToken, token_by_hash, token_delete, token_insert, token_list, token_used},
};
use stoa_model::{
    ability::{Abilities, Ability},
    account::{Actor, Role, Staff},
    id::{StaffId, TokenId},
    secret::Sealed,
    text::EmailAddress,
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
    };
    let his = session(1, Actor::Customer(customer.id));
    let hers = session(2, Actor::Staff(boss.id, Role::Admin));
    session_insert(&tx, &his).await.unwrap();
    session_insert(&tx, &hers).await.unwrap();
    session_insert(&tx, &session(3, Actor::Customer(stoa_model::id::CustomerId::from_uuid(bed.uuid())))).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(session_get(&bed.db, &[1; 32]).await.unwrap(), Some(his));
    assert_eq!(session_get(&bed.db, &[2; 32]).await.unwrap(), Some(hers));
    assert_eq!(session_get(&bed.db, &[3; 32]).await.unwrap(), None, "the account is gone");
    bed.raw("UPDATE staff SET role = 'support'").await;
    let now = session_get(&bed.db, &[2; 32]).await.unwrap().unwrap();
    assert_eq!(now.actor, Actor::Staff(boss.id, Role::Support), "the role is read fresh");
    let tx = bed.db.begin().await.unwrap();
    session_touch(&tx, &[1; 32], at(900)).await.unwrap();
    assert_eq!(sessions_delete_idle(&tx, at(3)).await.unwrap(), 1);
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
    assert!(totp_confirm(&tx, &subject, &second, 7, at(2)).await.unwrap());
    assert!(!totp_confirm(&tx, &subject, &second, 8, at(2)).await.unwrap(), "confirmed once");
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
