//! Checks the chain of the audit trail: whether every entry is as it was written and where it was sealed, and none is
//! missing.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{audit_chain::end, audit_checkpoints::checkpoints, audit_key::AuditKey, audit_walk::Walk};
use crate::{Conn, DbError};

/// The action of an entry that says that the end of the chain was changed.
pub const CHAIN_BROKEN: &str = "audit.chain_broken";

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditScope {
    /// Everything in the database.
    All,
    /// The newest entries, about this many.
    Newest(u32),
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// How many sealed entries were looked at.
    pub entries: u64,
    /// The position after which the check began; 0 is the beginning of the chain.
    pub after: i64,
    /// The last position.
    pub last: i64,
    /// How many entries are not sealed yet.
    pub unsealed: u64,
    /// What is wrong, in the order of the chain; at most 100.
    pub problems: Vec<AuditProblem>,
    /// How many more problems there are.
    pub more_problems: u64,
}

/// Something that is not as the platform has left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditProblem {
    /// The number of the entry: the changed one, or the one after what is missing.
    pub entry: Option<i64>,
    /// When that entry says it was written.
    pub at: Option<Timestamp>,
    /// What is wrong with it.
    pub what: String,
}

/// Checks the chain. `logged` has the hashes that a log file outside the database knows, by position: read it before the
/// call, because entries are sealed meanwhile.
pub async fn audit_verify(
    c: &impl Conn,
    key: &AuditKey,
    scope: AuditScope,
    logged: &HashMap<i64, [u8; 32]>,
    now: Timestamp,
) -> Result<AuditReport, DbError> {
    let points = checkpoints(c).await?;
    let end = end(c).await?;
    let mut walk = Walk::new(key, logged);
    walk.check_points(&points);
    if let (AuditScope::Newest(count), Some(end)) = (scope, &end) {
        walk.skip_to(c, end.position - i64::from(count)).await?;
    }
    walk.report.after = walk.position;
    walk.check_sealed(c, scope).await?;
    walk.check_end(end.as_ref());
    walk.check_unsealed(c, end.as_ref(), now).await?;
    if walk.report.problems.is_empty() || points.len() == checkpoints(c).await?.len() {
        return Ok(walk.report);
    }
    // Entries were archived meanwhile, so some that were looked for are no longer there.
    Box::pin(audit_verify(c, key, scope, logged, now)).await
}
