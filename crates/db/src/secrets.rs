#![allow(missing_docs, unused_variables)]
use std::collections::BTreeMap;
use stoa_model::{id::{JobId, SiteId}, secret::Sealed};
use crate::{Conn, DbError, Tx};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential { pub ordinal: u32, pub label: String, pub url: String, pub username: String, pub sealed: Sealed }
pub async fn secrets_put(tx: &Tx, site: SiteId, job: JobId, secrets: &[(String, Sealed)]) -> Result<(), DbError> { todo!() }
pub async fn secrets_get(c: &impl Conn, site: SiteId) -> Result<BTreeMap<String, Sealed>, DbError> { todo!() }
pub async fn secrets_delete(tx: &Tx, site: SiteId, job: JobId) -> Result<u64, DbError> { todo!() }
pub async fn credentials_put(tx: &Tx, site: SiteId, job: JobId, credentials: &[Credential]) -> Result<(), DbError> { todo!() }
pub async fn credentials_get(c: &impl Conn, site: SiteId) -> Result<Vec<Credential>, DbError> { todo!() }
pub async fn credentials_delete(tx: &Tx, site: SiteId, job: JobId) -> Result<u64, DbError> { todo!() }
