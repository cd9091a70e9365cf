#![allow(missing_docs)]
use std::{marker::PhantomData, ops::Deref, pin::Pin};
use crate::{DbError, Retry};

pub type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend { Sqlite, MySql, Postgres }
#[derive(Clone)]
pub struct Db {}
pub struct Tx {}
pub trait Conn: Sync {}
impl Conn for Db {}
impl Conn for Tx {}
/// Derefs to [`Tx`]; `'a` is the scope of what the closure borrows.
pub struct WriteTx<'t, 'a> { tx: &'t Tx, scope: PhantomData<&'t &'a ()> }
impl Deref for WriteTx<'_, '_> { type Target = Tx; fn deref(&self) -> &Tx { self.tx } }
impl Conn for WriteTx<'_, '_> {}
impl Db {
    pub async fn connect(_url: &str) -> Result<Self, DbError> { todo!() }
    pub async fn migrate(&self) -> Result<(), DbError> { todo!() }
    pub async fn pending_migrations(&self) -> Result<Vec<&'static str>, DbError> { todo!() }
    pub async fn ping(&self) -> Result<(), DbError> { todo!() }
    pub fn backend(&self) -> Backend { todo!() }
    pub async fn begin(&self) -> Result<Tx, DbError> { todo!() }
    pub async fn close(self) { todo!() }
    pub async fn write<'a, T, E, F>(&self, mut body: F) -> Result<T, E>
    where F: for<'t> FnMut(WriteTx<'t, 'a>) -> BoxFuture<'t, Result<T, E>>, E: From<DbError> + Retry,
    { let tx = self.begin().await?; body(WriteTx { tx: &tx, scope: PhantomData }).await }
}
impl Tx { pub async fn commit(self) -> Result<(), DbError> { todo!() } }
