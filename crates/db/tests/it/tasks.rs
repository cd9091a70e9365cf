use std::collections::HashSet;

use stoa_db::{
    Page,
    tasks::{
        Task, TaskCounts, task_claim, task_counts, task_discard, task_done, task_give_up, task_heartbeat, task_insert,
        task_reopen, task_retry, tasks_failed,
    },
};
use stoa_model::id::TaskId;
use stoa_saga::Epoch;

use crate::bed::{Bed, MINUTE, at};

async fn insert(bed: &Bed, run_at: i64, dedupe: Option<&str>) -> Option<Task> {
    let task = Task {
        id: TaskId::from_uuid(bed.uuid()),
        kind: "mail".into(),
        payload: serde_json::json!({"to": "jane@example.com"}),
        attempts: 0,
        run_at: at(run_at),
        created_at: at(0),
        last_error: None,
    };
    let tx = bed.db.begin().await.unwrap();
    let inserted = task_insert(&tx, &task, dedupe).await.unwrap();
    tx.commit().await.unwrap();
    inserted.then_some(task)
}

async fn claim(bed: &Bed, now: i64) -> Option<(Task, Epoch)> {
    task_claim(&bed.db, "me", at(now), MINUTE).await.unwrap()
}

pub async fn done_retried_given_up(bed: Bed) {
    let task = insert(&bed, 100, None).await.unwrap();
    assert_eq!(claim(&bed, 99).await, None, "not yet");
    let (taken, epoch) = claim(&bed, 100).await.unwrap();
    assert_eq!(taken, Task { attempts: 1, ..task.clone() });
    assert_eq!(task_counts(&bed.db).await.unwrap(), TaskCounts { running: 1, ..Default::default() });
    assert!(task_retry(&bed.db, task.id, epoch, at(500), "no route").await.unwrap());
    assert!(!task_done(&bed.db, task.id, epoch).await.unwrap(), "it was given back");
    assert_eq!(claim(&bed, 499).await, None);
    assert_eq!(task_counts(&bed.db).await.unwrap(), TaskCounts { waiting: 1, ..Default::default() });
    let (again, epoch) = claim(&bed, 500).await.unwrap();
    assert_eq!((again.attempts, again.last_error.as_deref()), (2, Some("no route")));
    assert!(task_heartbeat(&bed.db, task.id, epoch, at(1_000)).await.unwrap());
    let (lost, newer) = claim(&bed, 1_000).await.unwrap();
    assert_eq!(lost.id, task.id);
    assert!(!task_give_up(&bed.db, task.id, epoch, "late").await.unwrap());
    assert!(task_give_up(&bed.db, task.id, newer, "refused").await.unwrap());
    assert_eq!(claim(&bed, 9_999_999).await, None);
    let failed = tasks_failed(&bed.db, Page::first(9)).await.unwrap();
    assert_eq!((failed.len(), failed[0].last_error.as_deref()), (1, Some("refused")));
    assert_eq!(task_counts(&bed.db).await.unwrap(), TaskCounts { failed: 1, ..Default::default() });
    let given_up = failed[0].id;
    let tx = bed.db.begin().await.unwrap();
    assert!(task_reopen(&tx, given_up, at(9_000)).await.unwrap());
    assert!(!task_reopen(&tx, given_up, at(9_000)).await.unwrap(), "it waits again");
    assert_eq!(task_discard(&tx, given_up).await.unwrap(), None, "what waits is not discarded");
    tx.commit().await.unwrap();
    let (again, epoch) = claim(&bed, 9_000).await.unwrap();
    assert_eq!((again.attempts, again.created_at), (1, at(9_000)), "as if it were new");
    assert!(task_give_up(&bed.db, given_up, epoch, "refused").await.unwrap());
    let tx = bed.db.begin().await.unwrap();
    assert_eq!(task_discard(&tx, given_up).await.unwrap().map(|task| task.id), Some(given_up));
    assert_eq!(task_discard(&tx, given_up).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(task_counts(&bed.db).await.unwrap(), TaskCounts::default());
    insert(&bed, 0, None).await.unwrap();
    let (task, epoch) = claim(&bed, 1).await.unwrap();
    assert!(task_done(&bed.db, task.id, epoch).await.unwrap());
    assert_eq!(task_counts(&bed.db).await.unwrap().waiting, 0);
}

pub async fn a_dedupe_key_waits_once(bed: Bed) {
    let first = insert(&bed, 0, Some("sync cus_1")).await.unwrap();
    assert_eq!(insert(&bed, 0, Some("sync cus_1")).await, None);
    assert!(insert(&bed, 5, Some("sync cus_2")).await.is_some());
    assert_eq!(claim(&bed, 1).await.unwrap().0.id, first.id);
    assert!(insert(&bed, 0, Some("sync cus_1")).await.is_some(), "what changed since is not forgotten");
}

pub async fn two_claimers_never_share(bed: Bed) {
    let mut all = HashSet::new();
    for n in 0..12 {
        all.insert(insert(&bed, n, None).await.unwrap().id);
    }
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let bed = bed.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while let Some((task, epoch)) = claim(&bed, 50).await {
                    assert!(task_done(&bed.db, task.id, epoch).await.unwrap());
                    mine.push(task.id);
                }
                mine
            })
        })
        .collect();
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    assert_eq!(taken.len(), 12, "each once");
    assert_eq!(taken.into_iter().collect::<HashSet<_>>(), all);
}
