//! The audit trail: who did what to what.
//!
//! Old entries leave the database for a file, and a checkpoint of the chain stays: the last of these entries and the
//! hash of the file, sealed with a key that is not in the database. Whoever changes the file or the checkpoint without
//! the key is found by [`Core::verify_audit_archive`] and [`Core::verify_audit`].

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
pub use stoa_db::core::audit::AuditFilter;
use stoa_db::{
    core::{
        audit::{audit_after, audit_counted, audit_listed},
        audit_chain::SealedEntry,
        audit_checkpoints::{AuditArchive, audit_archivable, audit_archive, audit_archived},
        retention,
    },
    history,
    listing::Window,
};
use stoa_model::{
    account::Role,
    secret::{ExposeSecret, Sealed},
};
use stoa_util::atomic_file;

use crate::{
    Core, Error, RequestContext, Result,
    view::{AuditView, Listing, PageNumber},
};

/// The action of an entry about a file of the archive.
const ARCHIVED: &str = "audit.archive";
/// Entries per file.
const ARCHIVE_SIZE: u64 = 5_000;
/// Entries that an export reads at a time.
const EXPORT_PAGE: u64 = 1_000;

impl Core {
    /// The latest filtered events of the audit trail, newest first; at most 1000.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden) below the role admin.
    pub async fn list_audit_events(
        &self,
        cx: &RequestContext,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditView>> {
        cx.require(Role::Admin)?;
        let events = audit_listed(&self.db, filter, Window::first(u64::from(limit.clamp(1, 1000)))).await?;
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

    /// Filtered entries after the entry numbered `after`, oldest first, at most 1,000.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden) below the role admin.
    pub async fn audit_after(&self, cx: &RequestContext, filter: &AuditFilter, after: i64) -> Result<Vec<AuditView>> {
        cx.require(Role::Admin)?;
        Ok(audit_after(&self.db, filter, after, EXPORT_PAGE).await?.into_iter().map(view).collect())
    }

    /// Notes that somebody takes the filtered entries out as a file.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden) below the role admin.
    pub async fn note_audit_export(&self, cx: &RequestContext, filter: &AuditFilter) -> Result<()> {
        cx.require(Role::Admin)?;
        let AuditFilter { actor, action, group, target, from, before } = filter;
        let detail = json!({
            "actor": actor, "action": action, "group": group, "target": target, "from": from, "before": before,
        });
        let event = &cx.audit("audit.export", "audit", detail);
        Ok(self.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await?)
    }

    /// Moves the oldest sealed entries from before `before` into a file in `archive/`, at most 5,000. Returns their
    /// number. A checkpoint of the chain stays in the database.
    ///
    /// # Errors
    /// If the database does not answer or the file can't be written; nothing is lost then.
    pub async fn archive_audit(&self, before: Timestamp) -> Result<usize> {
        let entries = &audit_archivable(&self.db, before, ARCHIVE_SIZE).await?;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(0) };
        let lines: Vec<String> = entries.iter().map(|entry| line(entry) + "\n").collect();
        let content = lines.concat();
        let name = format!("audit-{}-{}.jsonl", first.position, last.position);
        let path = self.settings.data_dir.join("archive").join(&name);
        let file_hash: [u8; 32] = Sha256::digest(&content).into();
        let (bytes, file) = (content.into_bytes(), path.clone());
        let written = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
            atomic_file::write_private(&file, &bytes)
        });
        written.await.map_err(Error::internal)?.map_err(Error::internal)?;
        let detail = json!({ "first": first.position, "last": last.position, "sha256": hex::encode(file_hash) });
        let event = &self.system_context("retention").audit(ARCHIVED, &name, detail);
        let (key, now) = (&self.audit_key(), self.clock.now());
        let archive = &AuditArchive { file: name, file_hash, entries: entries.len() as u64 };
        self.db
            .write(|tx| {
                Box::pin(async move {
                    audit_archived(&tx, key, entries, archive, now).await?;
                    history::audit(&tx, event).await
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
        let archive = match audit_archive(&self.db, &self.audit_key(), &name).await? {
            Some(archive) => Some(archive.file_hash),
            None => self.archive_of_previous_release(&name).await?,
        };
        let file_hash = archive.ok_or_else(|| wrong("there is no valid checkpoint of it in the database".into()))?;
        if !path.is_file() {
            return Err(wrong("there is no such file".into()));
        }
        let content = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        if file_hash[..] != Sha256::digest(&content)[..] {
            return Err(wrong("its content is not what was archived".into()));
        }
        Ok(content.iter().filter(|byte| **byte == b'\n').count() as u64)
    }

    /// The hash of a file that the previous release has archived: its checkpoint is an entry of the trail.
    async fn archive_of_previous_release(&self, name: &str) -> Result<Option<[u8; 32]>> {
        let Some(checkpoint) = retention::audit_find(&self.db, ARCHIVED, name).await? else { return Ok(None) };
        let sealed = Sealed(checkpoint.detail["seal"].as_str().unwrap_or_default().to_owned());
        let hash = self.key.open(&format!("audit archive {name}"), &sealed).ok();
        Ok(hash.and_then(|hash| hex::decode(hash.expose_secret()).ok()?.try_into().ok()))
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

/// A sealed entry as a line of a file.
pub(crate) fn line(entry: &SealedEntry) -> String {
    let SealedEntry { seq, position, hash, event } = entry;
    let line = json!({
        "position": position, "hash": hex::encode(hash), "seq": seq, "at": event.at,
        "actor": event.actor.to_string(), "action": event.action, "target": event.target,
        "outcome": event.outcome, "request_id": event.request_id, "detail": event.detail,
        "address": event.address, "credential": event.credential,
    });
    line.to_string()
}
