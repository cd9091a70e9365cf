#![allow(missing_docs, unused_variables)]
use crate::{Conn, DbError, Tx};
pub async fn meta_get(c: &impl Conn, key: &str) -> Result<Option<String>, DbError> { todo!() }
pub async fn meta_set(tx: &Tx, key: &str, value: &str) -> Result<(), DbError> { todo!() }
pub async fn routes_version(c: &impl Conn) -> Result<u64, DbError> { todo!() }
pub async fn routes_version_bump(tx: &Tx) -> Result<u64, DbError> { todo!() }
