//! Accounts of staff as they are managed. Whoever changes one locks them all first ([`staff_lock`]): that the last super
//! admin stays is a fact about all of them.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use stoa_model::{
    account::{Role, Staff, StaffState},
    id::StaffId,
    text::{EmailAddress, StaffName},
};

use super::{passwords::NO_PASSWORD, staff::member};
use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::staff,
};

/// An account of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffAccount {
    /// Who it is.
    pub staff: Staff,
    /// Their name; accounts of earlier releases may have none.
    pub name: Option<StaffName>,
    /// Whether they can log in.
    pub state: StaffState,
    /// Until when the temporary password works that they have to replace.
    pub password_expires_at: Option<Timestamp>,
    /// When they last logged in.
    pub last_login_at: Option<Timestamp>,
    /// Number of changes so far.
    pub version: i64,
}

impl StaffAccount {
    /// The name, or the address of an account without one.
    pub fn display_name(&self) -> String {
        self.name.as_ref().map_or_else(|| self.staff.email.to_string(), ToString::to_string)
    }

    /// Whether they manage staff and will still be able to: with a password of their own, which doesn't expire.
    pub fn is_active_super_admin(&self) -> bool {
        let has_own_password = self.state == StaffState::Active && self.password_expires_at.is_none();
        has_own_password && self.staff.role == Role::SuperAdmin
    }
}

/// An account by id, also a deactivated or deleted one.
pub async fn staff_account(c: &impl Conn, id: StaffId) -> Result<Option<StaffAccount>, DbError> {
    staff::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(account).transpose()
}

/// An account that is not deleted, by its address.
pub async fn staff_account_by_email(c: &impl Conn, email: &EmailAddress) -> Result<Option<StaffAccount>, DbError> {
    let with = staff::Entity::find().filter(staff::Column::Email.eq(email.as_str()));
    with.filter(staff::Column::DeletedAt.is_null()).one(c.raw()).await?.map(account).transpose()
}

/// All accounts, also deleted ones, oldest first.
pub async fn staff_accounts(c: &impl Conn) -> Result<Vec<StaffAccount>, DbError> {
    let rows = staff::Entity::find().order_by_asc(staff::Column::Id).all(c.raw()).await?;
    rows.into_iter().map(account).collect()
}

/// Locks all accounts until the transaction ends, and returns them.
pub async fn staff_lock(tx: &Tx) -> Result<Vec<StaffAccount>, DbError> {
    let all = staff::Entity::find().order_by_asc(staff::Column::Id).lock_exclusive();
    all.all(tx.raw()).await?.into_iter().map(account).collect()
}

/// Sets name, address and role.
///
/// # Errors
/// `Conflict(StaffEmail)` if the address is in use.
pub async fn staff_update(
    tx: &Tx,
    id: StaffId,
    name: &StaffName,
    email: &EmailAddress,
    role: Role,
) -> Result<(), DbError> {
    let update = changed(id)
        .col_expr(staff::Column::Name, Expr::value(name.as_str()))
        .col_expr(staff::Column::Email, Expr::value(email.as_str()))
        .col_expr(staff::Column::Role, Expr::value(role.as_str()));
    update.exec(tx.raw()).await?;
    Ok(())
}

/// Deactivates an account at this time, or opens it again.
pub async fn staff_set_deactivated(tx: &Tx, id: StaffId, at: Option<Timestamp>) -> Result<(), DbError> {
    let update = changed(id).col_expr(staff::Column::DeactivatedAt, Expr::value(at.map(ms)));
    update.exec(tx.raw()).await?;
    Ok(())
}

/// Marks an account as deleted and frees its address. `name` is what history shows.
pub async fn staff_set_deleted(tx: &Tx, id: StaffId, name: &str, now: Timestamp) -> Result<(), DbError> {
    let update = changed(id)
        .col_expr(staff::Column::Name, Expr::value(name))
        .col_expr(staff::Column::Email, Expr::value(format!("{id}@deleted.invalid")))
        .col_expr(staff::Column::DeletedAt, Expr::value(ms(now)));
    update.exec(tx.raw()).await?;
    Ok(())
}

/// Makes the present password a temporary one, which works until then.
pub async fn staff_set_password_expiry(tx: &Tx, id: StaffId, expires_at: Timestamp) -> Result<(), DbError> {
    let update = staff::Entity::update_many()
        .col_expr(staff::Column::PasswordExpiresAt, Expr::value(ms(expires_at)))
        .filter(staff::Column::Id.eq(id.uuid()));
    update.exec(tx.raw()).await?;
    Ok(())
}

/// Ends all sessions of an account.
pub async fn staff_raise_epoch(tx: &Tx, id: StaffId) -> Result<(), DbError> {
    let update = staff::Entity::update_many()
        .col_expr(staff::Column::AuthEpoch, Expr::col(staff::Column::AuthEpoch).add(1_i64))
        .filter(staff::Column::Id.eq(id.uuid()));
    update.exec(tx.raw()).await?;
    Ok(())
}

/// Records a log-in.
pub async fn staff_logged_in(tx: &Tx, id: StaffId, now: Timestamp) -> Result<(), DbError> {
    let update = staff::Entity::update_many()
        .col_expr(staff::Column::LastLoginAt, Expr::value(ms(now)))
        .filter(staff::Column::Id.eq(id.uuid()));
    update.exec(tx.raw()).await?;
    Ok(())
}

/// An update that counts as a change, for whoever has the account open in a form.
fn changed(id: StaffId) -> sea_orm::UpdateMany<staff::Entity> {
    staff::Entity::update_many()
        .col_expr(staff::Column::Version, Expr::col(staff::Column::Version).add(1_i64))
        .filter(staff::Column::Id.eq(id.uuid()))
}

fn account(row: staff::Model) -> Result<StaffAccount, DbError> {
    let id = StaffId::from_uuid(row.id);
    let read = Row { table: "staff", id: &id };
    let state = match (row.deleted_at, row.deactivated_at, row.password_hash.as_str()) {
        (Some(_), _, _) => StaffState::Deleted,
        (None, Some(_), _) => StaffState::Deactivated,
        (None, None, NO_PASSWORD) => StaffState::Invited,
        (None, None, _) => StaffState::Active,
    };
    Ok(StaffAccount {
        state,
        name: row.name.as_deref().map(StaffName::parse).transpose().map_err(|why| read.bad(why))?,
        password_expires_at: read.maybe_time(row.password_expires_at)?,
        last_login_at: read.maybe_time(row.last_login_at)?,
        version: row.version,
        staff: member(row)?,
    })
}
