//! The audit trail as evidence: the chain, its log file, and what is in the trail.

use std::{fs, os::unix::fs::PermissionsExt};

use jiff::SignedDuration;
use serde_json::Value;
use stoa_core::{
    Error, RequestContext,
    audit::AuditFilter,
    audit_chain::AuditScope,
    staff_reads::CustomerData,
    view::{AuditView, Verdict},
};
use stoa_db::history;
use stoa_model::account::Role;
use stoa_testkit::{PASSWORD, TestPlatform};

use crate::people::log_in;

async fn trail(platform: &TestPlatform, action: &str) -> Vec<AuditView> {
    let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    let cx = platform.control.core.system_context("test");
    platform.control.core.list_audit_events(&cx, &filter, 100).await.expect("the trail")
}

async fn write(platform: &TestPlatform, cx: &RequestContext, target: &str) {
    let event = &cx.audit("test.write", target, serde_json::json!({}));
    let db = &platform.control.core.db;
    db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await.expect("written");
}

#[tokio::test]
async fn sealed_entries_are_in_the_log_file_which_is_compared() {
    let platform = TestPlatform::new().await;
    let (core, cx) = (&platform.control.core, platform.control.core.system_context("test"));
    for n in 0..3 {
        write(&platform, &cx, &format!("thing {n}")).await;
    }
    assert_eq!(core.verify_audit(&cx, AuditScope::All).await.expect("checked").report.unsealed, 3);
    core.seal_audit().await.expect("sealed");
    core.seal_audit().await.expect("nothing new");
    let path = platform.data_dir().join("logs/security.log");
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).expect("a file");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| &line["position"]).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(lines[2]["target"], "thing 2");
    assert_eq!(core.verify_audit(&cx, AuditScope::All).await.expect("checked").report.problems, []);
    assert!(core.verify_audit_daily().await.is_ok());
    assert_eq!(core.check_audit().await.verdict, Verdict::Good);

    // Another hash in the file means another entry than the one in the database.
    let hash = lines[1]["hash"].as_str().expect("a hash");
    fs::write(&path, text.replace(hash, &"0".repeat(64))).expect("changed");
    let report = core.verify_audit(&cx, AuditScope::All).await.expect("checked").report;
    assert!(report.problems[0].what.contains("differs from the log file"), "{report:?}");
    let Err(Error::Conflict(alarm)) = core.verify_audit_daily().await else { panic!("no alarm") };
    assert!(alarm.contains("differs from the log file"), "{alarm}");
    assert_eq!(core.check_audit().await.verdict, Verdict::Bad);
    let admin = platform.staff(Role::Admin).await;
    let last = core.last_audit_check(&admin).await.expect("an answer").expect("a check");
    assert_eq!(last.report, report);
    let support = platform.staff(Role::Support).await;
    assert!(matches!(core.verify_audit(&support, AuditScope::All).await, Err(Error::Forbidden(_))));
    assert!(matches!(core.last_audit_check(&support).await, Err(Error::Forbidden(_))));
}

#[tokio::test]
async fn a_log_folder_that_cannot_be_written_stops_nothing() {
    let platform = TestPlatform::new().await;
    let (core, cx) = (&platform.control.core, platform.control.core.system_context("test"));
    let folder = platform.data_dir().join("logs");
    // A file in its place: permissions don't hold for root, who may run the tests.
    fs::write(&folder, "in the way").expect("written");
    write(&platform, &cx, "thing").await;
    core.seal_audit().await.expect("sealed all the same");
    core.seal_audit().await.expect("tried again");
    assert_eq!(core.security_log.failures(), 2);
    let finding = core.check_audit().await;
    assert_eq!(finding.verdict, Verdict::Warning, "{finding:?}");
    assert_eq!(core.verify_audit(&cx, AuditScope::All).await.expect("checked").report.problems, []);
    fs::remove_file(&folder).expect("removed");
    core.seal_audit().await.expect("written later");
    assert_eq!(fs::read_to_string(folder.join("security.log")).expect("a file").lines().count(), 1);
    assert_eq!(core.check_audit().await.verdict, Verdict::Good);
}

#[tokio::test]
async fn an_entry_without_a_signature_is_found() {
    let platform = TestPlatform::new().await;
    let (core, cx) = (&platform.control.core, platform.control.core.system_context("test"));
    write(&platform, &cx, "thing").await;
    core.seal_audit().await.expect("sealed");
    platform.clock.advance(SignedDuration::from_hours(25));
    // This handle of the database has no key, like somebody who has the database only.
    let event = &core.system_context("test").audit("test.write", "inserted", serde_json::json!({}));
    platform.db.write(|tx| Box::pin(async move { history::audit(&tx, event).await })).await.expect("inserted");
    for _ in 0..2 {
        let report = core.verify_audit(&cx, AuditScope::All).await.expect("checked").report;
        assert!(report.problems[0].what.contains("lacks the signature"), "{report:?}");
        core.seal_audit().await.expect("sealed");
    }
}

#[tokio::test]
async fn ends_of_sessions_are_in_the_trail() {
    let platform = TestPlatform::new().await;
    platform.customer("jane").await;
    let accounts = &platform.control.accounts;
    let (token, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    accounts.log_out(&jane, &token).await.expect("logged out");
    let ended = trail(&platform, "session.end").await;
    assert_eq!((ended.len(), ended[0].credential.is_some()), (1, true));

    let (_, other) = log_in(&platform, "jane@example.com", PASSWORD).await;
    let (_, jane) = log_in(&platform, "jane@example.com", PASSWORD).await;
    accounts.change_password(&jane, PASSWORD.into(), "a better password".into()).await.expect("changed");
    let ended = trail(&platform, "session.end_all").await;
    let id = other.session_id().expect("an id").to_string();
    assert_eq!((&ended[0].detail["reason"], &ended[0].detail["sessions"][0]), (&"new password".into(), &id.into()));

    platform.clock.advance(SignedDuration::from_mins(31));
    accounts.prune_sessions(platform.clock.now()).await.expect("pruned");
    accounts.prune_sessions(platform.clock.now()).await.expect("pruned");
    let expired = trail(&platform, "session.expire").await;
    assert_eq!(expired.len(), 1, "{expired:?}");
    assert_eq!(expired[0].target, jane.session_id().expect("an id").to_string());
    assert_eq!(expired[0].detail["reason"], "idle");
}

#[tokio::test]
async fn what_staff_read_is_noted_once_an_hour() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let customer = jane.actor.customer().expect("a customer");
    let (support, core) = (platform.staff(Role::Support).await, &platform.control.core);
    for _ in 0..3 {
        core.audit_staff_read(&platform.now(&support), customer, CustomerData::Profile).await.expect("noted");
        core.audit_staff_read(&platform.now(&jane), customer, CustomerData::Profile).await.expect("their own");
    }
    assert_eq!(trail(&platform, "customer.read").await.len(), 1);
    platform.clock.advance(SignedDuration::from_hours(1));
    core.audit_staff_read(&platform.now(&support), customer, CustomerData::Profile).await.expect("noted");
    let read = trail(&platform, "customer.read").await;
    assert_eq!((read.len(), &read[0].target, &read[0].detail["data"]), (2, &customer.to_string(), &"profile".into()));
}
