use std::sync::{Arc, Mutex};

use stoa_db::{
    DbError,
    job_log::{JobLog, job_entries, job_note_append, job_notes},
    jobs::job_claim,
};
use stoa_model::id::JobId;
use stoa_saga::{Cause, Epoch, Event, Failure, Log, LogError};

use crate::bed::{Bed, MINUTE, at, claim};

fn started(step: &str) -> Event {
    Event::Started { step: step.into() }
}

pub async fn events_read_back_in_order(bed: Bed) {
    let job = bed.queued().await;
    let (_, epoch) = job_claim(&bed.db, &claim("me", at(0), MINUTE)).await.unwrap().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let log = JobLog::new(bed.db.clone(), job.id, || at(7))
        .on_append(move |entries| tell.lock().unwrap().extend(entries.iter().map(|entry| entry.seq)));
    assert_eq!(log.load().await.unwrap(), []);
    log.append(epoch, &[]).await.unwrap();
    let events = [
        started("network"),
        Event::Succeeded { step: "network".into(), detail: Some("10.213.0.0/28 'ü🛒".into()) },
        Event::Failed(Failure { step: "start".into(), public: "Sorry.".into(), source: String::new() }),
        Event::Unwinding { cause: Cause::Failed },
    ];
    log.append(epoch, &events[..1]).await.unwrap();
    log.append(epoch, &events[1..]).await.unwrap();
    assert_eq!(log.load().await.unwrap(), events);
    assert_eq!(*told.lock().unwrap(), [1, 2, 3, 4]);
    let entries = job_entries(&bed.db, job.id).await.unwrap();
    assert!(entries.iter().all(|entry| entry.at_ms == at(7).as_millisecond()));
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

pub async fn an_old_epoch_writes_nothing(bed: Bed) {
    let job = bed.queued().await;
    let log = JobLog::new(bed.db.clone(), job.id, || at(0));
    assert_eq!(log.append(Epoch(0), &[started("a")]).await, Err(LogError::LeaseLost), "nobody holds it");
    let (_, old) = job_claim(&bed.db, &claim("slow", at(0), MINUTE)).await.unwrap().unwrap();
    log.append(old, &[started("a")]).await.unwrap();
    let (_, new) = job_claim(&bed.db, &claim("next", at(60_000), MINUTE)).await.unwrap().unwrap();
    assert_eq!(log.append(old, &[started("b")]).await, Err(LogError::LeaseLost));
    assert_eq!(log.append(old, &[]).await, Err(LogError::LeaseLost), "nothing to write is checked too");
    // Both at once: only the holder's entries are stored.
    let (slow, next) = (JobLog::new(bed.db.clone(), job.id, || at(1)), JobLog::new(bed.db.clone(), job.id, || at(2)));
    let late = [started("b")];
    let (lost, kept) = tokio::join!(slow.append(old, &late), async {
        for step in ["c", "d", "e"] {
            next.append(new, &[started(step)]).await?;
        }
        Ok::<_, LogError>(())
    });
    assert_eq!((lost, kept), (Err(LogError::LeaseLost), Ok(())));
    assert_eq!(log.load().await.unwrap(), ["a", "c", "d", "e"].map(started));
}

pub async fn notes_are_kept_up_to_a_bound(bed: Bed) {
    let job = bed.queued().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let log =
        JobLog::new(bed.db.clone(), job.id, || at(3)).on_note(move |note| tell.lock().unwrap().push(note.clone()));
    log.note("pull", "50 %\0").await;
    let notes = job_notes(&bed.db, job.id, 0).await.unwrap();
    assert_eq!((notes.len(), notes[0].line.as_str(), notes[0].at), (1, "pull: 50 %", at(3)));
    assert_eq!(told.lock().unwrap()[0].seq, notes[0].seq);
    // Reaches the limit without two thousand appends.
    let hex = job.id.uuid().simple().to_string();
    let id = match bed.kind {
        crate::Kind::Postgres => format!("'{hex}'"),
        _ => format!("x'{hex}'"),
    };
    bed.raw(&format!("UPDATE job_notes SET seq = 5 WHERE job = {id}")).await;
    bed.raw(&format!("INSERT INTO job_notes (job, seq, at_ms, line) VALUES ({id}, 2004, 1, 'x')")).await;
    assert_eq!(job_note_append(&bed.db, job.id, at(4), &"ü".repeat(5_000)).await.unwrap(), 2_005);
    let notes = job_notes(&bed.db, job.id, 0).await.unwrap();
    assert_eq!(notes.iter().map(|note| note.seq).collect::<Vec<_>>(), [2_004, 2_005]);
    assert_eq!(notes[1].line.len(), 4_000);
    assert_eq!(job_notes(&bed.db, job.id, 2_004).await.unwrap().len(), 1);
    let appends = (0..10).map(|_| {
        let (db, job) = (bed.db.clone(), job.id);
        tokio::spawn(async move { job_note_append(&db, job, at(5), "at once").await.unwrap() })
    });
    let mut seqs = Vec::new();
    for append in appends.collect::<Vec<_>>() {
        seqs.push(append.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (2_006..2_016).collect::<Vec<i64>>());
    let nobody = job_note_append(&bed.db, JobId::from_uuid(bed.uuid()), at(6), "x").await;
    assert!(matches!(nobody, Err(DbError::Missing("jobs"))), "{nobody:?}");
}
