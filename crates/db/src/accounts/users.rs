//! People. Until a release drops them, `customers.email` and `customers.password_hash` are written together with a
//! person's own, for the previous release; what only that one changed, [`user_sync_password`] takes over.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use stoa_model::{
    id::{CustomerId, UserId},
    text::EmailAddress,
};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::{customers, users},
};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Login name and address for mail; unique. A placeholder while `claimed_email` is set.
    pub email: EmailAddress,
    /// The address that they typed at sign-up, if it belongs to another person.
    pub claimed_email: Option<EmailAddress>,
    /// When they have verified the address.
    pub verified_at: Option<Timestamp>,
    /// Raised by every change that ends sessions.
    pub auth_epoch: i64,
    /// The organization that they worked in last.
    pub customer: Option<CustomerId>,
    /// When they signed up.
    pub created_at: Timestamp,
    /// When the account will be closed, if they have asked for it.
    pub close_at: Option<Timestamp>,
}

impl User {
    /// The address to show: the one that they typed.
    pub fn shown_email(&self) -> &EmailAddress {
        self.claimed_email.as_ref().unwrap_or(&self.email)
    }
}

/// Inserts a person.
///
/// # Errors
/// `Conflict(UserEmail)` if the address is in use.
pub async fn user_insert(tx: &Tx, user: &User, password_hash: &str) -> Result<(), DbError> {
    let row = users::Model {
        id: user.id.uuid(),
        email: user.email.as_str().to_owned(),
        claimed_email: user.claimed_email.as_ref().map(|email| email.as_str().to_owned()),
        password_hash: password_hash.to_owned(),
        email_verified_at: user.verified_at.map(ms),
        auth_epoch: user.auth_epoch,
        customer: user.customer.map(CustomerId::uuid),
        created_at: ms(user.created_at),
        close_at: user.close_at.map(ms),
    };
    users::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A person by id.
pub async fn user_get(c: &impl Conn, id: UserId) -> Result<Option<User>, DbError> {
    users::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(user).transpose()
}

/// A person by the address that is theirs.
pub async fn user_by_email(c: &impl Conn, email: &EmailAddress) -> Result<Option<User>, DbError> {
    users::Entity::find().filter(users::Column::Email.eq(email.as_str())).one(c.raw()).await?.map(user).transpose()
}

/// The person who typed this address at sign-up last although it belongs to another one, and their password hash.
pub async fn user_by_claimed_email(c: &impl Conn, email: &EmailAddress) -> Result<Option<(User, String)>, DbError> {
    let claimed = users::Entity::find().filter(users::Column::ClaimedEmail.eq(email.as_str()));
    let row = claimed.order_by_desc(users::Column::Id).limit(1).one(c.raw()).await?;
    row.map(|row| {
        let hash = row.password_hash.clone();
        Ok((user(row)?, hash))
    })
    .transpose()
}

/// A person's password hash.
pub async fn user_password_hash(c: &impl Conn, id: UserId) -> Result<Option<String>, DbError> {
    Ok(users::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(|row| row.password_hash))
}

/// Takes over a password that only `customers` has, because the previous release has changed it; ends sessions.
pub async fn user_sync_password(tx: &Tx, id: UserId, password_hash: &str) -> Result<(), DbError> {
    let update = users::Entity::update_many()
        .col_expr(users::Column::PasswordHash, Expr::value(password_hash))
        .col_expr(users::Column::AuthEpoch, Expr::col(users::Column::AuthEpoch).add(1_i64))
        .filter(users::Column::Id.eq(id.uuid()))
        .filter(users::Column::PasswordHash.ne(password_hash));
    update.exec(tx.raw()).await?;
    Ok(())
}

/// Records that the address is theirs, unless it was recorded before.
pub async fn user_verify(tx: &Tx, id: UserId, now: Timestamp) -> Result<(), DbError> {
    let update = users::Entity::update_many().col_expr(users::Column::EmailVerifiedAt, Expr::value(ms(now)));
    let open = users::Column::EmailVerifiedAt.is_null().and(users::Column::ClaimedEmail.is_null());
    update.filter(users::Column::Id.eq(id.uuid())).filter(open).exec(tx.raw()).await?;
    Ok(())
}

/// Gives a person another address, which they have verified, and ends their sessions.
///
/// # Errors
/// `Conflict` if the address is in use; `Missing` without such a person.
pub async fn user_set_email(tx: &Tx, id: UserId, email: &EmailAddress, verified_at: Timestamp) -> Result<(), DbError> {
    let done = users::Entity::update_many()
        .col_expr(users::Column::Email, Expr::value(email.as_str()))
        .col_expr(users::Column::ClaimedEmail, Expr::value(None::<String>))
        .col_expr(users::Column::EmailVerifiedAt, Expr::value(ms(verified_at)))
        .col_expr(users::Column::AuthEpoch, Expr::col(users::Column::AuthEpoch).add(1_i64))
        .filter(users::Column::Id.eq(id.uuid()))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 {
        return Err(DbError::Missing("users"));
    }
    let founded = customers::Entity::update_many().col_expr(customers::Column::Email, Expr::value(email.as_str()));
    founded.filter(customers::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

/// Ends all sessions of a person.
pub async fn user_raise_epoch(tx: &Tx, id: UserId) -> Result<(), DbError> {
    let next = Expr::col(users::Column::AuthEpoch).add(1_i64);
    let update = users::Entity::update_many().col_expr(users::Column::AuthEpoch, next);
    update.filter(users::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

/// Records the organization that a person works in.
pub async fn user_set_customer(tx: &Tx, id: UserId, customer: CustomerId) -> Result<(), DbError> {
    let update = users::Entity::update_many().col_expr(users::Column::Customer, Expr::value(customer.uuid()));
    update.filter(users::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

/// Announces that the account will be closed at this time, or withdraws that.
pub async fn user_set_closing(tx: &Tx, id: UserId, close_at: Option<Timestamp>) -> Result<(), DbError> {
    let update = users::Entity::update_many().col_expr(users::Column::CloseAt, Expr::value(close_at.map(ms)));
    update.filter(users::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

/// People whose accounts are to be closed by now, the longest due first; at most 100.
pub async fn users_to_close(c: &impl Conn, now: Timestamp) -> Result<Vec<UserId>, DbError> {
    let due = users::Entity::find().filter(users::Column::CloseAt.lte(ms(now)));
    let rows = due.order_by_asc(users::Column::CloseAt).limit(100).all(c.raw()).await?;
    Ok(rows.into_iter().map(|row| UserId::from_uuid(row.id)).collect())
}

/// Replaces what is personal of somebody and of their organization, after their account was closed: nobody logs in with
/// `no_password`.
pub async fn user_erase(tx: &Tx, id: UserId, no_password: &str) -> Result<(), DbError> {
    let email = format!("{id}@closed.invalid");
    let person = users::Entity::update_many()
        .col_expr(users::Column::Email, Expr::value(&email))
        .col_expr(users::Column::ClaimedEmail, Expr::value(None::<String>))
        .col_expr(users::Column::PasswordHash, Expr::value(no_password))
        .col_expr(users::Column::AuthEpoch, Expr::col(users::Column::AuthEpoch).add(1_i64))
        .col_expr(users::Column::CloseAt, Expr::value(None::<i64>));
    person.filter(users::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    let founded = customers::Entity::update_many()
        .col_expr(customers::Column::Email, Expr::value(&email))
        .col_expr(customers::Column::Company, Expr::value("Closed account"))
        .col_expr(customers::Column::PasswordHash, Expr::value(no_password));
    founded.filter(customers::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

fn user(row: users::Model) -> Result<User, DbError> {
    let id = UserId::from_uuid(row.id);
    let read = Row { table: "users", id: &id };
    let address = |text: &str| EmailAddress::parse(text).map_err(|why| read.bad(why));
    Ok(User {
        id,
        email: address(&row.email)?,
        claimed_email: row.claimed_email.as_deref().map(address).transpose()?,
        verified_at: read.maybe_time(row.email_verified_at)?,
        auth_epoch: row.auth_epoch,
        customer: row.customer.map(CustomerId::from_uuid),
        created_at: read.time(row.created_at)?,
        close_at: read.maybe_time(row.close_at)?,
    })
}
