//! What every area uses: jobs and their log, tasks, the audit trail, idempotency keys, and single values.

pub mod audit;
pub mod audit_chain;
pub mod audit_checkpoints;
pub mod audit_key;
pub mod audit_verify;
mod audit_walk;
pub mod events;
pub mod idempotency;
pub mod jobs;
pub mod mails;
pub mod meta;
pub mod processes;
pub mod rate_limits;
pub mod retention;
pub mod tasks;
