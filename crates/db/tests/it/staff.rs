use stoa_db::{
    Constraint, Db, DbError,
    accounts::{
        NO_PASSWORD, password_set,
        sessions::{CustomerView, Session, SessionBrowser, session_get, session_insert},
        staff_accounts::{
            StaffAccount, staff_account, staff_account_by_email, staff_accounts, staff_lock, staff_logged_in,
            staff_set_deactivated, staff_set_deleted, staff_set_password_expiry, staff_update,
        },
        staff_count, staff_insert, staff_login,
        users::{User, user_insert},
    },
};
use stoa_model::{
    account::{Actor, Role, Staff, StaffState},
    id::{SessionId, StaffId},
    text::{EmailAddress, StaffName},
};

use crate::bed::{Bed, at};

async fn member(bed: &Bed, role: Role) -> Staff {
    let email = EmailAddress::parse(&format!("m{}@example.com", bed.number())).unwrap();
    let staff = Staff { id: StaffId::from_uuid(bed.uuid()), email, role, created_at: at(0) };
    let tx = bed.db.begin().await.unwrap();
    staff_insert(&tx, &staff, "hash").await.unwrap();
    tx.commit().await.unwrap();
    staff
}

async fn read(bed: &Bed, id: StaffId) -> StaffAccount {
    staff_account(&bed.db, id).await.unwrap().expect("an account")
}

pub async fn an_account_reads_back_in_all_its_states(bed: Bed) {
    let (anna, other) = (member(&bed, Role::Admin).await, member(&bed, Role::Support).await);
    let fresh = StaffAccount {
        staff: anna.clone(),
        name: None,
        state: StaffState::Active,
        password_expires_at: None,
        last_login_at: None,
        version: 0,
    };
    assert_eq!(read(&bed, anna.id).await, fresh);
    assert_eq!(fresh.display_name(), anna.email.as_str(), "without a name");
    let tx = bed.db.begin().await.unwrap();
    let (name, email) = (StaffName::parse("Anna Ä.").unwrap(), EmailAddress::parse("anna@example.com").unwrap());
    staff_update(&tx, anna.id, &name, &email, Role::SuperAdmin).await.unwrap();
    staff_logged_in(&tx, anna.id, at(5)).await.unwrap();
    staff_set_password_expiry(&tx, anna.id, at(9)).await.unwrap();
    tx.commit().await.unwrap();
    let changed = read(&bed, anna.id).await;
    assert_eq!((changed.display_name().as_str(), changed.version), ("Anna Ä.", 1));
    assert_eq!((&changed.staff.email, changed.staff.role), (&email, Role::SuperAdmin));
    assert_eq!((changed.last_login_at, changed.password_expires_at), (Some(at(5)), Some(at(9))));
    assert!(!changed.is_active_super_admin(), "a temporary password expires");

    let actor = Actor::Staff(anna.id, Role::SuperAdmin);
    let tx = bed.db.begin().await.unwrap();
    let taken = staff_update(&tx, other.id, &name, &email, Role::Admin).await.unwrap_err();
    assert!(matches!(taken, DbError::Conflict(Constraint::StaffEmail)), "{taken:?}");
    drop(tx);
    let tx = bed.db.begin().await.unwrap();
    password_set(&tx, actor, "own").await.unwrap();
    assert!(staff_account(&tx, anna.id).await.unwrap().unwrap().is_active_super_admin());
    password_set(&tx, actor, NO_PASSWORD).await.unwrap();
    assert_eq!(staff_account(&tx, anna.id).await.unwrap().unwrap().state, StaffState::Invited);
    staff_set_deactivated(&tx, anna.id, Some(at(7))).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(read(&bed, anna.id).await.state, StaffState::Deactivated);
    assert!(staff_login(&bed.db, &email).await.unwrap().is_none());
    assert_eq!(staff_count(&bed.db).await.unwrap(), 1);
    assert!(staff_account_by_email(&bed.db, &email).await.unwrap().is_some(), "it is still managed");

    let tx = bed.db.begin().await.unwrap();
    staff_set_deleted(&tx, anna.id, "Anna Ä.", at(8)).await.unwrap();
    tx.commit().await.unwrap();
    let gone = read(&bed, anna.id).await;
    assert_eq!((gone.state, gone.display_name().as_str()), (StaffState::Deleted, "Anna Ä."));
    assert!(staff_account_by_email(&bed.db, &email).await.unwrap().is_none());
    assert_eq!(staff_accounts(&bed.db).await.unwrap().len(), 2, "history has them all");
    let tx = bed.db.begin().await.unwrap();
    staff_update(&tx, other.id, &name, &email, Role::Support).await.expect("the address is free");
}

