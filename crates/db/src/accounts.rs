#![allow(missing_docs, unused_variables)]
use stoa_model::{account::{Actor, Customer, Staff}, id::{CustomerId, StaffId}, text::EmailAddress};
use crate::{Conn, DbError, Page, Tx};
pub async fn customer_insert(tx: &Tx, customer: &Customer, password_hash: &str) -> Result<(), DbError> { todo!() }
pub async fn customer_get(c: &impl Conn, id: CustomerId) -> Result<Option<Customer>, DbError> { todo!() }
pub async fn customer_by_email(c: &impl Conn, email: &EmailAddress) -> Result<Option<(Customer, String)>, DbError> { todo!() }
pub async fn customer_list(c: &impl Conn, page: Page<CustomerId>) -> Result<Vec<Customer>, DbError> { todo!() }
pub async fn customer_count(c: &impl Conn) -> Result<u64, DbError> { todo!() }
pub async fn staff_insert(tx: &Tx, staff: &Staff, password_hash: &str) -> Result<(), DbError> { todo!() }
pub async fn staff_get(c: &impl Conn, id: StaffId) -> Result<Option<Staff>, DbError> { todo!() }
pub async fn staff_by_email(c: &impl Conn, email: &EmailAddress) -> Result<Option<(Staff, String)>, DbError> { todo!() }
pub async fn staff_list(c: &impl Conn) -> Result<Vec<Staff>, DbError> { todo!() }
pub async fn staff_count(c: &impl Conn) -> Result<u64, DbError> { todo!() }
/// `Missing` if there is no such account, or the actor has no password.
pub async fn password_set(tx: &Tx, actor: Actor, password_hash: &str) -> Result<(), DbError> { todo!() }
