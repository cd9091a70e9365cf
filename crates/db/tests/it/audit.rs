//! The chain of the audit trail: whoever changes the database without the key is found.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use stoa_db::{
    Db,
    core::{
        audit_chain::{Sealing, audit_logged, audit_seal, audit_sealed_after, audit_set_logged},
        audit_checkpoints::{AuditArchive, audit_archivable, audit_archive, audit_archived},
        audit_key::AuditKey,
        audit_verify::{AuditReport, AuditScope, CHAIN_BROKEN, audit_verify},
    },
    history::{AuditEvent, audit},
};
use stoa_model::account::Actor;

use crate::bed::{Bed, at};

pub fn event(n: i64) -> AuditEvent {
    AuditEvent {
        at: at(0) + SignedDuration::from_secs(n),
        actor: Actor::System,
        action: "test.write".into(),
        target: format!("thing {n}"),
        outcome: "done".into(),
        request_id: "r".into(),
        detail: serde_json::json!({ "n": n, "text": "ümläut \"quoted\" 🛒 " }),
        address: (n % 2 == 0).then(|| "192.0.2.1".into()),
        credential: None,
    }
}

fn key() -> AuditKey {
    AuditKey::new([7; 32])
}

/// Long after the chain began.
fn later() -> Timestamp {
    at(0) + SignedDuration::from_hours(100)
}

async fn write(db: &Db, range: std::ops::Range<i64>) {
    for n in range {
        db.write(|tx| Box::pin(async move { audit(&tx, &event(n)).await })).await.unwrap();
    }
}

async fn seal(db: &Db, now: Timestamp) -> Sealing {
    let alarm = AuditEvent { action: CHAIN_BROKEN.into(), ..event(99) };
    audit_seal(db, &key(), &alarm, now, 500).await.unwrap()
}

/// Ten sealed entries, and what a log file would know of them.
async fn ten(bed: &Bed) -> (Db, Vec<i64>, HashMap<i64, [u8; 32]>) {
    let db = bed.db.clone().with_audit_key(key());
    write(&db, 0..10).await;
    assert_eq!(seal(&db, at(0)).await, Sealing { sealed: 10, was_broken: false });
    let sealed = audit_sealed_after(&db, 0, 100).await.unwrap();
    let logged = sealed.iter().map(|entry| (entry.position, entry.hash)).collect();
    bed.raw("CREATE TABLE kept AS SELECT * FROM audit").await;
    bed.raw("CREATE TABLE kept_chain AS SELECT * FROM audit_chain").await;
    (db, sealed.iter().map(|entry| entry.seq).collect(), logged)
}

async fn restore(bed: &Bed) {
    for table in ["audit", "audit_chain"] {
        let kept = table.replace("audit", "kept");
        bed.raw(&format!("DELETE FROM {table}")).await;
        bed.raw(&format!("INSERT INTO {table} SELECT * FROM {kept}")).await;
    }
}

async fn check(db: &Db) -> AuditReport {
    audit_verify(db, &key(), AuditScope::All, &HashMap::new(), later()).await.unwrap()
}

/// The number of the first bad entry, and what is said of it.
async fn first(db: &Db) -> (Option<i64>, String) {
    let report = check(db).await;
    let problem = report.problems.into_iter().next().expect("a problem");
    (problem.entry, problem.what)
}

