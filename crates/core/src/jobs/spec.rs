//! What a kind of job is: declared by the area that it belongs to.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use stoa_db::Tx;
use stoa_model::job::{Job, JobKind};
use stoa_saga::{Epoch, Heading, Log, Outcome, RunSignals, Saga, execute};

use super::JobEnd;
use crate::Result;

/// A kind of job: a plan of its own, and a saga over it.
#[async_trait]
pub trait JobSpec: Send + Sync + 'static {
    /// Its name in the database, the API and on screen.
    const KIND: JobKind;
    /// Every choice, made and saved before the first effect. What one release writes the next one
    /// must read.
    type Plan: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What its steps may touch, and no more.
    type Context: Send + Sync + 'static;

    /// Its steps. Their names and order are the format of the job's log.
    fn saga(&self) -> Saga<Self::Plan, Self::Context>;

    /// What the steps get.
    fn context(&self) -> &Self::Context;

    /// Before the first step, whenever a worker takes the job up; idempotent.
    async fn begin(&self, _job: &Job) -> Result<()> {
        Ok(())
    }

    /// What the job's end means for what it worked on, in the transaction that records the end; may be
    /// repeated.
    async fn record_end(&self, tx: &Tx, job: &Job, end: &JobEnd, now: Timestamp) -> Result<()>;

    /// After that transaction; best effort.
    async fn after(&self, _job: &Job) {}
}

/// A [`JobSpec`] without its types.
#[async_trait]
pub trait JobHandler: Send + Sync {
    /// Names and titles of the steps.
    fn headings(&self) -> Vec<Heading>;
    /// See [`JobSpec::begin`].
    async fn begin(&self, job: &Job) -> Result<()>;
    /// Reads the plan and runs the saga; a plan that this release can't read is *stuck*.
    async fn execute(&self, job: &Job, log: Arc<dyn Log>, epoch: Epoch, signals: RunSignals) -> Outcome;
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

    async fn execute(&self, job: &Job, log: Arc<dyn Log>, epoch: Epoch, signals: RunSignals) -> Outcome {
        let plan: S::Plan = match serde_json::from_value(job.plan.clone()) {
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
