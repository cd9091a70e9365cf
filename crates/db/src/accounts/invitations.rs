//! Invitations to organizations. Only a hash of the mailed secret is stored.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use stoa_model::{
    id::{CustomerId, InvitationId, UserId},
    member::MemberRole,
    text::EmailAddress,
};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::invitations,
};

/// An open invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The organization.
    pub customer: CustomerId,
    /// Whom it is for.
    pub email: EmailAddress,
    /// The role that they will have.
    pub role: MemberRole,
    /// Who has invited them.
    pub inviter: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Inserts an invitation with the hash of its secret.
///
/// # Errors
/// `Conflict(OpenInvitation)` if the address has an open one from this organization.
pub async fn invitation_insert(tx: &Tx, invitation: &Invitation, hash: &[u8; 32]) -> Result<(), DbError> {
    let email = invitation.email.as_str().to_owned();
    let row = invitations::Model {
        id: invitation.id.uuid(),
        customer: invitation.customer.uuid(),
        open_email: Some(email.clone()),
        email,
        role: invitation.role.as_str().to_owned(),
        hash: hash.to_vec(),
        inviter: invitation.inviter.uuid(),
        created_at: ms(invitation.created_at),
        expires_at: ms(invitation.expires_at),
        ended_at: None,
        outcome: None,
    };
    invitations::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Ends all open invitations of an organization.
pub async fn invitations_end_of(tx: &Tx, customer: CustomerId, now: Timestamp) -> Result<(), DbError> {
    let of = invitations::Column::Customer.eq(customer.uuid());
    end("withdrawn", now).filter(of).filter(invitations::Column::EndedAt.is_null()).exec(tx.raw()).await?;
    Ok(())
}

/// Replaces the secret of an open invitation, when it is mailed.
pub async fn invitation_set_hash(tx: &Tx, id: InvitationId, hash: &[u8; 32]) -> Result<(), DbError> {
    let update = invitations::Entity::update_many().col_expr(invitations::Column::Hash, Expr::value(hash.to_vec()));
    update.filter(open(id)).exec(tx.raw()).await?;
    Ok(())
}

/// An invitation that has neither ended nor expired.
pub async fn invitation_get(c: &impl Conn, id: InvitationId, now: Timestamp) -> Result<Option<Invitation>, DbError> {
    let unexpired = invitations::Column::ExpiresAt.gt(ms(now));
    invitations::Entity::find().filter(open(id)).filter(unexpired).one(c.raw()).await?.map(invitation).transpose()
}

/// The same, by the hash of its secret.
pub async fn invitation_by_hash(c: &impl Conn, hash: &[u8; 32], now: Timestamp) -> Result<Option<Invitation>, DbError> {
    let row = invitations::Entity::find()
        .filter(invitations::Column::Hash.eq(hash.to_vec()))
        .filter(invitations::Column::EndedAt.is_null())
        .filter(invitations::Column::ExpiresAt.gt(ms(now)));
    row.one(c.raw()).await?.map(invitation).transpose()
}

/// The open invitations of an organization, newest first.
pub async fn invitation_list(c: &impl Conn, customer: CustomerId, now: Timestamp) -> Result<Vec<Invitation>, DbError> {
    let rows = invitations::Entity::find()
        .filter(invitations::Column::Customer.eq(customer.uuid()))
        .filter(invitations::Column::EndedAt.is_null())
        .filter(invitations::Column::ExpiresAt.gt(ms(now)))
        .order_by_desc(invitations::Column::Id)
        .limit(200);
    rows.all(c.raw()).await?.into_iter().map(invitation).collect()
}

/// Ends an open invitation; returns `false` if it has ended before. Of two transactions only one gets `true`.
pub async fn invitation_end(tx: &Tx, id: InvitationId, outcome: &str, now: Timestamp) -> Result<bool, DbError> {
    Ok(end(outcome, now).filter(open(id)).exec(tx.raw()).await?.rows_affected == 1)
}

/// Ends the open invitation of this address, if there is one, so that another can be made.
pub async fn invitation_replace(
    tx: &Tx,
    customer: CustomerId,
    email: &EmailAddress,
    now: Timestamp,
) -> Result<(), DbError> {
    let this = invitations::Column::OpenEmail.eq(email.as_str());
    let of = invitations::Column::Customer.eq(customer.uuid());
    end("replaced", now).filter(of).filter(this).exec(tx.raw()).await?;
    Ok(())
}

fn end(outcome: &str, now: Timestamp) -> sea_orm::UpdateMany<invitations::Entity> {
    invitations::Entity::update_many()
        .col_expr(invitations::Column::OpenEmail, Expr::value(None::<String>))
        .col_expr(invitations::Column::EndedAt, Expr::value(ms(now)))
        .col_expr(invitations::Column::Outcome, Expr::value(outcome))
}

fn open(id: InvitationId) -> Condition {
    Condition::all().add(invitations::Column::Id.eq(id.uuid())).add(invitations::Column::EndedAt.is_null())
}

fn invitation(row: invitations::Model) -> Result<Invitation, DbError> {
    let id = InvitationId::from_uuid(row.id);
    let read = Row { table: "invitations", id: &id };
    Ok(Invitation {
        id,
        customer: CustomerId::from_uuid(row.customer),
        email: EmailAddress::parse(&row.email).map_err(|why| read.bad(why))?,
        role: read.parse(&row.role)?,
        inviter: UserId::from_uuid(row.inviter),
        created_at: read.time(row.created_at)?,
        expires_at: read.time(row.expires_at)?,
    })
}
