//! Volumes as tar streams.

use std::io;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use stoa_model::stack::VolumeName;

use super::{Case, assert_unsupported};
use crate::engine::{
    EngineError, EngineStream, InputStream,
    tar::{self, Entry, Reader},
};

const FILES: usize = 64;
const FILE_BYTES: usize = 1 << 20;
/// How much the process may grow while 64 MiB pass through it.
const MAX_GROWTH_KIB: u64 = 40 << 10;

fn content(file: usize) -> Bytes {
    (0..FILE_BYTES).map(|at| (at.wrapping_mul(7) ^ (at >> 8) ^ file) as u8).collect::<Vec<u8>>().into()
}

/// An archive that is made while it is read.
fn archive() -> InputStream {
    let files = stream::iter(0..FILES).map(|n| tar::file(&format!("f{n:02}"), &content(n)));
    files.chain(stream::iter([tar::end()])).map(Ok).boxed()
}

fn archive_of(files: &[(&str, &[u8])]) -> InputStream {
    let parts: Vec<_> = files.iter().map(|(name, content)| tar::file(name, content)).chain([tar::end()]).collect();
    stream::iter(parts).map(Ok).boxed()
}

/// Checks the archive as it comes, and returns how many files it has.
async fn checked(mut exported: EngineStream<Bytes>) -> usize {
    let (mut reader, mut files, mut at, mut expected) = (Reader::default(), 0, 0, Bytes::new());
    while let Some(chunk) = exported.try_next().await.expect("the archive is complete") {
        for entry in reader.read(&chunk) {
            match entry {
                Entry::File(name) => {
                    let number = name.strip_prefix('f').and_then(|n| n.parse().ok());
                    expected = content(number.expect("a file of the archive"));
                    (files, at) = (files + 1, 0);
                }
                Entry::Content(part) => {
                    assert!(expected[at..].starts_with(&part), "file {files} differs after {at} bytes");
                    at += part.len();
                }
            }
        }
    }
    assert_eq!(at, FILE_BYTES, "the last file is whole");
    files
}

pub(super) async fn round_trip(case: &Case) {
    let (engine, data) = (&case.engine, VolumeName("data".into()));
    let (one, two) = (case.deployment(&["web"]), case.deployment(&["web"]));
    let (from, to) = (&one.stack.project, &two.stack.project);
    if !engine.capabilities().volumes {
        assert_unsupported(engine.export_volume(from, &data).await.map(drop));
        assert_unsupported(engine.import_volume(from, &data, archive()).await);
        return;
    }
    engine.deploy(&one).await.expect("deployed");
    engine.deploy(&two).await.expect("deployed");
    engine.stop(to).await.expect("a stopped site's volume can be filled too");
    let before = (engine.observe(from).await.expect("seen"), engine.observe(to).await.expect("seen"));

    let peak = case.fixture.is_real.then(reset_peak);
    engine.import_volume(from, &data, archive()).await.expect("imported");
    let through = engine.export_volume(from, &data).await.expect("an archive").map_err(io::Error::other);
    engine.import_volume(to, &data, through.boxed()).await.expect("from one volume into the other");
    assert_eq!(checked(engine.export_volume(to, &data).await.expect("an archive")).await, FILES);
    if let Some(before) = peak {
        let grown = peak_kib().saturating_sub(before);
        assert!(grown < MAX_GROWTH_KIB, "the process has grown by {grown} KiB");
    }
    if case.fixture.is_real {
        let listed = case.shell(&one, "web", "cat /data/f0? | busybox wc -c").await;
        assert_eq!(listed.stdout.trim(), (10 * FILE_BYTES).to_string(), "{listed:?}");
    }
    let stored = engine.stored().await.expect("measured");
    for project in [from, to] {
        let own = stored.iter().find(|stored| stored.project == *project).expect("both are in the list");
        let (least, most) = ((FILES * FILE_BYTES) as u64, (FILES * FILE_BYTES + (1 << 20)) as u64);
        assert!((least..most).contains(&own.volumes[&data]) && own.total() >= least, "{own:?}");
    }
    let after = (engine.observe(from).await.expect("seen"), engine.observe(to).await.expect("seen"));
    assert_eq!(after, before, "nothing else has changed");
}

pub(super) async fn bad_imports(case: &Case) {
    let (engine, data, other) = (&case.engine, VolumeName("data".into()), VolumeName("other".into()));
    if !engine.capabilities().volumes {
        return;
    }
    let deployment = case.deployment(&["web"]);
    let project = &deployment.stack.project;
    for answer in
        [engine.export_volume(project, &data).await.map(drop), engine.import_volume(project, &data, archive()).await]
    {
        assert!(matches!(answer, Err(EngineError::NotFound { .. })), "before there is a volume: {answer:?}");
    }
    assert!(engine.observe(project).await.expect("seen").is_empty(), "asking has created nothing");
    engine.deploy(&deployment).await.expect("deployed");
    let answer = engine.export_volume(project, &other).await.map(drop);
    assert!(matches!(answer, Err(EngineError::NotFound { .. })), "{answer:?}");

    engine.import_volume(project, &data, archive_of(&[("a", b"old"), ("b", b"stays")])).await.expect("imported");
    engine.import_volume(project, &data, archive_of(&[("a", b"new")])).await.expect("imported");
    let broken = [Ok(tar::file("c", &[0; 2000])), Err(io::Error::other("the source broke"))];
    let answer = engine.import_volume(project, &data, stream::iter(broken).boxed()).await;
    let reason = answer.expect_err("a broken source is an error").to_string();
    assert!(reason.contains("the source broke"), "{reason}");

    let exported = engine.export_volume(project, &data).await.expect("an archive");
    let chunks: Vec<Bytes> = exported.try_collect().await.expect("complete");
    let files = tar::files(&chunks);
    assert_eq!((&files["a"][..], &files["b"][..]), (&b"new"[..], &b"stays"[..]));

    // An export that nobody reads to its end leaves nothing behind.
    engine.import_volume(project, &data, archive()).await.expect("imported");
    let mut dropped = engine.export_volume(project, &data).await.expect("an archive");
    dropped.try_next().await.expect("a first part");
    drop(dropped);
    engine.remove(project, crate::engine::Scope::Everything).await.expect("the volume is free again");
    assert!(engine.observe(project).await.expect("seen").is_empty());
}

/// Begins a new measurement of the process's peak memory; returns the present use in KiB.
fn reset_peak() -> u64 {
    // Where this is not allowed the old peak stays, and the check is only weaker.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    peak_kib()
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|value| value.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}
