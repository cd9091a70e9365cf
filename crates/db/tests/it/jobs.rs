use std::{collections::HashSet, time::Duration};

use stoa_db::{
    Constraint, DbError, Page,
    jobs::{
        Claim, Held, job_active, job_cancel, job_cancel_queued, job_claim, job_counts, job_finish, job_get, job_insert,
        job_is_available, job_plan, job_release, job_reopen, job_set_state, jobs_heartbeat, jobs_of, staff_jobs,
    },
};
use stoa_model::{
    account::{Actor, Role},
    id::{CustomerId, JobId, StaffId},
    job::{Job, JobState, Lane},
};
use stoa_saga::Epoch;

use crate::bed::{Bed, MINUTE, at, claim, plan};

async fn finish(bed: &Bed, id: JobId, epoch: Epoch, state: JobState) -> Result<(), DbError> {
    let tx = bed.db.begin().await?;
    job_finish(&tx, id, epoch, state, Some("It failed."), Some("because"), at(50)).await?;
    tx.commit().await
}

pub async fn one_unfinished_job_per_site(bed: Bed) {
    let job = Job { actor: Actor::Staff(StaffId::from_uuid(bed.uuid()), Role::Admin), ..bed.queued().await };
    let second = Job { actor: job.actor, ..bed.new_job(job.site) };
    let error = bed.insert_job(&second).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::ActiveJob)), "{error:?}");
    let (_, epoch) = job_claim(&bed.db, &claim("me", at(1), MINUTE)).await.unwrap().unwrap();
    assert!(bed.insert_job(&second).await.is_err());
    finish(&bed, job.id, epoch, JobState::Failed).await.unwrap();
    bed.insert_job(&second).await.unwrap();
    assert_eq!(job_active(&bed.db, job.site).await.unwrap(), Some(second.clone()));
    let ids = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(ids(jobs_of(&bed.db, job.site, Page::first(9)).await.unwrap()), [second.id, job.id]);
    assert_eq!(ids(staff_jobs(&bed.db, Some(JobState::Failed), Page::first(9)).await.unwrap()), [job.id]);
    let mut counts = job_counts(&bed.db).await.unwrap();
    counts.sort_by_key(|(state, _)| state.as_str());
    assert_eq!(counts, [(JobState::Failed, 1), (JobState::Queued, 1)]);
    let failed = job_get(&bed.db, job.id).await.unwrap().unwrap();
    assert_eq!((failed.error.as_deref(), failed.error_detail.as_deref()), (Some("It failed."), Some("because")));
    assert_eq!((failed.started_at, failed.ended_at), (Some(at(1)), Some(at(50))));
    assert_eq!(job_plan(&bed.db, job.id).await.unwrap(), Some(plan()));
    let tx = bed.db.begin().await.unwrap();
    assert!(!job_cancel(&tx, job.id).await.unwrap(), "it is over");
    assert!(job_cancel(&tx, second.id).await.unwrap());
    assert!(job_get(&tx, second.id).await.unwrap().unwrap().cancel_requested);
}

