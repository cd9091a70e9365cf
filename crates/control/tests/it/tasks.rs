//! Single effects: retries by the policy of their kind, panics, and what is given up.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use jiff::SignedDuration;
use stoa_core::{
    Error,
    tasks::{QueuedTask, RetryPolicy, TaskError, TaskRegistry, TaskSpec, Tasks},
};
use stoa_db::tasks::{self, TaskCounts};
use stoa_model::account::Role;
use stoa_testkit::TestPlatform;
use tokio_util::sync::CancellationToken;

/// How an attempt ends; `None` panics.
type Ending = Option<Result<(), TaskError>>;

/// A kind of task that ends as the test says, and fails when the script is over.
#[derive(Clone)]
struct Scripted(Arc<Mutex<VecDeque<Ending>>>);

#[async_trait]
impl TaskSpec for Scripted {
    const KIND: &'static str = "scripted";
    const RETRY: RetryPolicy = RetryPolicy {
        first: Duration::from_secs(60),
        longest: Duration::from_secs(600),
        give_up_after: Duration::from_secs(3_600),
    };
    type Payload = String;

    fn title(&self, payload: &String) -> String {
        format!("Do {payload}")
    }

    async fn execute(&self, _: String) -> Result<(), TaskError> {
        let next = self.0.lock().expect("a lock").pop_front();
        next.unwrap_or_else(|| Some(Err(TaskError::Retry("still away".into())))).expect("a bug in the effect")
    }
}

/// A platform with one task of this script, and its service.
async fn queued(script: impl IntoIterator<Item = Ending>) -> (TestPlatform, Tasks) {
    let platform = TestPlatform::new().await;
    let spec = Scripted(Arc::new(Mutex::new(script.into_iter().collect())));
    let service = Tasks::new(platform.control.core.clone(), TaskRegistry::default().with(spec));
    let task = &QueuedTask::new::<Scripted>(&"it".to_owned(), "scripted/it".into(), platform.clock.now());
    let inserted =
        platform.db.write(|tx| Box::pin(async move { tasks::task_insert(&tx, &task.task, Some(&task.key)).await }));
    assert!(inserted.await.expect("queued"));
    (platform, service)
}

async fn counts(platform: &TestPlatform) -> TaskCounts {
    tasks::task_counts(&platform.db).await.expect("counts")
}

/// Runs the worker until the queue has this form.
async fn work_until(platform: &TestPlatform, service: &Tasks, is_there: impl Fn(TaskCounts) -> bool) {
    let stop = CancellationToken::new();
    let watch = async {
        platform.until("the queue", async || is_there(counts(platform).await)).await;
        stop.cancel();
    };
    tokio::join!(service.work(stop.clone()), watch);
}

#[tokio::test]
async fn a_failed_attempt_is_repeated_after_its_pause_and_given_up_in_the_end() {
    let (platform, service) = queued([None]).await;
    let admin = platform.staff(Role::Admin).await;
    // The panic of the first attempt is a failure like any other.
    let mut attempts = 0;
    while counts(&platform).await.failed == 0 {
        let stop = CancellationToken::new();
        let watch = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            stop.cancel();
        };
        tokio::join!(service.work(stop.clone()), watch);
        platform.clock.advance(SignedDuration::from_mins(1));
        attempts += 1;
        assert!(attempts < 70, "an hour is over");
    }
    let failed = service.list_failed(&admin, None, 10).await.expect("a list").items;
    assert_eq!((failed.len(), failed[0].title.as_str(), failed[0].error.as_str()), (1, "Do it", "still away"));
    assert_eq!(failed[0].attempts, 9, "after 0, 1, 3, 7, 15, 25, 35, 45 and 55 minutes");
}

#[tokio::test]
async fn staff_try_it_again_or_discard_it() {
    let permanent = || Some(Err(TaskError::Permanent("no such mailbox".into())));
    let (platform, service) = queued([permanent(), Some(Ok(()))]).await;
    work_until(&platform, &service, |counts| counts.failed == 1).await;
    let (admin, support) = (platform.staff(Role::Admin).await, platform.staff(Role::Support).await);
    let id = service.list_failed(&support, None, 10).await.expect("a list").items[0].id;
    assert!(matches!(service.retry(&support, id).await, Err(Error::Forbidden(_))));
    assert!(matches!(service.discard(&support, id).await, Err(Error::Forbidden(_))));
    service.retry(&admin, id).await.expect("queued again");
    assert!(matches!(service.retry(&admin, id).await, Err(Error::NotFound(_))), "it waits already");
    work_until(&platform, &service, |counts| counts == TaskCounts::default()).await;

    let (platform, service) = queued([permanent()]).await;
    work_until(&platform, &service, |counts| counts.failed == 1).await;
    let admin = platform.staff(Role::Admin).await;
    let id = service.list_failed(&admin, None, 10).await.expect("a list").items[0].id;
    service.discard(&admin, id).await.expect("discarded");
    assert!(matches!(service.discard(&admin, id).await, Err(Error::NotFound(_))));
    assert_eq!(counts(&platform).await, TaskCounts::default());
}
