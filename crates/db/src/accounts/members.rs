//! Members of organizations.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use stoa_model::{
    id::{CustomerId, UserId},
    member::MemberRole,
    text::{CompanyName, EmailAddress},
};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::{customers, members, users},
};

/// A member, with what a list shows of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The person.
    pub user: UserId,
    /// Their address, as they typed it.
    pub email: EmailAddress,
    /// Their role.
    pub role: MemberRole,
    /// Since when.
    pub since: Timestamp,
    /// Whether they have verified their address.
    pub is_verified: bool,
}

/// An organization that a person is a member of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub customer: CustomerId,
    /// Its name.
    pub company: CompanyName,
    /// The person's role in it.
    pub role: MemberRole,
}

/// Makes a person a member. If they are one already, they keep their role.
pub async fn member_insert(
    tx: &Tx,
    customer: CustomerId,
    user: UserId,
    role: MemberRole,
    now: Timestamp,
) -> Result<(), DbError> {
    let row = members::Model {
        customer: customer.uuid(),
        user_id: user.uuid(),
        role: role.as_str().to_owned(),
        created_at: ms(now),
    };
    let keys = [members::Column::Customer, members::Column::UserId];
    let ignore = OnConflict::columns(keys).do_nothing_on(keys).to_owned();
    members::Entity::insert(row.into_active_model()).on_conflict(ignore).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A person's role in an organization, if they are a member.
pub async fn member_role(c: &impl Conn, customer: CustomerId, user: UserId) -> Result<Option<MemberRole>, DbError> {
    let row = members::Entity::find_by_id((customer.uuid(), user.uuid())).one(c.raw()).await?;
    row.map(|row| Row { table: "members", id: &customer }.parse(&row.role)).transpose()
}

/// Locks the organization until the transaction ends, so that only one transaction at a time changes its members.
///
/// # Errors
/// `Missing` without such an organization.
pub async fn members_lock(tx: &Tx, customer: CustomerId) -> Result<(), DbError> {
    let row = customers::Entity::find_by_id(customer.uuid()).lock_exclusive().one(tx.raw()).await?;
    row.map(drop).ok_or(DbError::Missing("customers"))
}

/// All members of an organization, oldest first.
pub async fn member_list(c: &impl Conn, customer: CustomerId) -> Result<Vec<MemberRow>, DbError> {
    let of = members::Entity::find().filter(members::Column::Customer.eq(customer.uuid()));
    let rows = of.order_by_asc(members::Column::CreatedAt).order_by_asc(members::Column::UserId).all(c.raw()).await?;
    let ids = users::Column::Id.is_in(rows.iter().map(|row| row.user_id));
    let people = users::Entity::find().filter(ids).all(c.raw()).await?;
    let read = Row { table: "members", id: &customer };
    rows.into_iter()
        .map(|row| {
            let person = people.iter().find(|person| person.id == row.user_id);
            let person = person.ok_or(DbError::Missing("users"))?;
            let email = person.claimed_email.as_ref().unwrap_or(&person.email);
            Ok(MemberRow {
                user: UserId::from_uuid(row.user_id),
                email: EmailAddress::parse(email).map_err(|why| read.bad(why))?,
                role: read.parse(&row.role)?,
                since: read.time(row.created_at)?,
                is_verified: person.email_verified_at.is_some(),
            })
        })
        .collect()
}

/// The organizations of a person, the one that they have founded first.
pub async fn memberships(c: &impl Conn, user: UserId) -> Result<Vec<Membership>, DbError> {
    let of = members::Entity::find().filter(members::Column::UserId.eq(user.uuid()));
    let rows = of.order_by_asc(members::Column::CreatedAt).all(c.raw()).await?;
    let ids = customers::Column::Id.is_in(rows.iter().map(|row| row.customer));
    let organizations = customers::Entity::find().filter(ids).all(c.raw()).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(found) = organizations.iter().find(|organization| organization.id == row.customer) else { continue };
        let read = Row { table: "members", id: &user };
        all.push(Membership {
            customer: CustomerId::from_uuid(row.customer),
            company: CompanyName::parse(&found.company).map_err(|why| read.bad(why))?,
            role: read.parse(&row.role)?,
        });
    }
    all.sort_by_key(|membership| membership.customer != user.founded());
    Ok(all)
}

/// Changes a member's role; returns whether there is such a member.
pub async fn member_set_role(tx: &Tx, customer: CustomerId, user: UserId, role: MemberRole) -> Result<bool, DbError> {
    let update = members::Entity::update_many().col_expr(members::Column::Role, Expr::value(role.as_str()));
    let this = members::Column::Customer.eq(customer.uuid()).and(members::Column::UserId.eq(user.uuid()));
    Ok(update.filter(this).exec(tx.raw()).await?.rows_affected > 0)
}

/// Removes a member; returns whether there was one.
pub async fn member_delete(tx: &Tx, customer: CustomerId, user: UserId) -> Result<bool, DbError> {
    let deleted = members::Entity::delete_by_id((customer.uuid(), user.uuid())).exec(tx.raw()).await?;
    Ok(deleted.rows_affected > 0)
}

/// Number of owners of an organization. Lock it first ([`members_lock`]) to decide by it.
pub async fn owner_count(tx: &Tx, customer: CustomerId) -> Result<usize, DbError> {
    let owners = members::Entity::find()
        .filter(members::Column::Customer.eq(customer.uuid()))
        .filter(members::Column::Role.eq(MemberRole::Owner.as_str()));
    Ok(owners.all(tx.raw()).await?.len())
}
