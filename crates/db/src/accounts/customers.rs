//! Customers. A password hash is passed beside the account and is not a field of it, so that printing an
//! account can't leak a hash.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Select, sea_query::Expr,
};
use stoa_model::{
    account::Customer,
    id::CustomerId,
    text::{CompanyName, EmailAddress},
};

use crate::{
    Conn, DbError, Page, Tx,
    codec::{Row, ms, paged},
    db::Raw,
    entity::customers,
    listing::{Window, mentions, needle},
};

/// Inserts a customer.
///
/// # Errors
/// `Conflict(CustomerEmail)` if the address is in use.
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
pub async fn customer_get(c: &impl Conn, id: CustomerId) -> Result<Option<Customer>, DbError> {
    customers::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(customer).transpose()
}

/// A customer and their password hash, by login address.
pub async fn customer_by_email(c: &impl Conn, email: &EmailAddress) -> Result<Option<(Customer, String)>, DbError> {
    let row = customers::Entity::find().filter(customers::Column::Email.eq(email.as_str())).one(c.raw()).await?;
    row.map(|row| {
        let hash = row.password_hash.clone();
        Ok((customer(row)?, hash))
    })
    .transpose()
}

/// Renames a customer.
pub async fn customer_set_company(tx: &Tx, id: CustomerId, company: &CompanyName) -> Result<(), DbError> {
    let update = customers::Entity::update_many().col_expr(customers::Column::Company, Expr::value(company.as_str()));
    update.filter(customers::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    Ok(())
}

/// Several customers in one query; unknown ids are left out.
pub async fn customers_of(c: &impl Conn, ids: &[CustomerId]) -> Result<HashMap<CustomerId, Customer>, DbError> {
    let by_ids = customers::Column::Id.is_in(ids.iter().map(|id| id.uuid()));
    let rows = customers::Entity::find().filter(by_ids).all(c.raw()).await?;
    rows.into_iter().map(|row| customer(row).map(|customer| (customer.id, customer))).collect()
}

/// A page of all customers, newest first.
pub async fn customer_list(c: &impl Conn, page: Page<CustomerId>) -> Result<Vec<Customer>, DbError> {
    let rows = paged(customers::Entity::find(), customers::Column::Id, page).all(c.raw()).await?;
    rows.into_iter().map(customer).collect()
}

/// The order of a list of customers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CustomerSort {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// By name.
    Name,
}

/// A part of the list of customers with this text in their name or e-mail address, or of all.
pub async fn customers_listed(
    c: &impl Conn,
    text: Option<&str>,
    sort: CustomerSort,
    window: Window,
) -> Result<Vec<Customer>, DbError> {
    let sorted = match sort {
        CustomerSort::Newest => filtered(text).order_by_desc(customers::Column::Id),
        CustomerSort::Oldest => filtered(text).order_by_asc(customers::Column::Id),
        CustomerSort::Name => {
            filtered(text).order_by(customers::Column::Company, Order::Asc).order_by_asc(customers::Column::Id)
        }
    };
    let rows = sorted.offset(window.offset).limit(window.limit).all(c.raw()).await?;
    rows.into_iter().map(customer).collect()
}

/// How many customers [`customers_listed`] finds.
pub async fn customers_counted(c: &impl Conn, text: Option<&str>) -> Result<u64, DbError> {
    Ok(filtered(text).count(c.raw()).await?)
}

fn filtered(text: Option<&str>) -> Select<customers::Entity> {
    let Some(text) = needle(text) else { return customers::Entity::find() };
    let mentioned = Condition::any()
        .add(mentions(customers::Column::Email, &text))
        .add(mentions(customers::Column::Company, &text));
    customers::Entity::find().filter(mentioned)
}

/// Number of customers.
pub async fn customer_count(c: &impl Conn) -> Result<u64, DbError> {
    Ok(customers::Entity::find().count(c.raw()).await?)
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
