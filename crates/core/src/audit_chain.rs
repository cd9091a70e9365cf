//! The audit trail as evidence: its entries are sealed into a chain, copied to a file, and checked
//! (docs/decisions/032).

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
pub use stoa_db::core::audit_verify::{AuditProblem, AuditReport, AuditScope};
use stoa_db::{
    core::{
        audit_chain::{audit_logged, audit_seal, audit_sealed_after, audit_set_logged},
        audit_key::AuditKey,
        audit_verify::{CHAIN_BROKEN, audit_verify},
    },
    meta,
};
use stoa_model::account::Role;

use crate::{
    Core, Error, MasterKey, RequestContext, Result,
    audit::line,
    doctor::{good, wrong},
    view::{Finding, Verdict},
};

/// Entries that are sealed or copied at a time.
const BATCH: u64 = 500;
/// How many of the newest entries the doctor looks at.
const DOCTOR_ENTRIES: u32 = 1_000;
/// The whole chain is checked automatically when the last check is older.
const CHECK_AGE: SignedDuration = SignedDuration::from_hours(24);
/// The row of `meta` that has the last check of the whole chain.
const LAST_CHECK: &str = "audit_check";
/// What an operator does about a broken chain.
const REMEDY: &str = "Run `stoa audit verify` for all of it, compare with the backups of the database and logs/security.log, \
                      and find out who had access to the database (docs/operate.md).";

/// A check of the whole chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditCheck {
    /// When.
    pub at: Timestamp,
    /// What it found.
    #[serde(flatten)]
    pub report: AuditReport,
}

/// The key of the chain.
pub(crate) fn audit_key(key: &MasterKey) -> AuditKey {
    AuditKey::new(*key.derive("audit trail"))
}

impl Core {
    pub(crate) fn audit_key(&self) -> AuditKey {
        audit_key(&self.key)
    }

    /// Seals new entries, and appends them to the log file. A file that can't be written is no failure: the entries wait
    /// in the database.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn seal_audit(&self) -> Result<()> {
        let (key, now) = (self.audit_key(), self.clock.now());
        let alarm = self.system_context("audit").audit(CHAIN_BROKEN, "audit", json!({}));
        loop {
            let sealing = audit_seal(&self.db, &key, &alarm, now, BATCH).await?;
            if sealing.was_broken {
                tracing::error!("the end of the audit trail's chain was changed or removed; run `stoa audit verify`");
            }
            if sealing.sealed < BATCH {
                break;
            }
        }
        self.write_security_log().await
    }

    async fn write_security_log(&self) -> Result<()> {
        loop {
            let entries = audit_sealed_after(&self.db, audit_logged(&self.db).await?, BATCH).await?;
            let Some(last) = entries.last().map(|entry| entry.position) else { return Ok(()) };
            let lines: Vec<String> = entries.iter().map(line).collect();
            let log = Arc::clone(&self.security_log);
            let written = tokio::task::spawn_blocking(move || log.append(&lines)).await.map_err(Error::internal)?;
            if written.is_err() {
                return Ok(());
            }
            self.db.write(|tx| Box::pin(async move { audit_set_logged(&tx, last).await })).await?;
        }
    }

    /// Checks the chain of the audit trail, and against the log file on this machine. A check of all of it is
    /// remembered as the last one.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden) below the role admin.
    pub async fn verify_audit(&self, cx: &RequestContext, scope: AuditScope) -> Result<AuditCheck> {
        cx.require(Role::Admin)?;
        let logged = self.logged_hashes(scope).await?;
        let now = self.clock.now();
        let report = audit_verify(&self.db, &self.audit_key(), scope, &logged, now).await?;
        let check = AuditCheck { at: now, report };
        if scope == AuditScope::All {
            let text = &json!(check).to_string();
            self.db.write(|tx| Box::pin(async move { meta::meta_set(&tx, LAST_CHECK, text).await })).await?;
        }
        Ok(check)
    }

    /// What the log file knows; nothing if it can't be read.
    async fn logged_hashes(&self, scope: AuditScope) -> Result<HashMap<i64, [u8; 32]>> {
        let log = Arc::clone(&self.security_log);
        let read = tokio::task::spawn_blocking(move || match scope {
            AuditScope::All => log.hashes(),
            AuditScope::Newest(_) => log.newest_hashes(),
        });
        Ok(read.await.map_err(Error::internal)?.unwrap_or_else(|error| {
            tracing::warn!(%error, "the audit trail is checked without its log file, which can't be read");
            HashMap::new()
        }))
    }

    /// The last check of the whole chain.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden) below the role admin.
    pub async fn last_audit_check(&self, cx: &RequestContext) -> Result<Option<AuditCheck>> {
        cx.require(Role::Admin)?;
        let text = meta::meta_get(&self.db, LAST_CHECK).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Checks the whole chain once a day. What is wrong with it is an error, so that staff get an e-mail about it.
    ///
    /// # Errors
    /// If the chain is broken, or the database does not answer.
    pub async fn verify_audit_daily(&self) -> Result<()> {
        let cx = self.system_context("audit");
        let last = self.last_audit_check(&cx).await?;
        let check = match last.filter(|last| cx.now.duration_since(last.at) < CHECK_AGE) {
            Some(last) => last,
            None => self.verify_audit(&cx, AuditScope::All).await?,
        };
        match check.report.problems.first() {
            None => Ok(()),
            Some(problem) => Err(Error::Conflict(format!("the audit trail: {}", describe_problem(problem)))),
        }
    }

    /// Checks the newest entries of the audit trail, and whether the log file can be written.
    pub async fn check_audit(&self) -> Finding {
        let (check, cx) = ("audit trail", self.system_context("doctor"));
        let found = match self.verify_audit(&cx, AuditScope::Newest(DOCTOR_ENTRIES)).await {
            Ok(found) => found.report,
            Err(error) => return wrong(check, Verdict::Bad, error.for_operator(), "See that the database runs."),
        };
        if let Some(problem) = found.problems.first() {
            return wrong(check, Verdict::Bad, describe_problem(problem), REMEDY);
        }
        if let Ok(Some(last)) = self.last_audit_check(&cx).await
            && let Some(problem) = last.report.problems.first()
        {
            let text = format!("{} (checked at {:.0})", describe_problem(problem), last.at);
            return wrong(check, Verdict::Bad, text, REMEDY);
        }
        match self.security_log.is_writable() {
            Ok(()) => good(check, format!("the newest {} entries are as they were written", found.entries)),
            Err(error) => {
                let remedy = "Let the user that Stoa runs as write the folder logs in the data directory; the entries wait \
                              in the database.";
                wrong(check, Verdict::Warning, format!("security.log can't be written: {error}"), remedy)
            }
        }
    }
}

/// A problem in a sentence.
pub fn describe_problem(problem: &AuditProblem) -> String {
    match (problem.entry, problem.at) {
        (Some(entry), Some(at)) => format!("entry {entry} of {at:.0} {}", joined(&problem.what)),
        (Some(entry), None) => format!("entry {entry} {}", joined(&problem.what)),
        (None, Some(at)) => format!("{} (after {at:.0})", problem.what),
        (None, None) => problem.what.clone(),
    }
}

/// A predicate follows the name of the entry; what is missing before it is a sentence of its own.
fn joined(what: &str) -> String {
    if what.starts_with("entr") { format!("follows a gap: {what}") } else { what.to_owned() }
}