pub async fn sessions_of_a_deactivated_account_are_none(bed: Bed) {
    let (anna, customer) = (member(&bed, Role::Admin).await, bed.customer().await);
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
    let view = CustomerView { customer: customer.id, staff_ends_at: at(99) };
    let session = |hash: u8, view| Session {
        id_hash: [hash; 32],
        actor: Actor::Staff(anna.id, Role::Admin),
        csrf: "csrf".into(),
        created_at: at(0),
        seen_at: at(0),
        browser: Some(SessionBrowser {
            id: SessionId::from_uuid(bed.uuid()),
            customer: None,
            auth_epoch: 4,
            authenticated_at: at(1),
            ends_at: at(9),
            address: None,
            agent: None,
            view,
        }),
        second_factor_at: None,
    };
    let (plain, viewing) = (session(1, None), session(2, Some(view)));
    let tx = bed.db.begin().await.unwrap();
    user_insert(&tx, &person, "hash").await.unwrap();
    session_insert(&tx, &plain).await.unwrap();
    session_insert(&tx, &viewing).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(session_get(&bed.db, &[1; 32]).await.unwrap(), Some(plain));
    assert_eq!(session_get(&bed.db, &[2; 32]).await.unwrap(), Some(viewing));
    let tx = bed.db.begin().await.unwrap();
    staff_set_deactivated(&tx, anna.id, Some(at(2))).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(session_get(&bed.db, &[1; 32]).await.unwrap(), None);
    assert_eq!(session_get(&bed.db, &[2; 32]).await.unwrap(), None);
}

/// Makes a super admin an admin if there is another one; returns whether it did.
async fn demote(db: &Db, id: StaffId) -> bool {
    let demoted: Result<bool, DbError> = db
        .write(|tx| {
            Box::pin(async move {
                let all = staff_lock(&tx).await?;
                let is_other = |account: &&StaffAccount| account.staff.id != id && account.is_active_super_admin();
                let Some(account) = all.iter().find(|account| account.staff.id == id) else { return Ok(false) };
                if !all.iter().any(|account| is_other(&account)) {
                    return Ok(false);
                }
                let name = StaffName::parse("Somebody").expect("a name");
                staff_update(&tx, id, &name, &account.staff.email, Role::Admin).await?;
                Ok(true)
            })
        })
        .await;
    demoted.expect("an answer")
}

pub async fn two_super_admins_demoted_at_once_leave_one(bed: Bed) {
    let other = Db::connect(&bed.url).await.unwrap();
    for round in 0..8 {
        let (one, two) = (member(&bed, Role::SuperAdmin).await, member(&bed, Role::SuperAdmin).await);
        let (first, second) = tokio::join!(demote(&bed.db, one.id), demote(&other, two.id));
        let left = staff_accounts(&bed.db).await.unwrap().iter().filter(|a| a.is_active_super_admin()).count();
        assert_eq!((left, first ^ second), (1, true), "round {round}: {first} {second}");
        // The next round begins without super admins.
        for account in staff_accounts(&bed.db).await.unwrap() {
            let tx = bed.db.begin().await.unwrap();
            staff_set_deactivated(&tx, account.staff.id, Some(at(0))).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
    other.close().await;
}
