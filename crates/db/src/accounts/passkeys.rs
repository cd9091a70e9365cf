//! Passkeys (WebAuthn credentials), and the challenges that browsers were asked to sign. A challenge is deleted by who
//! takes it, so that it works once even if two answers arrive at the same time.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, sea_query::Expr};
use stoa_model::id::PasskeyId;

use super::subject::Subject;
use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::{passkey_challenges, passkeys},
};

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Its id.
    pub id: PasskeyId,
    /// The account that it logs in to.
    pub subject: Subject,
    /// Hash of the id that the authenticator gave it; unique.
    pub credential: [u8; 32],
    /// What its owner calls it.
    pub name: String,
    /// The public key, with what else a login is checked against.
    pub public_key: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used to log in.
    pub last_used_at: Option<Timestamp>,
}

/// Inserts a passkey.
///
/// # Errors
/// `Conflict(Passkey)` if an account has this credential already.
pub async fn passkey_insert(tx: &Tx, passkey: &Passkey) -> Result<(), DbError> {
    let row = passkeys::Model {
        id: passkey.id.uuid(),
        subject: passkey.subject.as_str().to_owned(),
        credential: passkey.credential.to_vec(),
        name: passkey.name.clone(),
        public_key: passkey.public_key.clone(),
        created_at: ms(passkey.created_at),
        last_used_at: passkey.last_used_at.map(ms),
    };
    passkeys::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The passkeys of an account, oldest first.
pub async fn passkey_list(c: &impl Conn, subject: &Subject) -> Result<Vec<Passkey>, DbError> {
    let own = passkeys::Entity::find().filter(passkeys::Column::Subject.eq(subject.as_str()));
    own.order_by_asc(passkeys::Column::Id).all(c.raw()).await?.into_iter().map(passkey).collect()
}

/// Those of these accounts that have a passkey.
pub async fn passkeys_of(c: &impl Conn, subjects: &[Subject]) -> Result<Vec<Subject>, DbError> {
    let of = passkeys::Entity::find().filter(passkeys::Column::Subject.is_in(subjects.iter().map(Subject::as_str)));
    let rows = of.all(c.raw()).await?;
    Ok(rows.into_iter().map(|row| Subject::from_stored(row.subject)).collect())
}

/// The passkey with this hash of its credential's id.
pub async fn passkey_by_credential(c: &impl Conn, credential: &[u8; 32]) -> Result<Option<Passkey>, DbError> {
    let row = passkeys::Entity::find().filter(passkeys::Column::Credential.eq(credential.to_vec()));
    row.one(c.raw()).await?.map(passkey).transpose()
}

/// Records a login with a passkey; `public_key` has the authenticator's new counter. Returns false if it was used or
/// removed since it was read.
pub async fn passkey_used(tx: &Tx, read: &Passkey, public_key: &str, now: Timestamp) -> Result<bool, DbError> {
    let update = passkeys::Entity::update_many()
        .col_expr(passkeys::Column::PublicKey, Expr::value(public_key))
        .col_expr(passkeys::Column::LastUsedAt, Expr::value(ms(now)))
        .filter(passkeys::Column::Id.eq(read.id.uuid()))
        .filter(passkeys::Column::PublicKey.eq(read.public_key.as_str()));
    Ok(update.exec(tx.raw()).await?.rows_affected == 1)
}

/// Deletes one of an account's passkeys; returns its name.
pub async fn passkey_delete(tx: &Tx, subject: &Subject, id: PasskeyId) -> Result<Option<String>, DbError> {
    let own = passkeys::Entity::find_by_id(id.uuid()).filter(passkeys::Column::Subject.eq(subject.as_str()));
    let Some(row) = own.one(tx.raw()).await? else { return Ok(None) };
    passkeys::Entity::delete_by_id(id.uuid()).exec(tx.raw()).await?;
    Ok(Some(row.name))
}

/// Deletes all passkeys of an account; returns how many.
pub async fn passkeys_delete_of(tx: &Tx, subject: &Subject) -> Result<u64, DbError> {
    let own = passkeys::Entity::delete_many().filter(passkeys::Column::Subject.eq(subject.as_str()));
    Ok(own.exec(tx.raw()).await?.rows_affected)
}

/// Inserts a challenge: for a login if there is no subject.
pub async fn challenge_insert(
    tx: &Tx,
    hash: &[u8; 32],
    subject: Option<&Subject>,
    state: &str,
    expires_at: Timestamp,
) -> Result<(), DbError> {
    let row = passkey_challenges::Model {
        hash: hash.to_vec(),
        subject: subject.map(|subject| subject.as_str().to_owned()).unwrap_or_default(),
        state: state.to_owned(),
        expires_at: ms(expires_at),
    };
    passkey_challenges::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Takes a challenge, which then is gone; `None` if it is another subject's, has expired or was taken before.
pub async fn challenge_take(
    tx: &Tx,
    hash: &[u8; 32],
    subject: Option<&Subject>,
    now: Timestamp,
) -> Result<Option<String>, DbError> {
    let whose = subject.map_or("", Subject::as_str);
    let found = passkey_challenges::Entity::find_by_id(hash.to_vec())
        .filter(passkey_challenges::Column::Subject.eq(whose))
        .filter(passkey_challenges::Column::ExpiresAt.gt(ms(now)));
    let Some(row) = found.one(tx.raw()).await? else { return Ok(None) };
    let deleted = passkey_challenges::Entity::delete_by_id(hash.to_vec()).exec(tx.raw()).await?;
    Ok((deleted.rows_affected == 1).then_some(row.state))
}

/// Deletes challenges that expired before `before`.
pub async fn challenges_delete_expired(tx: &Tx, before: Timestamp) -> Result<(), DbError> {
    let expired = passkey_challenges::Column::ExpiresAt.lt(ms(before));
    passkey_challenges::Entity::delete_many().filter(expired).exec(tx.raw()).await?;
    Ok(())
}

fn passkey(row: passkeys::Model) -> Result<Passkey, DbError> {
    let id = PasskeyId::from_uuid(row.id);
    let read = Row { table: "passkeys", id: &id };
    Ok(Passkey {
        id,
        subject: Subject::from_stored(row.subject),
        credential: read.hash(&row.credential)?,
        name: row.name,
        public_key: row.public_key,
        created_at: read.time(row.created_at)?,
        last_used_at: read.maybe_time(row.last_used_at)?,
    })
}
