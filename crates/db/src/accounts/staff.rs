//! Staff members.

use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, sea_query::ExprTrait,
};
use stoa_model::{account::Staff, id::StaffId, text::EmailAddress};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::staff,
};

/// Inserts a staff member.
///
/// # Errors
/// `Conflict(StaffEmail)` if the address is in use.
pub async fn staff_insert(tx: &Tx, member: &Staff, password_hash: &str) -> Result<(), DbError> {
    let row = staff::Model {
        id: member.id.uuid(),
        email: member.email.as_str().to_owned(),
        role: member.role.as_str().to_owned(),
        password_hash: password_hash.to_owned(),
        created_at: ms(member.created_at),
        auth_epoch: 0,
        name: None,
        deactivated_at: None,
        deleted_at: None,
        password_expires_at: None,
        last_login_at: None,
        version: 0,
    };
    staff::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A staff member by id.
pub async fn staff_get(c: &impl Conn, id: StaffId) -> Result<Option<Staff>, DbError> {
    staff::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(member).transpose()
}

/// A staff member and their password hash, by login address.
pub async fn staff_by_email(c: &impl Conn, email: &EmailAddress) -> Result<Option<(Staff, String)>, DbError> {
    let row = staff::Entity::find().filter(staff::Column::Email.eq(email.as_str())).one(c.raw()).await?;
    row.map(with_hash).transpose()
}

/// The staff member who logs in with this address, and their password hash: not of a deactivated account.
pub async fn staff_login(c: &impl Conn, email: &EmailAddress) -> Result<Option<(Staff, String)>, DbError> {
    let open = staff::Column::DeactivatedAt.is_null().and(staff::Column::DeletedAt.is_null());
    let with = staff::Entity::find().filter(staff::Column::Email.eq(email.as_str())).filter(open);
    with.one(c.raw()).await?.map(with_hash).transpose()
}

/// All staff members, oldest first.
pub async fn staff_list(c: &impl Conn) -> Result<Vec<Staff>, DbError> {
    let rows = staff::Entity::find().order_by_asc(staff::Column::Id).all(c.raw()).await?;
    rows.into_iter().map(member).collect()
}

/// Number of staff members that are neither deactivated nor deleted; with none, nobody can log in as staff.
pub async fn staff_count(c: &impl Conn) -> Result<u64, DbError> {
    let open = staff::Column::DeactivatedAt.is_null().and(staff::Column::DeletedAt.is_null());
    Ok(staff::Entity::find().filter(open).count(c.raw()).await?)
}

fn with_hash(row: staff::Model) -> Result<(Staff, String), DbError> {
    let hash = row.password_hash.clone();
    Ok((member(row)?, hash))
}

pub(super) fn member(row: staff::Model) -> Result<Staff, DbError> {
    let id = StaffId::from_uuid(row.id);
    let read = Row { table: "staff", id: &id };
    Ok(Staff {
        id,
        email: EmailAddress::parse(&row.email).map_err(|why| read.bad(why))?,
        role: read.parse(&row.role)?,
        created_at: read.time(row.created_at)?,
    })
}
