//! The access log.

use std::fs::read_to_string;

use stoa_edge::LogConfig;
use stoa_model::route::Target;

use crate::support::{HOST, TestEdge, config, mirror, site, until};

#[tokio::test]
async fn a_request_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let mut config = config();
    config.log = Some(LogConfig::new(&path));
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    edge.send(format!(
        "PUT /a\"b?token=secret HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
    ))
    .await;
    let text = until(|| read_to_string(&path).ok().filter(|text| text.ends_with('\n'))).await;
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["site"], &line["host"]), (&site().to_string().into(), &HOST.into()));
    assert_eq!((&line["method"], &line["status"]), (&"PUT".into(), &200.into()));
    assert_eq!((&line["bytes_in"], &line["client"]), (&2.into(), &"127.0.0.1".into()));
    assert!(line["bytes_out"].as_u64() > Some(0) && line["ms"].as_f64() > Some(0.0), "{text}");
    assert!(line["time"].as_str().unwrap().ends_with('Z'), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

/// Lines wait in memory for the disk: what a visitor writes must not decide how much.
#[tokio::test]
async fn a_long_path_is_a_short_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let mut config = config();
    config.log = Some(LogConfig::new(&path));
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    let long = "\u{e9}".repeat(20_000);
    edge.send(format!("GET /{long} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
    let text = until(|| read_to_string(&path).ok().filter(|text| text.ends_with('\n'))).await;
    assert!(text.len() < 4096 && text.contains("/\u{e9}\u{e9}"), "a line of {} bytes", text.len());
}

#[tokio::test]
async fn full_files_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let mut config = config();
    config.log = Some(LogConfig { rotate_at: 1000, keep: 2, ..LogConfig::new(&path) });
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    for _ in 0..40 {
        edge.get("").await;
    }
    let older = until(|| read_to_string(folder.path().join("access.log.2")).ok()).await;
    assert!(older.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{older}");
    assert!(!folder.path().join("access.log.3").exists(), "only two older files are kept");
    assert_eq!(edge.edge.counts().log_dropped, 0);
}

/// Somebody tidied up, or no file could be opened for a moment: the log goes on, and the older files
/// do not make way for nothing.
#[tokio::test]
async fn a_log_that_was_removed_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let mut config = config();
    config.log = Some(LogConfig { rotate_at: 1000, keep: 3, ..LogConfig::new(&path) });
    for number in 1..=3 {
        std::fs::write(folder.path().join(format!("access.log.{number}")), format!("old {number}\n")).unwrap();
    }
    let edge = TestEdge::with(config, Target::Upstream(mirror().await)).await;
    edge.get("").await;
    until(|| read_to_string(&path).ok().filter(|text| text.ends_with('\n'))).await;
    std::fs::remove_file(&path).unwrap();
    for _ in 0..7 {
        edge.get("").await;
    }
    until(|| read_to_string(&path).ok().filter(|text| text.ends_with('\n'))).await;
    let older = |number| read_to_string(folder.path().join(format!("access.log.{number}"))).unwrap_or_default();
    assert_eq!([1, 2, 3].map(older), ["old 1\n", "old 2\n", "old 3\n"]);
}
