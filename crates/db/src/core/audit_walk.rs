//! The walk along the chain of the audit trail, from one entry to the next.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    audit_chain::{NOTHING, UNSIGNED_GRACE, unsealed},
    audit_key::{AuditKey, Standing},
    audit_verify::{AuditProblem, AuditReport, AuditScope, CHAIN_BROKEN},
};
use crate::{
    Conn, DbError,
    codec::ms,
    entity::{audit as entries, audit_chain, audit_checkpoints},
};

/// Rows that are read at a time.
const PAGE: u64 = 1_000;
/// Problems that a report names.
const MAX_PROBLEMS: usize = 100;

/// Where the check is: the last position, its hash, and what was found so far.
pub(super) struct Walk<'a> {
    key: &'a AuditKey,
    logged: &'a HashMap<i64, [u8; 32]>,
    pub(super) position: i64,
    hash: Vec<u8>,
    last_at: Option<i64>,
    pub(super) report: AuditReport,
}

impl<'a> Walk<'a> {
    pub(super) fn new(key: &'a AuditKey, logged: &'a HashMap<i64, [u8; 32]>) -> Self {
        Self { key, logged, position: 0, hash: NOTHING.to_vec(), last_at: None, report: AuditReport::default() }
    }

    fn problem(&mut self, entry: Option<i64>, at_ms: Option<i64>, what: impl Into<String>) {
        if self.report.problems.len() == MAX_PROBLEMS {
            self.report.more_problems += 1;
            return;
        }
        let at = at_ms.and_then(|at| Timestamp::from_millisecond(at).ok());
        self.report.problems.push(AuditProblem { entry, at, what: what.into() });
    }

    /// The chain in the database begins after the last of these.
    pub(super) fn check_points(&mut self, points: &[audit_checkpoints::Model]) {
        let mut previous = NOTHING.to_vec();
        for point in points {
            if !self.key.has_checked(point, &previous) {
                let what = format!("the checkpoint of {} was changed, or the one before it was removed", point.file);
                self.problem(None, Some(point.at_ms), what);
            }
            previous.clone_from(&point.mac);
        }
        if let Some(point) = points.last() {
            (self.position, self.hash) = (point.position, point.hash.clone());
        }
    }

    /// Trusts the entry at this position, if it is there.
    pub(super) async fn skip_to(&mut self, c: &impl Conn, position: i64) -> Result<(), DbError> {
        let row = entries::Entity::find().filter(entries::Column::ChainPosition.eq(position)).one(c.raw()).await?;
        if let Some(hash) = row.and_then(|row| row.chain_hash).filter(|_| position > self.position) {
            (self.position, self.hash) = (position, hash);
        }
        Ok(())
    }

    pub(super) async fn check_sealed(&mut self, c: &impl Conn, scope: AuditScope) -> Result<(), DbError> {
        let mut from = match scope {
            // Also those that should not be there any more.
            AuditScope::All => (i64::MIN, i64::MIN),
            AuditScope::Newest(_) => (self.position, i64::MAX),
        };
        loop {
            let same =
                Condition::all().add(entries::Column::ChainPosition.eq(from.0)).add(entries::Column::Seq.gt(from.1));
            let after = Condition::any().add(entries::Column::ChainPosition.gt(from.0)).add(same);
            let rows = entries::Entity::find().filter(entries::Column::ChainPosition.gte(from.0)).filter(after);
            let rows = rows.order_by_asc(entries::Column::ChainPosition).order_by_asc(entries::Column::Seq);
            let rows = rows.limit(PAGE).all(c.raw()).await?;
            for row in &rows {
                let position = row.chain_position.unwrap_or(i64::MIN);
                self.check_row(row, position);
                from = (position, row.seq);
            }
            if (rows.len() as u64) < PAGE {
                return Ok(());
            }
        }
    }

    fn check_row(&mut self, row: &entries::Model, position: i64) {
        self.report.entries += 1;
        let at = Some(row.at_ms);
        if position <= self.position {
            self.problem(Some(row.seq), at, "was inserted: its place in the chain was taken before");
            return;
        }
        if position > self.position + 1 {
            let missing = missing(self.position + 1, position - 1);
            self.problem(Some(row.seq), at, format!("{missing} before this one"));
            if row.signature.is_some() && !self.key.has_signed(row) {
                self.problem(Some(row.seq), at, "was changed");
            }
        } else {
            match self.key.standing(row, position, &self.hash) {
                Some(Standing::Signed | Standing::Earlier) => {}
                Some(Standing::Foreign) => {
                    self.problem(Some(row.seq), at, "was inserted: it lacks the signature of this platform");
                }
                None if self.key.has_signed(row) => {
                    self.problem(Some(row.seq), at, "was moved, or its hash was changed");
                }
                None => self.problem(Some(row.seq), at, "was changed"),
            }
        }
        if row.action == CHAIN_BROKEN {
            self.problem(Some(row.seq), at, "says that the end of the chain had been changed or removed");
        }
        let hash = row.chain_hash.clone().unwrap_or_default();
        if self.logged.get(&position).is_some_and(|logged| *logged != hash[..]) {
            self.problem(Some(row.seq), at, "differs from the log file security.log");
        }
        (self.position, self.hash, self.last_at) = (position, hash, at);
    }

    pub(super) fn check_end(&mut self, end: Option<&audit_chain::Model>) {
        self.report.last = self.position;
        match end {
            None if self.position > 0 => self.problem(None, self.last_at, "the record of the chain's end was removed"),
            None => {}
            Some(end) if !self.key.has_sealed(end) => {
                self.problem(None, self.last_at, "the record of the chain's end was changed");
            }
            Some(end) if end.position > self.position => {
                let missing = missing(self.position + 1, end.position);
                self.problem(None, self.last_at, format!("{missing} at the end"));
            }
            Some(_) => {}
        }
        let known = self.logged.keys().max().copied().unwrap_or(0);
        if known > self.position {
            let what = format!(
                "{} at the end, which the log file security.log has: they were removed, or the database was restored \
                 from a backup",
                missing(self.position + 1, known)
            );
            self.problem(None, self.last_at, what);
        }
    }

    /// Entries that are not sealed yet are signed all the same.
    pub(super) async fn check_unsealed(
        &mut self,
        c: &impl Conn,
        end: Option<&audit_chain::Model>,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let is_new = end.is_none_or(|end| ms(now) - end.started_at < UNSIGNED_GRACE.as_millis() as i64);
        let mut after = i64::MIN;
        loop {
            let rows = unsealed().filter(entries::Column::Seq.gt(after)).order_by_asc(entries::Column::Seq);
            let rows = rows.limit(PAGE).all(c.raw()).await?;
            self.report.unsealed += rows.len() as u64;
            for row in &rows {
                if !(self.key.has_signed(row) || row.signature.is_none() && is_new) {
                    let what =
                        "is not sealed yet, and was inserted or changed: it lacks the signature of this platform";
                    self.problem(Some(row.seq), Some(row.at_ms), what);
                }
            }
            match rows.last() {
                Some(last) if rows.len() as u64 == PAGE => after = last.seq,
                _ => return Ok(()),
            }
        }
    }
}

fn missing(from: i64, to: i64) -> String {
    match to - from {
        0 => format!("entry {from} of the chain is missing"),
        _ => format!("entries {from} to {to} of the chain are missing"),
    }
}
