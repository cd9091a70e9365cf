//! The keyed hashes (HMAC-SHA-256, RFC 2104) that make a change of the audit trail visible. The key is derived from the
//! master key, which is not in the database: somebody with access to the database alone can't compute them.
//!
//! Each kind of hash has a prefix of its own, so that none can stand for another, and every field is preceded by its
//! length, so that no text can move from one field to the next. What is hashed is what is stored, byte by byte.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::entity::{audit, audit_chain, audit_checkpoints};

/// Signs entries, and chains them.
pub struct AuditKey(Zeroizing<[u8; 32]>);

/// How an entry came into the chain; part of what is hashed, so that it can't be changed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// With the signature of the process that wrote it.
    Signed = 0,
    /// Without one, from before the chain began.
    Earlier = 1,
    /// Without a valid one: not written by this platform.
    Foreign = 2,
}

impl AuditKey {
    /// A key of 32 random bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The signature of an entry that is about to be written.
    pub(super) fn signature(&self, row: &audit::Model) -> Vec<u8> {
        content(self.message("stoa audit entry 1"), row).finish()
    }

    /// Whether an entry has its valid signature.
    pub(super) fn has_signed(&self, row: &audit::Model) -> bool {
        let message = content(self.message("stoa audit entry 1"), row);
        row.signature.as_ref().is_some_and(|signature| message.matches(signature))
    }

    fn link_message(&self, row: &audit::Model, position: i64, previous: &[u8], standing: Standing) -> Message {
        let link = self.message("stoa audit link 1").int(position).bytes(previous).int(standing as i64);
        content(link.int(row.seq).maybe(row.signature.as_deref()), row)
    }

    /// The hash of the entry at `position`, after the one with the hash `previous`.
    pub(super) fn link(&self, row: &audit::Model, position: i64, previous: &[u8], standing: Standing) -> Vec<u8> {
        self.link_message(row, position, previous, standing).finish()
    }

    /// How this entry came into the chain at its position; `None` if its hash is another.
    pub(super) fn standing(&self, row: &audit::Model, position: i64, previous: &[u8]) -> Option<Standing> {
        let stored = row.chain_hash.as_deref()?;
        let all = [Standing::Signed, Standing::Earlier, Standing::Foreign];
        all.into_iter().find(|standing| self.link_message(row, position, previous, *standing).matches(stored))
    }

    fn end_message(&self, end: &audit_chain::Model) -> Message {
        self.message("stoa audit end 1").int(end.position).bytes(&end.hash).int(end.started_at)
    }

    /// The seal of the end of the chain.
    pub(super) fn end(&self, end: &audit_chain::Model) -> Vec<u8> {
        self.end_message(end).finish()
    }

    /// Whether this is an end that a process with this key has written.
    pub(super) fn has_sealed(&self, end: &audit_chain::Model) -> bool {
        self.end_message(end).matches(&end.mac)
    }

    fn checkpoint_message(&self, point: &audit_checkpoints::Model, previous: &[u8]) -> Message {
        let message = self.message("stoa audit checkpoint 1").bytes(previous).int(point.position).bytes(&point.hash);
        message.int(point.entries).bytes(point.file.as_bytes()).bytes(&point.file_hash).int(point.at_ms)
    }

    /// The seal of a checkpoint; `previous` is that of the checkpoint before.
    pub(super) fn checkpoint(&self, point: &audit_checkpoints::Model, previous: &[u8]) -> Vec<u8> {
        self.checkpoint_message(point, previous).finish()
    }

    /// Whether the checkpoint follows the one with the seal `previous`.
    pub(super) fn has_checked(&self, point: &audit_checkpoints::Model, previous: &[u8]) -> bool {
        self.checkpoint_message(point, previous).matches(&point.mac)
    }

    fn message(&self, kind: &str) -> Message {
        let mac = Hmac::new_from_slice(self.0.as_ref()).expect("HMAC takes keys of any length");
        Message(mac).bytes(kind.as_bytes())
    }
}

/// The fields that an entry has from the beginning.
fn content(message: Message, row: &audit::Model) -> Message {
    message
        .int(row.at_ms)
        .bytes(row.actor.as_bytes())
        .maybe(row.actor_role.as_ref().map(String::as_bytes))
        .bytes(row.action.as_bytes())
        .bytes(row.target.as_bytes())
        .bytes(row.outcome.as_bytes())
        .bytes(row.request_id.as_bytes())
        .bytes(row.detail.as_bytes())
        .maybe(row.address.as_ref().map(String::as_bytes))
        .maybe(row.credential.as_ref().map(String::as_bytes))
}

/// What is hashed.
struct Message(Hmac<Sha256>);

impl Message {
    fn int(mut self, number: i64) -> Self {
        self.0.update(&number.to_be_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    fn maybe(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.int(1).bytes(bytes),
            None => self.int(0),
        }
    }

    fn finish(self) -> Vec<u8> {
        self.0.finalize().into_bytes().to_vec()
    }

    /// In constant time.
    fn matches(self, hash: &[u8]) -> bool {
        self.0.verify_slice(hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(action: &str, target: &str) -> audit::Model {
        audit::Model {
            seq: 7,
            at_ms: 1,
            actor: "system".into(),
            actor_role: None,
            action: action.into(),
            target: target.into(),
            outcome: "done".into(),
            request_id: "r".into(),
            detail: "{}".into(),
            address: None,
            credential: None,
            signature: None,
            chain_position: None,
            chain_hash: None,
        }
    }

    #[test]
    fn a_signature_is_of_all_fields_and_of_this_key() {
        let key = AuditKey::new([1; 32]);
        let signed = |row: audit::Model| audit::Model { signature: Some(key.signature(&row)), ..row };
        let entry = signed(row("a.b", "c"));
        assert!(key.has_signed(&entry) && !AuditKey::new([2; 32]).has_signed(&entry));
        assert!(!key.has_signed(&row("a.b", "c")), "no signature is none");
        let moved = audit::Model { action: "a.".into(), target: "bc".into(), ..entry.clone() };
        let added = audit::Model { address: Some(String::new()), ..entry.clone() };
        let earlier = audit::Model { at_ms: 0, ..entry };
        assert!(![moved, added, earlier].iter().any(|row| key.has_signed(row)));
    }

    #[test]
    fn a_link_is_of_its_place_its_predecessor_and_its_standing() {
        let key = AuditKey::new([1; 32]);
        let entry = row("a.b", "c");
        let hash = key.link(&entry, 5, &[9; 32], Standing::Earlier);
        let entry = audit::Model { chain_hash: Some(hash), ..entry };
        assert_eq!(key.standing(&entry, 5, &[9; 32]), Some(Standing::Earlier));
        assert_eq!(key.standing(&entry, 6, &[9; 32]), None);
        assert_eq!(key.standing(&entry, 5, &[8; 32]), None);
        assert_eq!(key.standing(&audit::Model { seq: 8, ..entry }, 5, &[9; 32]), None);
    }
}
