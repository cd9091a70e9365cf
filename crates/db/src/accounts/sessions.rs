//! Browser sessions. Only a hash of the session's secret is stored, so a stolen copy of the database opens
//! no session. The account and its role are read on every request: a revoked role or a deleted account
//! takes effect at the next request, not at the next login.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    prelude::Uuid,
    sea_query::{Expr, ExprTrait},
};
use stoa_model::{
    account::Actor,
    id::{CustomerId, SessionId, StaffId},
};

use crate::{
    Conn, DbError, Tx,
    accounts::staff_accounts::{StaffAccount, staff_account},
    codec::{Row, actor_key, clip, ms},
    db::Raw,
    entity::{customers, sessions},
};

/// The session of a logged-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Hash of the secret in the cookie.
    pub id_hash: [u8; 32],
    /// Who is logged in, with their current role.
    pub actor: Actor,
    /// CSRF token of the session's forms.
    pub csrf: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// What this release knows more of it; `None` for a session that the previous release has opened.
    pub browser: Option<SessionBrowser>,
    /// When a second factor was used for it, if one was.
    pub second_factor_at: Option<Timestamp>,
}

/// What is known of a session besides who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionBrowser {
    /// Its id for people: it opens nothing.
    pub id: SessionId,
    /// The organization that the person has chosen, if it is not the one they have founded.
    pub customer: Option<CustomerId>,
    /// The account's epoch when the session was opened; a later one has ended it.
    pub auth_epoch: i64,
    /// When the password was last asked for.
    pub authenticated_at: Timestamp,
    /// When it ends, however much it is used.
    pub ends_at: Timestamp,
    /// The client's address at log-in.
    pub address: Option<String>,
    /// The client's user agent at log-in.
    pub agent: Option<String>,
    /// The customer as whom staff view the portal in it.
    pub view: Option<CustomerView>,
}

/// That a session of staff shows the portal as a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerView {
    /// The customer.
    pub customer: CustomerId,
    /// When the session of staff ends that it goes back to.
    pub staff_ends_at: Timestamp,
}

