//! The log file on a real disk.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn entry(position: i64) -> String {
    format!("{{\"position\":{position},\"hash\":\"{}\"}}", hex::encode([position as u8; 32]))
}

fn log(max_file_bytes: u64) -> (tempfile::TempDir, SecurityLog) {
    let dir = tempfile::tempdir().unwrap();
    let log = SecurityLog { max_file_bytes, ..SecurityLog::new(dir.path()) };
    (dir, log)
}

#[test]
fn lines_are_appended_to_a_private_file_also_after_half_a_line() {
    let (_dir, log) = log(1 << 20);
    log.append(&[entry(1), entry(2)]).unwrap();
    assert_eq!(fs::metadata(log.path(0)).unwrap().permissions().mode() & 0o777, 0o600);
    OpenOptions::new().append(true).open(log.path(0)).unwrap().write_all(b"{\"posi").unwrap();
    log.append(&[entry(3)]).unwrap();
    let text = fs::read_to_string(log.path(0)).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), [&entry(1), &entry(2), "{\"posi", &entry(3)]);
    let hashes = log.hashes().unwrap();
    assert_eq!((hashes.len(), hashes[&3]), (3, [3; 32]));
    assert_eq!(log.newest_hashes().unwrap(), hashes);
}

#[test]
fn files_are_rotated_by_size_and_their_number_is_bounded() {
    let (dir, log) = log(2 * entry(10).len() as u64 + 2);
    for position in 10..60 {
        log.append(&[entry(position)]).unwrap();
    }
    let files = fs::read_dir(dir.path().join("logs")).unwrap().count();
    assert_eq!(files, 1 + ROTATED_FILES as usize + 1, "the file, the rotated ones and the lock");
    let hashes = log.hashes().unwrap();
    assert_eq!((hashes.keys().min(), hashes.keys().max()), (Some(&40), Some(&59)));
}

#[test]
fn an_external_rotation_is_followed() {
    let (dir, log) = log(1 << 20);
    log.append(&[entry(1)]).unwrap();
    fs::rename(log.path(0), dir.path().join("logs/security.log-20261201")).unwrap();
    log.append(&[entry(2)]).unwrap();
    assert_eq!(fs::read_to_string(log.path(0)).unwrap().lines().count(), 1);
}

#[test]
fn two_processes_do_not_mix_their_lines() {
    let (dir, one) = log(2_000);
    let other = SecurityLog { max_file_bytes: 2_000, ..SecurityLog::new(dir.path()) };
    std::thread::scope(|scope| {
        scope.spawn(|| (0..50).for_each(|n| one.append(&[entry(n), entry(n + 100)]).unwrap()));
        scope.spawn(|| (50..100).for_each(|n| other.append(&[entry(n), entry(n + 100)]).unwrap()));
    });
    for number in 0..=ROTATED_FILES {
        let text = fs::read_to_string(one.path(number)).unwrap_or_default();
        assert!(text.len() <= 2_000 && text.lines().all(|line| serde_json::from_str::<Seal>(line).is_ok()), "{text}");
    }
}

#[test]
fn what_cannot_be_written_is_counted_and_later_written() {
    let (dir, log) = log(1 << 20);
    fs::write(dir.path().join("logs"), "in the way").unwrap();
    assert!(log.append(&[entry(1)]).is_err() && log.append(&[entry(1)]).is_err());
    assert_eq!(log.failures(), 2);
    fs::remove_file(dir.path().join("logs")).unwrap();
    log.append(&[entry(1)]).unwrap();
    assert_eq!((log.failures(), log.hashes().unwrap().len()), (2, 1));
}