pub async fn two_claimers_never_share(bed: Bed) {
    let mut jobs = HashSet::new();
    for _ in 0..12 {
        jobs.insert(bed.queued().await.id);
    }
    let workers: Vec<_> = (0..4)
        .map(|n| {
            let bed = bed.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while let Some((job, epoch)) =
                    job_claim(&bed.db, &claim(&format!("w{n}"), at(1), MINUTE)).await.unwrap()
                {
                    assert_eq!((epoch, job.state), (Epoch(1), JobState::Running));
                    mine.push(job.id);
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
    assert_eq!(taken.into_iter().collect::<HashSet<_>>(), jobs);
}

pub async fn a_lost_lease_writes_nothing(bed: Bed) {
    let job = bed.queued().await;
    let (_, old) = job_claim(&bed.db, &claim("slow", at(0), MINUTE)).await.unwrap().unwrap();
    assert!(job_claim(&bed.db, &claim("other", at(59_999), MINUTE)).await.unwrap().is_none());
    let held = [Held { job: job.id, epoch: old, cancel_requested: false }];
    assert_eq!(jobs_heartbeat(&bed.db, "slow", &[job.id], at(61_000)).await.unwrap(), held);
    assert_eq!(
        jobs_heartbeat(&bed.db, "slow", &[job.id], at(61_000)).await.unwrap(),
        held,
        "the same again still holds it"
    );
    assert_eq!(jobs_heartbeat(&bed.db, "other", &[job.id], at(61_000)).await.unwrap(), []);
    assert!(job_claim(&bed.db, &claim("other", at(60_000), MINUTE)).await.unwrap().is_none());
    let (again, new) = job_claim(&bed.db, &claim("other", at(61_000), MINUTE)).await.unwrap().unwrap();
    assert_eq!((again.id, again.started_at), (job.id, Some(at(0))));
    assert!(new > old);
    assert_eq!(jobs_heartbeat(&bed.db, "slow", &[job.id], at(99_000)).await.unwrap(), []);
    assert!(!job_release(&bed.db, job.id, old, at(0)).await.unwrap());
    assert!(matches!(finish(&bed, job.id, old, JobState::Succeeded).await, Err(DbError::LeaseLost)));
    let tx = bed.db.begin().await.unwrap();
    assert!(matches!(job_set_state(&tx, job.id, old, JobState::Unwinding).await, Err(DbError::LeaseLost)));
    job_set_state(&tx, job.id, new, JobState::Unwinding).await.unwrap();
    assert!(job_set_state(&tx, job.id, new, JobState::Failed).await.is_err(), "that is job_finish's");
    tx.commit().await.unwrap();
    finish(&bed, job.id, new, JobState::Cancelled).await.unwrap();
    assert!(matches!(finish(&bed, job.id, new, JobState::Cancelled).await, Err(DbError::LeaseLost)));
}

pub async fn a_released_job_is_taken_at_once(bed: Bed) {
    let job = bed.queued().await;
    let (_, old) = job_claim(&bed.db, &claim("me", at(0), Duration::from_secs(3600))).await.unwrap().unwrap();
    assert!(job_release(&bed.db, job.id, old, at(0)).await.unwrap());
    assert_eq!(jobs_heartbeat(&bed.db, "me", &[job.id], at(1)).await.unwrap(), [], "given up is lost");
    let (again, new) = job_claim(&bed.db, &claim("next", at(1), MINUTE)).await.unwrap().unwrap();
    assert_eq!((again.id, new), (job.id, Epoch(old.0 + 1)));
}

pub async fn stuck_occupies_until_reopened_and_ended(bed: Bed) {
    let job = bed.queued().await;
    let (_, epoch) = job_claim(&bed.db, &claim("me", at(0), MINUTE)).await.unwrap().unwrap();
    finish(&bed, job.id, epoch, JobState::Stuck).await.unwrap();
    assert!(
        job_claim(&bed.db, &claim("me", at(9_999_999), MINUTE)).await.unwrap().is_none(),
        "nobody takes it by himself"
    );
    let error = bed.insert_job(&bed.new_job(job.site)).await.unwrap_err();
    assert!(matches!(error, DbError::Conflict(Constraint::ActiveJob)), "{error:?}");
    assert_eq!(job_get(&bed.db, job.id).await.unwrap().unwrap().ended_at, None);
    let tx = bed.db.begin().await.unwrap();
    job_reopen(&tx, job.id).await.unwrap();
    assert!(matches!(job_reopen(&tx, job.id).await, Err(DbError::StaleWrite { .. })));
    tx.commit().await.unwrap();
    let (_, epoch) = job_claim(&bed.db, &claim("me", at(1), MINUTE)).await.unwrap().unwrap();
    finish(&bed, job.id, epoch, JobState::Failed).await.unwrap();
    bed.insert_job(&bed.new_job(job.site)).await.unwrap();
}

pub async fn the_oldest_comes_first(bed: Bed) {
    let (first, second) = (bed.queued().await, bed.queued().await);
    // Each time another process: a run is never claimed by the process that has it.
    let take = async |now| {
        let owner = bed.uuid().to_string();
        job_claim(&bed.db, &claim(&owner, at(now), MINUTE)).await.unwrap().map(|(job, _)| job.id)
    };
    assert_eq!(take(0).await, Some(first.id));
    let third = bed.queued().await;
    assert_eq!(take(1).await, Some(second.id));
    assert_eq!(take(60_001).await, Some(third.id), "who never ran goes before who ran out");
    assert_eq!(take(60_001).await, Some(first.id));
    assert_eq!(take(60_001).await, Some(second.id));
    assert_eq!(take(60_001).await, None);
    let tx = bed.db.begin().await.unwrap();
    let over = Job { state: JobState::Succeeded, ..bed.new_job(first.site) };
    job_insert(&tx, &over, &plan()).await.expect("a job that is over occupies nothing");
}

/// A customer's new site with a queued job in this lane.
async fn queued_of(bed: &Bed, customer: CustomerId, lane: Lane) -> JobId {
    let site = bed.site(customer, &format!("shop-{}", bed.number())).await;
    let job = Job { lane, ..bed.new_job(site.id) };
    bed.insert_job(&job).await.unwrap();
    job.id
}

pub async fn customers_take_turns(bed: Bed) {
    let (jane, john) = (bed.customer().await.id, bed.customer().await.id);
    let mut of_jane = Vec::new();
    for _ in 0..4 {
        of_jane.push(queued_of(&bed, jane, Lane::Interactive).await);
    }
    let of_john = queued_of(&bed, john, Lane::Interactive).await;
    let take = async |last_slot| {
        let claim = Claim { last_slot, ..claim("me", at(1), MINUTE) };
        job_claim(&bed.db, &claim).await.unwrap().map(|(job, _)| job.id)
    };
    assert_eq!(take(false).await, Some(of_jane[0]));
    assert_eq!(take(false).await, Some(of_john), "who has nothing running comes first");
    assert_eq!(take(false).await, Some(of_jane[1]), "nobody else waits");
    let more_of_john = queued_of(&bed, john, Lane::Interactive).await;
    assert_eq!(take(false).await, Some(more_of_john), "the one with fewer");
    assert_eq!(take(true).await, None, "the last slot is for a customer without a running job");
    let joan = bed.customer().await.id;
    let of_joan = queued_of(&bed, joan, Lane::Interactive).await;
    assert_eq!(take(true).await, Some(of_joan));
    assert_eq!(take(false).await, Some(of_jane[2]));
}

pub async fn lanes_are_apart(bed: Bed) {
    let jane = bed.customer().await.id;
    assert!(!job_is_available(&bed.db, at(1)).await.unwrap());
    let slow = queued_of(&bed, jane, Lane::Backup).await;
    assert!(job_is_available(&bed.db, at(1)).await.unwrap());
    let take = async |lane| {
        let claim = Claim { lane, last_slot: true, ..claim("me", at(1), MINUTE) };
        job_claim(&bed.db, &claim).await.unwrap().map(|(job, _)| job.id)
    };
    assert_eq!(take(Lane::Interactive).await, None);
    assert_eq!(take(Lane::Backup).await, Some(slow));
    let order = queued_of(&bed, jane, Lane::Interactive).await;
    assert_eq!(take(Lane::Interactive).await, Some(order), "a running backup is no running order");
    assert!(!job_is_available(&bed.db, at(1)).await.unwrap());
}

pub async fn what_nobody_claimed_is_cancelled_at_once(bed: Bed) {
    let (queued, running) = (bed.queued().await, bed.queued().await);
    let cancel = async |id| {
        let tx = bed.db.begin().await.unwrap();
        let cancelled = job_cancel_queued(&tx, id, "Cancelled.", at(7)).await.unwrap();
        tx.commit().await.unwrap();
        cancelled
    };
    assert!(cancel(queued.id).await);
    let ended = job_get(&bed.db, queued.id).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.ended_at, ended.error.as_deref()),
        (JobState::Cancelled, Some(at(7)), Some("Cancelled."))
    );
    bed.insert_job(&bed.new_job(queued.site)).await.expect("its site is free");
    assert!(!cancel(queued.id).await, "only once");
    let (claimed, epoch) = job_claim(&bed.db, &claim("me", at(1), MINUTE)).await.unwrap().unwrap();
    assert_eq!(claimed.id, running.id);
    assert!(!cancel(running.id).await, "a worker has it");
    assert!(job_release(&bed.db, running.id, epoch, at(0)).await.unwrap());
    assert!(!cancel(running.id).await, "it has begun");
}
