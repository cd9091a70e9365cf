//! The declaration of a kind of job, made by the area that it belongs to.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use stoa_db::Tx;
use stoa_model::job::{Job, JobKind};
use stoa_saga::{Epoch, Heading, Log, Outcome, RunSignals, Saga, execute};

use super::JobEnd;
use crate::Result;

/// A kind of job: its plan, and the saga that carries it out.
#[async_trait]
pub trait JobSpec: Send + Sync + 'static {
    /// Its name in the database, the API and on screen.
    const KIND: JobKind;
    /// All decisions, made and saved before the first effect. A release must be able to read the plans of the
    /// release before it.
    type Plan: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// The dependencies of its steps.
    type Context: Send + Sync + 'static;

    /// Its steps. Job logs refer to them by name and order, so neither may change.
    fn saga(&self) -> Saga<Self::Plan, Self::Context>;

    /// The context that the steps are given.
    fn context(&self) -> &Self::Context;

    /// Called before the first step of every run of the job; idempotent.
    async fn begin(&self, _job: &Job) -> Result<()> {
        Ok(())
    }

    /// Updates what the job worked on, in the transaction that records its end; may be repeated.
    async fn record_end(&self, tx: &Tx, job: &Job, end: &JobEnd, now: Timestamp) -> Result<()>;

    /// Called after that transaction; best effort.
    async fn after(&self, _job: &Job) {}
}

/// An object-safe [`JobSpec`].
#[async_trait]
pub trait JobHandler: Send + Sync {
    /// Names and titles of the steps.
    fn headings(&self) -> Vec<Heading>;
    /// See [`JobSpec::begin`].
    async fn begin(&self, job: &Job) -> Result<()>;
    /// Reads the plan and runs the saga. A job whose plan this release can't read becomes *stuck*.
    async fn execute(&self, plan: Value, log: Arc<dyn Log>, epoch: Epoch, signals: RunSignals) -> Outcome;
    /// See [`JobSpec::record_end`].
    async fn record_end(&self, tx: &Tx, job: &Job, end: &JobEnd, now: Timestamp) -> Result<()>;
    /// See [`JobSpec::after`].
    async fn after(&self, job: &Job);
}

#[async_trait]
impl<S: JobSpec> JobHandler for S {
    fn headings(&self) -> Vec<Heading> {
        self.saga().headings()
    }

    async fn begin(&self, job: &Job) -> Result<()> {
        JobSpec::begin(self, job).await
    }

    async fn execute(&self, plan: Value, log: Arc<dyn Log>, epoch: Epoch, signals: RunSignals) -> Outcome {
        let plan: S::Plan = match serde_json::from_value(plan) {
            Ok(plan) => plan,
            Err(error) => {
                return Outcome::Stuck { step: None, reason: format!("the job's plan can't be read: {error}") };
            }
        };
        execute(&self.saga(), &plan, self.context(), log, epoch, signals).await
    }

    async fn record_end(&self, tx: &Tx, job: &Job, end: &JobEnd, now: Timestamp) -> Result<()> {
        JobSpec::record_end(self, tx, job, end, now).await
    }

    async fn after(&self, job: &Job) {
        JobSpec::after(self, job).await;
    }
}