pub async fn each_tampering_is_found(bed: Bed) {
    let (db, seq, _) = ten(&bed).await;
    let clean = check(&db).await;
    assert_eq!((clean.entries, clean.after, clean.last, clean.problems.len()), (10, 0, 10, 0), "{clean:?}");
    let columns =
        "at_ms, actor, actor_role, action, target, outcome, request_id, detail, address, credential, signature";
    let copy = |position: &str, of: i64| {
        format!(
            "INSERT INTO audit ({columns}, chain_position, chain_hash) \
                SELECT {columns}, {position}, chain_hash FROM audit WHERE seq = {of}"
        )
    };
    let changed = |set: &str| format!("UPDATE audit SET {set} WHERE seq = {}", seq[3]);
    for set in [
        "at_ms = at_ms + 1",
        "actor = 'nobody'",
        "actor_role = 'admin'",
        "action = 'test.other'",
        "target = 'other'",
        "outcome = 'refused'",
        "request_id = 'other'",
        "detail = '{}'",
        "address = '192.0.2.2'",
        "credential = 'tok_1'",
    ] {
        bed.raw(&changed(set)).await;
        let report = check(&db).await;
        let problem = &report.problems[0];
        assert_eq!(
            (report.problems.len(), problem.entry, problem.what.as_str()),
            (1, Some(seq[3]), "was changed"),
            "{set}"
        );
        assert!(problem.at.is_some());
        restore(&bed).await;
    }
    // One and the same text moved from one column to the next.
    bed.raw(&changed("action = 'test.writething 3', target = ''")).await;
    assert_eq!(first(&db).await, (Some(seq[3]), "was changed".into()));
    restore(&bed).await;

    bed.raw(&format!("DELETE FROM audit WHERE seq = {}", seq[4])).await;
    assert_eq!(first(&db).await, (Some(seq[5]), "entry 5 of the chain is missing before this one".into()));
    // Closing the gap does not hide it.
    bed.raw("UPDATE audit SET chain_position = chain_position - 1 WHERE chain_position > 5").await;
    let (entry, what) = first(&db).await;
    assert!(entry == Some(seq[5]) && what.contains("moved"), "{what}");
    restore(&bed).await;

    bed.raw(&format!("DELETE FROM audit WHERE seq <= {}", seq[1])).await;
    assert_eq!(first(&db).await, (Some(seq[2]), "entries 1 to 2 of the chain are missing before this one".into()));
    restore(&bed).await;

    bed.raw(&copy("chain_position", seq[6])).await;
    assert!(first(&db).await.1.contains("inserted"), "a twin");
    restore(&bed).await;
    bed.raw(&copy("0", seq[6])).await;
    assert!(first(&db).await.1.contains("inserted"), "before the beginning");
    restore(&bed).await;
    bed.raw("UPDATE audit SET chain_position = chain_position + 1 WHERE chain_position > 5").await;
    bed.raw(&copy("6", seq[2])).await;
    assert!(first(&db).await.1.contains("moved"), "in between");
    restore(&bed).await;

    for (entry, position) in [(seq[3], 5), (seq[4], 4)] {
        bed.raw(&format!("UPDATE audit SET chain_position = {position} WHERE seq = {entry}")).await;
    }
    assert_eq!(first(&db).await, (Some(seq[4]), "was moved, or its hash was changed".into()));
    restore(&bed).await;

    write(&db, 20..21).await;
    let report = check(&db).await;
    assert_eq!((report.unsealed, report.problems.len()), (1, 0), "an entry that waits is no problem");
    bed.raw("UPDATE audit SET target = 'other' WHERE chain_position IS NULL").await;
    assert!(first(&db).await.1.contains("inserted or changed"), "also before it is sealed");
    seal(&db, later()).await;
    assert!(first(&db).await.1.contains("lacks the signature"), "and after");
    restore(&bed).await;
    assert_eq!(check(&db).await.problems, []);
}

