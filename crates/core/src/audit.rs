//! The audit trail: who did what to what.
//!
//! Old entries leave the database for a file, and a checkpoint stays in the trail: the file's name, which entries it
//! has, and their hash, sealed with the master key. Whoever changes the file or the checkpoint without the key is found
//! by [`Core::verify_audit_archive`].

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
pub use stoa_db::core::audit::AuditFilter;
use stoa_db::{
    Page,
    core::{
        audit::{audit_counted, audit_listed},
        retention,
    },
    history,
};
use stoa_model::{
    account::Role,
    secret::{ExposeSecret, Sealed, SecretString},
};
use stoa_util::atomic_file;

use crate::{
    Core, Error, RequestContext, Result,
    view::{AuditView, Listing, PageNumber},
};

/// The action of a checkpoint.
const ARCHIVED: &str = "audit.archive";
/// Entries per file.
const ARCHIVE_SIZE: u64 = 5_000;

impl Core {
    /// The latest events of the audit trail, newest first; at most 1000.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden) below the role admin.
    pub async fn list_audit_events(&self, cx: &RequestContext, limit: u32) -> Result<Vec<AuditView>> {
        cx.require(Role::Admin)?;
        let events = history::audit_list(&self.db, Page::first(u64::from(limit.clamp(1, 1000)))).await?;
        Ok(events.into_iter().map(view).collect())
    }

    /// The audit trail as a screen lists it.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden) below the role admin.
    pub async fn search_audit(
        &self,
        cx: &RequestContext,
        filter: &AuditFilter,
        page: PageNumber,
    ) -> Result<Listing<AuditView>> {
        cx.require(Role::Admin)?;
        let found = audit_listed(&self.db, filter, page.window()).await?;
        let total = audit_counted(&self.db, filter).await?;
        Ok(Listing { items: found.into_iter().map(view).collect(), total, page })
    }

    /// Moves the oldest entries from before `before` into a file in `archive/`, at most 5,000. Returns their number.
    /// Checkpoints stay: without them, the files could not be checked.
    ///
    /// # Errors
    /// If the database does not answer or the file can't be written; nothing is lost then.
    pub async fn archive_audit(&self, before: Timestamp) -> Result<usize> {
        let entries = retention::audit_oldest(&self.db, before, ARCHIVED, ARCHIVE_SIZE).await?;
        let (Some((first, _)), Some((last, _))) = (entries.first(), entries.last()) else { return Ok(0) };
        let lines: Vec<String> = entries.iter().map(|(seq, event)| line(*seq, event).to_string() + "\n").collect();
        let content = lines.concat();
        let name = format!("audit-{first}-{last}.jsonl");
        let path = self.settings.data_dir.join("archive").join(&name);
        let hash = hex::encode(Sha256::digest(&content));
        let (bytes, file) = (content.into_bytes(), path.clone());
        let written = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
            atomic_file::write_private(&file, &bytes)
        });
        written.await.map_err(Error::internal)?.map_err(Error::internal)?;
        let seal = self.key.seal(&seal_context(&name), &SecretString::from(hash.clone()));
        let detail = json!({ "first": first, "last": last, "entries": entries.len(), "sha256": hash, "seal": seal.0 });
        let checkpoint = &self.system_context("retention").audit(ARCHIVED, &name, detail);
        let numbers: &Vec<i64> = &entries.iter().map(|(seq, _)| *seq).collect();
        self.db
            .write(|tx| {
                Box::pin(async move {
                    history::audit(&tx, checkpoint).await?;
                    retention::audit_delete(&tx, numbers).await
                })
            })
            .await?;
        Ok(entries.len())
    }

    /// Checks that a file of the archive is as it was written. Returns the number of its entries.
    ///
    /// # Errors
    /// Below the role admin; [`Error::Conflict`] that says what is wrong with it.
    pub async fn verify_audit_archive(&self, cx: &RequestContext, path: &Path) -> Result<u64> {
        cx.require(Role::Admin)?;
        let wrong = |what: String| Error::Conflict(format!("{}: {what}", path.display()));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let checkpoint = retention::audit_find(&self.db, ARCHIVED, &name).await?;
        let checkpoint = checkpoint.ok_or_else(|| wrong("the audit trail has no checkpoint of it".into()))?;
        if !path.is_file() {
            return Err(wrong("there is no such file".into()));
        }
        let content = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let sealed = Sealed(checkpoint.detail["seal"].as_str().unwrap_or_default().to_owned());
        let sealed = self.key.open(&seal_context(&name), &sealed);
        let sealed = sealed.map_err(|_| wrong("its checkpoint was not made with this master key".into()))?;
        if sealed.expose_secret() != hex::encode(Sha256::digest(&content)) {
            return Err(wrong("its content is not what was archived".into()));
        }
        Ok(content.iter().filter(|byte| **byte == b'\n').count() as u64)
    }
}

fn view((seq, event): (i64, history::AuditEvent)) -> AuditView {
    AuditView {
        seq,
        at: event.at,
        actor: event.actor.to_string(),
        action: event.action,
        target: event.target,
        outcome: event.outcome,
        request_id: event.request_id,
        detail: event.detail,
        address: event.address,
        credential: event.credential,
    }
}

fn seal_context(name: &str) -> String {
    format!("audit archive {name}")
}

/// An entry as a line of an archive.
fn line(seq: i64, event: &history::AuditEvent) -> serde_json::Value {
    json!({
        "seq": seq, "at": event.at, "actor": event.actor.to_string(), "action": event.action, "target": event.target,
        "outcome": event.outcome, "request_id": event.request_id, "detail": event.detail,
        "address": event.address, "credential": event.credential,
    })
}
