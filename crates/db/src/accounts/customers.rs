//! Customers and staff. Password hashes go in and out beside the account, never inside it: what
//! never holds a hash can't print one.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, sea_query::Expr};
use stoa_model::{
    account::{Actor, Customer, Staff},
    id::{CustomerId, StaffId},
    text::{CompanyName, EmailAddress},
};

use crate::{
    Conn, DbError, Page, Tx,
    codec::{Row, ms, paged},
    db::Raw,
    entity::{customers, staff},
};

/// Registers a customer.
///
/// # Errors
/// `Conflict(CustomerEmail)` if there is one with this address.
pub async fn customer_insert(tx: &Tx, customer: &Customer, password_hash: &str) -> Result<(), DbError> {
    let row = customers::Model {
        id: customer.id.uuid(),
        email: customer.email.as_str().to_owned(),
        company: customer.company.as_str().to_owned(),
        password_hash: password_hash.to_owned(),
        created_at: ms(customer.created_at),
    };
    customers::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A customer by id.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn customer_get(c: &impl Conn, id: CustomerId) -> Result<Option<Customer>, DbError> {
    customers::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(customer).transpose()
}

/// A customer and the hash of his password, by the address he logs in with.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn customer_by_email(c: &impl Conn, email: &EmailAddress) -> Result<Option<(Customer, String)>, DbError> {
    let row = customers::Entity::find().filter(customers::Column::Email.eq(email.as_str())).one(c.raw()).await?;
    row.map(|row| {
        let hash = row.password_hash.clone();
        Ok((customer(row)?, hash))
    })
    .transpose()
}

/// These customers, in one query; those that aren't there are left out.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn customers_of(c: &impl Conn, ids: &[CustomerId]) -> Result<HashMap<CustomerId, Customer>, DbError> {
    let wanted = customers::Column::Id.is_in(ids.iter().map(|id| id.uuid()));
    let rows = customers::Entity::find().filter(wanted).all(c.raw()).await?;
    rows.into_iter().map(|row| customer(row).map(|customer| (customer.id, customer))).collect()
}

/// A page of all customers, newest first.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn customer_list(c: &impl Conn, page: Page<CustomerId>) -> Result<Vec<Customer>, DbError> {
    let rows = paged(customers::Entity::find(), customers::Column::Id, page).all(c.raw()).await?;
    rows.into_iter().map(customer).collect()
}

/// How many customers there are.
///
/// # Errors
/// If the database doesn't answer.
pub async fn customer_count(c: &impl Conn) -> Result<u64, DbError> {
    Ok(customers::Entity::find().count(c.raw()).await?)
}

/// Adds a member of the staff.
///
/// # Errors
/// `Conflict(StaffEmail)` if there is one with this address.
pub async fn staff_insert(tx: &Tx, member: &Staff, password_hash: &str) -> Result<(), DbError> {
    let row = staff::Model {
        id: member.id.uuid(),
        email: member.email.as_str().to_owned(),
        role: member.role.as_str().to_owned(),
        password_hash: password_hash.to_owned(),
        created_at: ms(member.created_at),
    };
    staff::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A member of the staff by id.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn staff_get(c: &impl Conn, id: StaffId) -> Result<Option<Staff>, DbError> {
    staff::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(member).transpose()
}

/// A member of the staff and the hash of their password, by the address they log in with.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn staff_by_email(c: &impl Conn, email: &EmailAddress) -> Result<Option<(Staff, String)>, DbError> {
    let row = staff::Entity::find().filter(staff::Column::Email.eq(email.as_str())).one(c.raw()).await?;
    row.map(|row| {
        let hash = row.password_hash.clone();
        Ok((member(row)?, hash))
    })
    .transpose()
}

/// All staff, oldest first.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn staff_list(c: &impl Conn) -> Result<Vec<Staff>, DbError> {
    let rows = staff::Entity::find().order_by_asc(staff::Column::Id).all(c.raw()).await?;
    rows.into_iter().map(member).collect()
}

/// How many staff there are; none means that nobody can log in yet.
///
/// # Errors
/// If the database doesn't answer.
pub async fn staff_count(c: &impl Conn) -> Result<u64, DbError> {
    Ok(staff::Entity::find().count(c.raw()).await?)
}

/// Replaces a password. Ends no sessions; see [`sessions_delete_of`](crate::sessions::sessions_delete_of).
///
/// # Errors
/// `Missing` if there is no such account, or this actor has no password.
pub async fn password_set(tx: &Tx, actor: Actor, password_hash: &str) -> Result<(), DbError> {
    let hash = Expr::value(password_hash);
    let (table, done) = match actor {
        Actor::Customer(id) => {
            let update = customers::Entity::update_many().col_expr(customers::Column::PasswordHash, hash);
            ("customers", update.filter(customers::Column::Id.eq(id.uuid())).exec(tx.raw()).await?)
        }
        Actor::Staff(id, _) => {
            let update = staff::Entity::update_many().col_expr(staff::Column::PasswordHash, hash);
            ("staff", update.filter(staff::Column::Id.eq(id.uuid())).exec(tx.raw()).await?)
        }
        Actor::Nobody | Actor::System => return Err(DbError::Missing("accounts")),
    };
    if done.rows_affected == 0 { Err(DbError::Missing(table)) } else { Ok(()) }
}

fn customer(row: customers::Model) -> Result<Customer, DbError> {
    let id = CustomerId::from_uuid(row.id);
    let read = Row { table: "customers", id: &id };
    Ok(Customer {
        id,
        email: EmailAddress::parse(&row.email).map_err(|why| read.bad(why))?,
        company: CompanyName::parse(&row.company).map_err(|why| read.bad(why))?,
        created_at: read.time(row.created_at)?,
    })
}

fn member(row: staff::Model) -> Result<Staff, DbError> {
    let id = StaffId::from_uuid(row.id);
    let read = Row { table: "staff", id: &id };
    Ok(Staff {
        id,
        email: EmailAddress::parse(&row.email).map_err(|why| read.bad(why))?,
        role: read.parse(&row.role)?,
        created_at: read.time(row.created_at)?,
    })
}
