use std::io::Write;

use tempfile::TempDir;

use super::*;

const SITE: &str = "site_00000000000000000000000000000007";

/// A line as nginx writes it.
fn line(id: u32, site: &str, status: &str) -> String {
    format!(
        r#"{{"time":"2026-08-01T10:00:00+00:00","id":"{id}","site":"{site}","host":"a.example","method":"GET","path":"/","status":"{status}","bytes_in":"","bytes_out":"10","seconds":"0.012","client":"192.0.2.1"}}
"#
    )
}

struct TestLog {
    directory: TempDir,
}

impl TestLog {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn tail(&self) -> Tail {
        Tail::open(self.path("log"), self.path("position"), parse_nginx_line).unwrap()
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

fn requests(tail: &Tail) -> u64 {
    let all = tail.read().unwrap();
    all.iter().filter(|(site, _)| site.to_string() == SITE).map(|(_, traffic)| traffic.requests).sum()
}

#[test]
fn lines_are_counted_once_and_for_their_site() {
    let log = TestLog::new();
    let tail = log.tail();
    assert_eq!(requests(&tail), 0, "no log yet");
    log.append("log", &(line(1, SITE, "200") + &line(2, "", "404") + "nonsense\n" + &line(3, SITE, "499")));
    assert_eq!(requests(&tail), 2);
    assert_eq!(requests(&tail), 2, "nothing is counted twice");
    let whole = line(4, SITE, "503");
    let (half, rest) = whole.split_at(40);
    log.append("log", half);
    assert_eq!(requests(&tail), 2, "half a line is not counted");
    log.append("log", rest);
    let all = tail.read().unwrap();
    let traffic = &all.iter().find(|(site, _)| site.to_string() == SITE).unwrap().1;
    assert_eq!((traffic.requests, traffic.bytes_out, traffic.micros), (3, 30, 36_000));
    assert_eq!(traffic.statuses, [1, 0, 1, 0, 0, 1]);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let log = TestLog::new();
    log.append("log", &line(1, SITE, "200"));
    let tail = log.tail();
    assert_eq!(requests(&tail), 0, "what is older than the first process is not counted");
    log.append("log", &line(2, SITE, "200"));
    assert_eq!(requests(&tail), 1);
    drop(tail);
    log.append("log", &line(3, SITE, "200"));
    assert_eq!(requests(&log.tail()), 1, "what came while nobody looked");
}

#[test]
fn rotation_by_renaming_loses_nothing() {
    let log = TestLog::new();
    let tail = log.tail();
    log.append("log", &line(1, SITE, "200"));
    assert_eq!(requests(&tail), 1);
    log.append("log", &line(2, SITE, "200"));
    fs::rename(log.path("log"), log.path("log.1")).unwrap();
    assert_eq!(requests(&tail), 2, "the rest of the renamed file");
    log.append("log.1", &line(3, SITE, "200"));
    log.append("log", &line(4, SITE, "200"));
    assert_eq!(requests(&tail), 4, "old workers write into the renamed file for a while");
    fs::rename(log.path("log.1"), log.path("log.2")).unwrap();
    fs::rename(log.path("log"), log.path("log.1")).unwrap();
    log.append("log", &line(5, SITE, "200"));
    assert_eq!(requests(&tail), 5);
    fs::remove_file(log.path("log.2")).unwrap();
    assert_eq!(requests(&log.tail()), 0);
    assert_eq!(requests(&tail), 5, "what was counted stays");
}

#[test]
fn rotation_by_truncating_counts_nothing_twice() {
    let log = TestLog::new();
    let tail = log.tail();
    log.append("log", &(line(1, SITE, "200") + &line(2, SITE, "200")));
    assert_eq!(requests(&tail), 2);
    fs::copy(log.path("log"), log.path("log-20260801")).unwrap();
    assert_eq!(requests(&tail), 2, "a copy is no new file");
    fs::write(log.path("log"), "").unwrap();
    assert_eq!(requests(&tail), 2);
    log.append("log", &(line(3, SITE, "200") + &line(4, SITE, "200") + &line(5, SITE, "200")));
    assert_eq!(requests(&tail), 5, "a new file, though as long as the old one");
}

#[test]
fn a_copy_that_is_behind_is_not_counted_when_the_log_is_truncated() {
    let log = TestLog::new();
    let tail = log.tail();
    log.append("log", &(line(1, SITE, "200") + &line(2, SITE, "200")));
    assert_eq!(requests(&tail), 2);
    fs::copy(log.path("log"), log.path("log-20260801")).unwrap();
    log.append("log", &line(3, SITE, "200"));
    assert_eq!(requests(&tail), 3);
    fs::write(log.path("log"), "").unwrap();
    for _ in 0..3 {
        assert_eq!(requests(&tail), 3, "the copy was read under its former name");
    }
    assert_eq!(requests(&log.tail()), 0, "another process knows it too");
    log.append("log", &line(4, SITE, "200"));
    assert_eq!(requests(&tail), 4);
}

#[test]
fn a_directory_that_is_away_for_a_while_is_not_counted_anew() {
    let log = TestLog::new();
    let open = || Tail::open(log.path("logs/log"), log.path("position"), parse_nginx_line).unwrap();
    fs::create_dir(log.path("logs")).unwrap();
    let tail = open();
    log.append("logs/log", &line(1, SITE, "200"));
    assert_eq!(requests(&tail), 1);
    fs::rename(log.path("logs"), log.path("away")).unwrap();
    assert_eq!(requests(&tail), 1);
    assert_eq!(requests(&open()), 0);
    fs::rename(log.path("away"), log.path("logs")).unwrap();
    log.append("logs/log", &line(2, SITE, "200"));
    assert_eq!(requests(&tail), 2);
}

#[test]
fn files_that_stay_away_are_forgotten() {
    let known = |files: &[&str]| files.iter().map(|file| ((*file).to_owned(), 7)).collect::<Positions>();
    let mut state = State { positions: known(&["a", "b"]), ..State::default() };
    for pass in 1..=MAX_PASSES_UNSEEN {
        let mut found = known(&["a"]);
        state.keep_unseen(&mut found);
        assert_eq!(found.contains_key("b"), pass < MAX_PASSES_UNSEEN, "after {pass} passes");
        state.positions = found;
    }
    assert!(state.positions.contains_key("a") && state.unseen.is_empty());
}

#[test]
fn only_generations_of_the_log_are_read() {
    let log = TestLog::new();
    let tail = log.tail();
    for name in ["log.1.gz", "logs", "log.bak", "other"] {
        log.append(name, &line(1, SITE, "200"));
    }
    assert_eq!(requests(&tail), 0);
}

#[test]
fn a_position_that_can_not_be_kept_counts_nothing() {
    let log = TestLog::new();
    let tail = log.tail();
    log.append("log", &line(1, SITE, "200"));
    fs::remove_file(log.path("position")).unwrap();
    fs::create_dir(log.path("position")).unwrap();
    let error = tail.read().expect_err("a directory is in its place").to_string();
    assert!(error.contains("writing") && error.contains("position"), "{error}");
    fs::remove_dir(log.path("position")).unwrap();
    assert_eq!(requests(&tail), 1, "and loses nothing");
}

#[test]
fn lines_of_traefik() {
    let text = format!(
        r#"{{"ClientAddr":"192.0.2.1:5","DownstreamContentSize":1024,"DownstreamStatus":200,"Duration":12000000,"RequestContentSize":5,"RouterName":"{SITE}-0-secure@http","ServiceName":"x@http"}}"#
    );
    let seen = parse_traefik_line(text.as_bytes()).unwrap();
    assert_eq!((seen.site.to_string().as_str(), seen.status, seen.bytes_in, seen.bytes_out), (SITE, 200, 5, 1024));
    assert_eq!(seen.micros, 12_000);
    assert_eq!(parse_traefik_line(br#"{"DownstreamStatus":404,"RouterName":"stoa-unknown@http"}"#), None);
    assert_eq!(parse_traefik_line(br#"{"DownstreamStatus":404}"#), None);
}
