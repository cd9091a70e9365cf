//! What history leaves the database, and where it goes.

use std::fs;

use jiff::SignedDuration;
use stoa_core::{Error, audit::AuditFilter, audit_chain::AuditScope};
use stoa_model::account::Role;
use stoa_testkit::TestPlatform;

#[tokio::test]
async fn old_audit_entries_go_to_a_file_that_can_be_checked() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    platform.shop(&jane, "bakery").await;
    let admin = platform.staff(Role::Admin).await;
    let core = &platform.control.core;
    let before = core.list_audit_events(&admin, &AuditFilter::default(), 1_000).await.expect("a trail").len();
    assert!(before > 0);
    let now = platform.clock.now();
    let far = now + SignedDuration::from_hours(1);
    core.seal_audit().await.expect("sealed");
    assert_eq!(core.archive_audit(now - SignedDuration::from_hours(1)).await.expect("nothing is old"), 0);
    assert_eq!(core.archive_audit(now + SignedDuration::from_hours(1)).await.expect("archived"), before);
    let left = core.list_audit_events(&admin, &AuditFilter::default(), 1_000).await.expect("a trail");
    assert_eq!((left.len(), left[0].action.as_str()), (1, "audit.archive"), "the checkpoint");

    let check = core.verify_audit(&admin, AuditScope::All).await.expect("checked").report;
    assert_eq!((check.after, check.unsealed, check.problems.len()), (before as i64, 1, 0), "{check:?}");

    let folder = platform.data_dir().join("archive");
    let file = fs::read_dir(&folder).expect("a folder").next().expect("a file").expect("readable").path();
    let content = fs::read_to_string(&file).expect("a file");
    assert_eq!(content.lines().count(), before);
    assert!(content.contains("\"action\":\"site.order\"") || content.contains("site."), "{content}");
    assert_eq!(core.verify_audit_archive(&admin, &file).await.expect("as it was"), before as u64);

    let refused = async |why: &str| match core.verify_audit_archive(&admin, &file).await {
        Err(Error::Conflict(text)) => assert!(text.contains(why), "{text}"),
        other => panic!("{other:?}"),
    };
    fs::write(&file, content.replacen("done", "DONE", 1)).expect("changed");
    refused("not what was archived").await;
    let support = platform.staff(Role::Support).await;
    assert!(matches!(core.verify_audit_archive(&support, &file).await, Err(Error::Forbidden(_))));
    let stranger = folder.join("audit-1-2.jsonl");
    fs::write(&stranger, &content).expect("written");
    assert!(core.verify_audit_archive(&admin, &stranger).await.is_err(), "no checkpoint of this name");

    core.seal_audit().await.expect("sealed");
    assert_eq!(core.archive_audit(far).await.expect("archived"), 1, "also the entry about the first file");
    fs::write(&file, content).expect("as it was");
    assert_eq!(core.verify_audit_archive(&admin, &file).await.expect("as it was"), before as u64);
    assert_eq!(core.verify_audit(&admin, AuditScope::All).await.expect("checked").report.problems, []);
}