pub async fn a_cut_end_is_found(bed: Bed) {
    let (db, _, logged) = ten(&bed).await;
    let verify = async || audit_verify(&db, &key(), AuditScope::All, &logged, later()).await.unwrap().problems;
    assert_eq!(verify().await, []);
    // Whoever has kept an old record of the end can put it back: only the log file knows more.
    write(&db, 10..13).await;
    seal(&db, later()).await;
    let more = audit_sealed_after(&db, 10, 100).await.unwrap();
    assert_eq!(more.iter().map(|entry| entry.position).collect::<Vec<_>>(), [11, 12, 13]);
    restore(&bed).await;
    assert_eq!(check(&db).await.problems, [], "the database alone does not know");
    let all: HashMap<_, _> =
        logged.iter().map(|(p, h)| (*p, *h)).chain(more.iter().map(|e| (e.position, e.hash))).collect();
    let cut = audit_verify(&db, &key(), AuditScope::All, &all, later()).await.unwrap().problems;
    assert!(
        cut[0].what.contains("entries 11 to 13 of the chain are missing at the end, which the log file"),
        "{cut:?}"
    );
    // What is written in their place differs from the log.
    write(&db, 30..35).await;
    seal(&db, later()).await;
    let other = audit_verify(&db, &key(), AuditScope::All, &all, later()).await.unwrap().problems;
    assert!(other.len() == 3 && other[0].what.contains("differs from the log file"), "{other:?}");
    restore(&bed).await;

    bed.raw("DELETE FROM audit WHERE chain_position > 7").await;
    let (entry, what) = first(&db).await;
    assert_eq!((entry, what.as_str()), (None, "entries 8 to 10 of the chain are missing at the end"));
    bed.raw("UPDATE audit_chain SET position = 7, hash = (SELECT chain_hash FROM audit WHERE chain_position = 7)")
        .await;
    assert!(first(&db).await.1.contains("end was changed"));
    bed.raw("DELETE FROM audit_chain").await;
    assert!(first(&db).await.1.contains("end was removed"));
}

pub async fn a_changed_end_is_reported_and_the_chain_continues(bed: Bed) {
    let (db, _, _) = ten(&bed).await;
    bed.raw("DELETE FROM audit WHERE chain_position > 7").await;
    bed.raw("UPDATE audit_chain SET position = 7, hash = (SELECT chain_hash FROM audit WHERE chain_position = 7)")
        .await;
    write(&db, 10..12).await;
    assert_eq!(seal(&db, later()).await, Sealing { sealed: 3, was_broken: true });
    write(&db, 12..13).await;
    assert_eq!(seal(&db, later()).await, Sealing { sealed: 1, was_broken: false });
    let report = check(&db).await;
    assert_eq!((report.last, report.problems.len()), (11, 1), "{report:?}");
    assert!(report.problems[0].what.contains("end of the chain had been changed"), "{report:?}");
}

pub async fn unsigned_entries_are_from_before_the_chain_or_foreign(bed: Bed) {
    // As the previous release writes them.
    write(&bed.db, 0..3).await;
    let db = bed.db.clone().with_audit_key(key());
    write(&db, 3..4).await;
    assert_eq!(seal(&db, at(0)).await.sealed, 4);
    let report = check(&db).await;
    assert_eq!((report.entries, report.problems.len()), (4, 0), "{report:?}");
    write(&bed.db, 4..5).await;
    let (_, what) = first(&db).await;
    assert!(what.contains("is not sealed yet, and was inserted"), "{what}");
    seal(&db, later()).await;
    let (_, what) = first(&db).await;
    assert_eq!(what, "was inserted: it lacks the signature of this platform");
    // A wrong key is another platform.
    let report = audit_verify(&db, &AuditKey::new([8; 32]), AuditScope::All, &HashMap::new(), later()).await.unwrap();
    assert!(report.problems.len() >= 5);
}