/// Inserts a session.
///
/// # Errors
/// `Conflict(Key)` if the hash is in use.
pub async fn session_insert(tx: &Tx, session: &Session) -> Result<(), DbError> {
    let browser = session.browser.as_ref();
    let view = browser.and_then(|browser| browser.view);
    let row = sessions::Model {
        id_hash: session.id_hash.to_vec(),
        actor: actor_key(session.actor),
        csrf: session.csrf.clone(),
        created_at: ms(session.created_at),
        seen_at: ms(session.seen_at),
        second_factor_at: session.second_factor_at.map(ms),
        public_id: browser.map(|browser| browser.id.uuid()),
        customer: browser.and_then(|browser| browser.customer).map(CustomerId::uuid),
        auth_epoch: browser.map(stored_epoch),
        authenticated_at: browser.map(|browser| ms(browser.authenticated_at)),
        ends_at: browser.map(|browser| ms(browser.ends_at)),
        address: browser.and_then(|browser| browser.address.as_deref()).map(|text| clip(text, 64)),
        agent: browser.and_then(|browser| browser.agent.as_deref()).map(|text| clip(text, 255)),
        viewed_customer: view.map(|view| view.customer.uuid()),
        staff_ends_at: view.map(|view| ms(view.staff_ends_at)),
    };
    sessions::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The epoch as stored: the previous release, which doesn't know views, must find it wrong.
fn stored_epoch(browser: &SessionBrowser) -> i64 {
    if browser.view.is_some() { !browser.auth_epoch } else { browser.auth_epoch }
}

/// A session by the hash of its secret; `None` also if the account no longer exists. The caller decides
/// whether it is too old.
pub async fn session_get(c: &impl Conn, id_hash: &[u8; 32]) -> Result<Option<Session>, DbError> {
    let Some(row) = sessions::Entity::find_by_id(id_hash.to_vec()).one(c.raw()).await? else { return Ok(None) };
    let read = Row { table: "sessions", id: &row.actor };
    let Some(actor) = active_actor(c, &read, &row.actor).await? else { return Ok(None) };
    session(row, actor).map(Some)
}

/// The sessions of an account, the last used first.
pub async fn session_list(c: &impl Conn, actor: Actor) -> Result<Vec<Session>, DbError> {
    let own = sessions::Entity::find().filter(sessions::Column::Actor.eq(actor_key(actor)));
    let rows = own.order_by_desc(sessions::Column::SeenAt).all(c.raw()).await?;
    rows.into_iter().map(|row| session(row, actor)).collect()
}

fn session(row: sessions::Model, actor: Actor) -> Result<Session, DbError> {
    let read = Row { table: "sessions", id: &row.actor };
    let view = match (row.viewed_customer, row.staff_ends_at) {
        (Some(customer), Some(ends_at)) => {
            Some(CustomerView { customer: CustomerId::from_uuid(customer), staff_ends_at: read.time(ends_at)? })
        }
        _ => None,
    };
    let browser = match (row.public_id, row.auth_epoch, row.authenticated_at, row.ends_at) {
        (Some(id), Some(auth_epoch), Some(authenticated_at), Some(ends_at)) => Some(SessionBrowser {
            id: SessionId::from_uuid(id),
            customer: row.customer.map(CustomerId::from_uuid),
            auth_epoch: if view.is_some() { !auth_epoch } else { auth_epoch },
            view,
            authenticated_at: read.time(authenticated_at)?,
            ends_at: read.time(ends_at)?,
            address: row.address,
            agent: row.agent,
        }),
        _ => None,
    };
    Ok(Session {
        id_hash: read.hash(&row.id_hash)?,
        actor,
        created_at: read.time(row.created_at)?,
        seen_at: read.time(row.seen_at)?,
        second_factor_at: read.maybe_time(row.second_factor_at)?,
        csrf: row.csrf,
        browser,
    })
}

/// The account with this key and its current role, or `None` if it no longer exists or is deactivated.
pub(crate) async fn active_actor(c: &impl Conn, read: &Row<'_>, key: &str) -> Result<Option<Actor>, DbError> {
    if key.starts_with(StaffId::PREFIX) {
        let account = staff_account(c, read.parse(key)?).await?.filter(|account| account.state.is_open());
        return Ok(account.map(|StaffAccount { staff, .. }| Actor::Staff(staff.id, staff.role)));
    }
    let id: CustomerId = read.parse(key)?;
    let found = customers::Entity::find_by_id(id.uuid()).one(c.raw()).await?;
    Ok(found.map(|_| Actor::Customer(id)))
}

/// Records that a session was used.
///
/// # Errors
/// `Missing` if the session has ended.
pub async fn session_touch(tx: &Tx, id_hash: &[u8; 32], now: Timestamp) -> Result<(), DbError> {
    let done = sessions::Entity::update_many()
        .col_expr(sessions::Column::SeenAt, Expr::value(ms(now)))
        .filter(sessions::Column::IdHash.eq(id_hash.to_vec()))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 { Err(DbError::Missing("sessions")) } else { Ok(()) }
}

/// Records that the person behind a session has given the password again.
pub async fn session_authenticated(tx: &Tx, id: SessionId, now: Timestamp) -> Result<(), DbError> {
    let update = sessions::Entity::update_many().col_expr(sessions::Column::AuthenticatedAt, Expr::value(ms(now)));
    update.filter(sessions::Column::PublicId.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

/// Records the organization that the person behind a session has chosen.
pub async fn session_set_customer(tx: &Tx, id: SessionId, customer: CustomerId) -> Result<(), DbError> {
    let update = sessions::Entity::update_many().col_expr(sessions::Column::Customer, Expr::value(customer.uuid()));
    update.filter(sessions::Column::PublicId.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

/// Keeps a session when its account's epoch is raised.
pub async fn session_set_epoch(tx: &Tx, id: SessionId, auth_epoch: i64) -> Result<(), DbError> {
    let update = sessions::Entity::update_many().col_expr(sessions::Column::AuthEpoch, Expr::value(auth_epoch));
    update.filter(sessions::Column::PublicId.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

/// Deletes a session of this account, and returns whether there was one.
pub async fn session_end(tx: &Tx, actor: Actor, id: SessionId) -> Result<bool, DbError> {
    let this = sessions::Column::PublicId.eq(id.uuid()).and(sessions::Column::Actor.eq(actor_key(actor)));
    Ok(sessions::Entity::delete_many().filter(this).exec(tx.raw()).await?.rows_affected > 0)
}

/// Deletes all sessions of an account but this one, and returns how many.
pub async fn sessions_delete_others(tx: &Tx, actor: Actor, keep: Option<SessionId>) -> Result<u64, DbError> {
    let own = sessions::Column::Actor.eq(actor_key(actor));
    let others = match keep {
        None => own,
        Some(keep) => own.and(sessions::Column::PublicId.is_null().or(sessions::Column::PublicId.ne(keep.uuid()))),
    };
    Ok(sessions::Entity::delete_many().filter(others).exec(tx.raw()).await?.rows_affected)
}

/// Deletes a session; idempotent.
pub async fn session_delete(tx: &Tx, id_hash: &[u8; 32]) -> Result<(), DbError> {
    sessions::Entity::delete_by_id(id_hash.to_vec()).exec(tx.raw()).await?;
    Ok(())
}

/// A session that has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredSession {
    /// Its public id, unless the previous release has opened it.
    pub id: Option<SessionId>,
    /// The printed id of its account.
    pub account: String,
    /// Whether it was not used for too long, rather than too old.
    pub is_idle: bool,
}

/// Deletes sessions that were last used before `before` or have ended before `now`, at most `limit`, and returns them.
pub async fn sessions_expire(
    tx: &Tx,
    before: Timestamp,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<ExpiredSession>, DbError> {
    let old = sessions::Column::SeenAt.lt(ms(before)).or(sessions::Column::EndsAt.lt(ms(now)));
    let mut rows = sessions::Entity::find().filter(old.clone()).limit(limit).all(tx.raw()).await?;
    let hashes = rows.iter().map(|row| row.id_hash.clone());
    // Again the condition: one that was used meanwhile goes on.
    let delete = sessions::Entity::delete_many().filter(sessions::Column::IdHash.is_in(hashes.clone())).filter(old);
    delete.exec(tx.raw()).await?;
    let left = sessions::Entity::find().filter(sessions::Column::IdHash.is_in(hashes)).all(tx.raw()).await?;
    rows.retain(|row| !left.iter().any(|left| left.id_hash == row.id_hash));
    let expired = |row: sessions::Model| ExpiredSession {
        id: row.public_id.map(SessionId::from_uuid),
        account: row.actor,
        is_idle: row.seen_at < ms(before),
    };
    Ok(rows.into_iter().map(expired).collect())
}

/// The public ids of an account's sessions, but of this one.
pub async fn session_ids(c: &impl Conn, actor: Actor, keep: Option<SessionId>) -> Result<Vec<SessionId>, DbError> {
    let own = sessions::Entity::find().filter(sessions::Column::Actor.eq(actor_key(actor)));
    let ids = own.select_only().column(sessions::Column::PublicId).order_by_desc(sessions::Column::SeenAt);
    let ids: Vec<Option<Uuid>> = ids.into_tuple().all(c.raw()).await?;
    Ok(ids.into_iter().flatten().map(SessionId::from_uuid).filter(|id| Some(*id) != keep).collect())
}

/// Deletes all sessions of an account, for instance after a password change, and returns how many.
pub async fn sessions_delete_of(tx: &Tx, actor: Actor) -> Result<u64, DbError> {
    let own = sessions::Column::Actor.eq(actor_key(actor));
    Ok(sessions::Entity::delete_many().filter(own).exec(tx.raw()).await?.rows_affected)
}
