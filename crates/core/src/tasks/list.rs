//! What staff see of tasks that were given up, and what they can do about them.

use stoa_db::{Page, history, tasks};
use stoa_model::{account::Role, id::TaskId};

use super::Tasks;
use crate::{
    Error, RequestContext, Result, Wakeup,
    view::{Paged, TaskView},
};

impl Tasks {
    /// A page of the tasks that were given up, newest first, for staff.
    ///
    /// # Errors
    /// Without the role support.
    pub async fn list_failed(
        &self,
        cx: &RequestContext,
        before: Option<TaskId>,
        limit: u32,
    ) -> Result<Paged<TaskView>> {
        cx.require(Role::Support)?;
        let limit = u64::from(limit.clamp(1, 100));
        let found = tasks::tasks_failed(&self.core.db, Page { limit: limit + 1, before }).await?;
        let Paged { items, next } = Paged::of(found, limit, |task| task.id.to_string());
        let items = items
            .into_iter()
            .map(|task| TaskView {
                id: task.id,
                title: self
                    .registry
                    .handler(&task.kind)
                    .map_or_else(String::new, |handler| handler.title(&task.payload)),
                kind: task.kind,
                attempts: task.attempts,
                created_at: task.created_at,
                error: task.last_error.unwrap_or_default(),
            })
            .collect();
        Ok(Paged { items, next })
    }

    /// Tries a task again that was given up, with all its retries. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; not found, also if it was not given up.
    pub async fn retry(&self, cx: &RequestContext, id: TaskId) -> Result<()> {
        cx.require(Role::Admin)?;
        let event = &cx.audit("task.retry", id, serde_json::json!({}));
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    if !tasks::task_reopen(&tx, id, cx.now).await? {
                        return Err(Error::NotFound("failed task"));
                    }
                    Ok(history::audit(&tx, event).await?)
                })
            })
            .await?;
        self.core.bus.wake(Wakeup::Tasks);
        Ok(())
    }

    /// Discards a task that was given up: its effect will never happen. Requires the role admin.
    ///
    /// # Errors
    /// Without the role; not found, also if it was not given up.
    pub async fn discard(&self, cx: &RequestContext, id: TaskId) -> Result<()> {
        cx.require(Role::Admin)?;
        self.core
            .db
            .write(|tx| {
                Box::pin(async move {
                    let Some(task) = tasks::task_discard(&tx, id).await? else {
                        return Err(Error::NotFound("failed task"));
                    };
                    let detail = serde_json::json!({ "kind": task.kind, "error": task.last_error });
                    Ok(history::audit(&tx, &cx.audit("task.discard", id, detail)).await?)
                })
            })
            .await
    }
}