pub async fn old_entries_leave_a_checkpoint(bed: Bed) {
    let (db, seq, _) = ten(&bed).await;
    let archive = async |before: i64, file: &str| {
        let old = audit_archivable(&db, at(0) + SignedDuration::from_secs(before), 100).await.unwrap();
        let archive = AuditArchive { file: file.into(), file_hash: [3; 32], entries: old.len() as u64 };
        let (old, archive, key) = (&old, &archive, &key());
        db.write(|tx| Box::pin(async move { audit_archived(&tx, key, old, archive, later()).await })).await.unwrap();
        old.len()
    };
    assert_eq!(archive(4, "one").await, 4);
    let report = check(&db).await;
    assert_eq!((report.entries, report.after, report.last, report.problems.len()), (6, 4, 10, 0), "{report:?}");
    assert_eq!(archive(7, "two").await, 3);
    assert_eq!(archive(7, "two").await, 0, "nothing else is old");
    write(&db, 10..11).await;
    seal(&db, later()).await;
    assert_eq!(check(&db).await.problems, []);
    let found = audit_archive(&db, &key(), "two").await.unwrap().unwrap();
    assert_eq!((found.entries, found.file_hash), (3, [3; 32]));
    assert_eq!(audit_archive(&db, &AuditKey::new([8; 32]), "two").await.unwrap(), None);

    bed.raw("CREATE TABLE kept_checkpoints AS SELECT * FROM audit_checkpoints").await;
    for change in [
        "DELETE FROM audit_checkpoints WHERE file = 'one'",
        "UPDATE audit_checkpoints SET entries = 9 WHERE file = 'one'",
        "UPDATE audit_checkpoints SET file = 'other' WHERE file = 'two'",
    ] {
        bed.raw(change).await;
        let (_, what) = first(&db).await;
        assert!(what.contains("checkpoint"), "{change}: {what}");
        bed.raw("DELETE FROM audit_checkpoints").await;
        bed.raw("INSERT INTO audit_checkpoints SELECT * FROM kept_checkpoints").await;
    }
    bed.raw("DELETE FROM audit_checkpoints WHERE file = 'two'").await;
    assert_eq!(first(&db).await, (Some(seq[7]), "entries 5 to 7 of the chain are missing before this one".into()));
    bed.raw("DELETE FROM audit_checkpoints").await;
    assert_eq!(first(&db).await, (Some(seq[7]), "entries 1 to 7 of the chain are missing before this one".into()));
}

pub async fn two_processes_write_and_seal_at_once(bed: Bed) {
    let mut processes = Vec::new();
    for process in 0..2 {
        let db = Db::connect(&bed.url).await.unwrap().with_audit_key(key());
        processes.push(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let writers = (0..4).map(|writer| {
                    let (db, from) = (db.clone(), process * 1_000 + writer * 100);
                    tokio::spawn(async move { write(&db, from..from + 10).await })
                });
                let writers: Vec<_> = writers.collect();
                while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
                    seal(&db, at(0)).await;
                }
                for writer in writers {
                    writer.await.unwrap();
                }
                db.close().await;
            });
        }));
    }
    tokio::task::spawn_blocking(|| processes.into_iter().for_each(|process| process.join().unwrap())).await.unwrap();
    let db = bed.db.clone().with_audit_key(key());
    assert!(!seal(&db, at(0)).await.was_broken);
    let report = check(&db).await;
    assert_eq!((report.entries, report.last, report.unsealed), (80, 80, 0));
    assert_eq!(report.problems, []);
}

pub async fn a_check_of_the_newest_begins_in_the_middle(bed: Bed) {
    let (db, seq, _) = ten(&bed).await;
    let newest = async || audit_verify(&db, &key(), AuditScope::Newest(4), &HashMap::new(), later()).await.unwrap();
    assert_eq!((newest().await.entries, newest().await.after), (4, 6));
    bed.raw(&format!("UPDATE audit SET target = 'x' WHERE seq = {}", seq[2])).await;
    assert_eq!(newest().await.problems, [], "it is older");
    bed.raw(&format!("UPDATE audit SET target = 'x' WHERE seq = {}", seq[7])).await;
    assert_eq!(newest().await.problems[0].entry, Some(seq[7]));
    assert_eq!(audit_logged(&db).await.unwrap(), 0);
    db.write(|tx| Box::pin(async move { audit_set_logged(&tx, 10).await })).await.unwrap();
    write(&db, 10..11).await;
    seal(&db, later()).await;
    assert_eq!(audit_logged(&db).await.unwrap(), 10, "sealing leaves it alone");
}
