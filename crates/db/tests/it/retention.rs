use stoa_db::{
    Page,
    core::retention::{job_notes_prune, jobs_prune, site_events_prune},
    history::{site_event, site_events},
    job_log::{job_note_append, job_notes},
    jobs::{job_get, job_insert, jobs_of},
};
use stoa_model::job::{Job, JobState};

use crate::bed::{Bed, at, plan};

pub async fn old_jobs_and_their_logs(bed: Bed) {
    let site = bed.site(bed.customer().await.id, "bakery").await.id;
    let mut jobs = Vec::new();
    for n in 0..6 {
        let job = Job { state: JobState::Succeeded, ended_at: Some(at(n)), ..bed.new_job(site) };
        let tx = bed.db.begin().await.unwrap();
        job_insert(&tx, &job, &plan()).await.unwrap();
        tx.commit().await.unwrap();
        job_note_append(&bed.db, job.id, at(n), "a line").await.unwrap();
        jobs.push(job.id);
    }
    let running = bed.queued().await;
    assert_eq!(job_notes_prune(&bed.db, at(3)).await.unwrap(), 3);
    assert_eq!(job_notes_prune(&bed.db, at(3)).await.unwrap(), 0, "those have none any more");
    assert!(job_notes(&bed.db, jobs[2], 0).await.unwrap().is_empty());
    assert_eq!(job_notes(&bed.db, jobs[3], 0).await.unwrap().len(), 1);
    assert_eq!(jobs_prune(&bed.db, at(5), 3).await.unwrap(), 3, "the newest three stay whatever their age");
    assert_eq!(jobs_prune(&bed.db, at(5), 3).await.unwrap(), 0);
    let left: Vec<_> = jobs_of(&bed.db, site, Page::first(9)).await.unwrap().into_iter().map(|job| job.id).collect();
    assert_eq!(left, [jobs[5], jobs[4], jobs[3]]);
    assert_eq!(jobs_prune(&bed.db, at(5), 0).await.unwrap(), 2);
    assert!(job_get(&bed.db, running.id).await.unwrap().is_some(), "what has not ended stays");
}

pub async fn old_events(bed: Bed) {
    let site = bed.site(bed.customer().await.id, "bakery").await.id;
    let tx = bed.db.begin().await.unwrap();
    for n in 0..1_100 {
        site_event(&tx, site, at(n), "test", "it happened").await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut deleted = 0;
    loop {
        match site_events_prune(&bed.db, at(1_050)).await.unwrap() {
            0 => break,
            n => deleted += n,
        }
    }
    assert_eq!(deleted, 1_050);
    assert_eq!(site_events(&bed.db, site, 100).await.unwrap().len(), 50);
}
