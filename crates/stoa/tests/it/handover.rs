//! The running program is replaced (SIGHUP) while clients use it.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::{faults::http::Request, port::free_port, verbs::Home};

/// Clients at the same time.
const CLIENTS: usize = 16;
/// How often the program is replaced.
const REPLACEMENTS: u32 = 5;
/// Nothing here takes longer.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A server; with it ends whatever has taken over from it.
struct Served {
    child: Child,
    program: std::path::PathBuf,
}

impl Served {
    /// The processes that run the program now.
    fn processes(&self) -> Vec<i32> {
        let running = |pid: &i32| {
            let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            program == self.program || program.as_os_str() == format!("{} (deleted)", self.program.display()).as_str()
        };
        let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        all.filter(running).collect()
    }

    fn signal(&self, pid: i32, signal: &str) {
        assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        let _ = self.child.wait();
    }
}

/// A Stoa from a copy of the binary of its own; these tests don't need Docker.
fn serve() -> (Served, SocketAddr, Home) {
    serve_with(|home| fs::File::create(home.0.path().join("log")).unwrap().into())
}

/// The same, with the log where `log` says.
fn serve_with(log: impl FnOnce(&Home) -> Stdio) -> (Served, SocketAddr, Home) {
    let at = free_port();
    let home = Home::new("base_domain = \"stoa.test\"\nlease_seconds = 3\ndrain_seconds = 20\n");
    let program = home.0.path().join("stoa");
    install(&program);
    let command = home.command(&[]);
    let mut start = Command::new(&program);
    start.arg("serve").env("STOA_LISTEN", at.to_string()).stdin(Stdio::null());
    start.stderr(log(&home));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => start.env(name, value),
            None => start.env_remove(name),
        };
    }
    let served = Served { child: start.spawn().unwrap(), program };
    let began = Instant::now();
    while Request::get("stoa.test", "/healthz").tcp(at, Duration::from_secs(1)).is_err() {
        assert!(began.elapsed() < TEST_TIMEOUT, "it does not respond");
        thread::sleep(Duration::from_millis(20));
    }
    (served, at, home)
}

/// Puts the binary in place of the one that runs, as an upgrade does.
fn install(program: &Path) {
    let fresh = program.with_extension("new");
    fs::copy(env!("CARGO_BIN_EXE_stoa"), &fresh).unwrap();
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&fresh, program).unwrap();
}

/// Sends requests over connections that are kept, until `stop`; returns why a request was lost.
pub fn visit(at: SocketAddr, host: &str, path: &str, stop: &AtomicBool, answers: &AtomicU32) -> Result<(), String> {
    while !stop.load(SeqCst) {
        let mut stream = TcpStream::connect(at).map_err(|error| format!("connecting: {error}"))?;
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        loop {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            stream.write_all(request.as_bytes()).map_err(|error| format!("sending: {error}"))?;
            let (mut answer, mut buffer) = (String::new(), [0; 65_536]);
            let head = loop {
                let read = stream.read(&mut buffer).map_err(|error| format!("reading: {error}"))?;
                if read == 0 {
                    return Err(format!("the connection ended after {answer:?}"));
                }
                answer.push_str(&String::from_utf8_lossy(&buffer[..read]));
                let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0_usize) {
                    break head.to_lowercase();
                }
            };
            if !head.starts_with("http/1.1 200") {
                return Err(head);
            }
            answers.fetch_add(1, SeqCst);
            if head.contains("connection: close") {
                break;
            }
            if stop.load(SeqCst) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The same over HTTP/2 with prior knowledge.
pub fn visit_http2(
    at: SocketAddr,
    host: &str,
    path: &str,
    stop: &AtomicBool,
    answers: &AtomicU32,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        while !stop.load(SeqCst) {
            let stream = tokio::net::TcpStream::connect(at).await.map_err(|error| format!("connecting: {error}"))?;
            let opened = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
            let (mut sender, connection) = opened.map_err(|error| format!("opening: {error}"))?;
            tokio::spawn(connection);
            while !stop.load(SeqCst) {
                let request = http::Request::get(format!("http://{host}{path}")).body(Empty::<bytes::Bytes>::new());
                let answer = match sender.send_request(request.unwrap()).await {
                    Ok(answer) => answer,
                    // It was not sent: GOAWAY came before.
                    Err(error) if error.is_canceled() => break,
                    Err(error) => return Err(format!("asking over HTTP/2: {error:?}")),
                };
                if answer.status() != 200 {
                    return Err(format!("{} over HTTP/2", answer.status()));
                }
                answer.into_body().collect().await.map_err(|error| format!("reading over HTTP/2: {error:?}"))?;
                answers.fetch_add(1, SeqCst);
            }
        }
        Ok(())
    })
}

#[test]
fn no_request_is_lost_while_the_program_is_replaced() {
    let (served, at, home) = serve();
    let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (stop, answers) = (stop.clone(), answers.clone());
            let visit = if number % 4 == 0 { visit_http2 } else { visit };
            thread::spawn(move || visit(at, "stoa.test", "/healthz", &stop, &answers))
        })
        .collect();
    let mut current = i32::try_from(served.child.id()).unwrap();
    for replacement in 0..REPLACEMENTS {
        let before = answers.load(SeqCst);
        install(&served.program);
        served.signal(current, "-HUP");
        let began = Instant::now();
        let log = || fs::read_to_string(home.0.path().join("log")).unwrap();
        // The one before ends because its clients have left.
        current = loop {
            if let [only] = served.processes()[..]
                && only != current
            {
                break only;
            }
            assert!(began.elapsed() < TEST_TIMEOUT, "replacement {replacement}: {:?}\n{}", served.processes(), log());
            thread::sleep(Duration::from_millis(20));
        };
        assert!(answers.load(SeqCst) > before, "they are served meanwhile");
    }
    stop.store(true, SeqCst);
    let lost: Vec<_> = clients.into_iter().filter_map(|client| client.join().unwrap().err()).collect();
    assert!(lost.is_empty(), "{lost:?}");
    served.signal(current, "-TERM");
    let began = Instant::now();
    while !served.processes().is_empty() {
        assert!(began.elapsed() < TEST_TIMEOUT, "it does not stop");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_successor_that_dies_at_once_changes_nothing() {
    let (served, at, home) = serve();
    let pid = i32::try_from(served.child.id()).unwrap();
    let log = || fs::read_to_string(home.0.path().join("log")).unwrap();
    // A program that can't start, and one that does not understand its settings any more.
    let broken = home.0.path().join("broken");
    fs::write(&broken, "#!/bin/sh\nexit 3\n").unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&broken, &served.program).unwrap();
    for attempt in 1..3 {
        served.signal(pid, "-HUP");
        let began = Instant::now();
        while log().matches("could not hand over").count() < attempt {
            assert!(began.elapsed() < TEST_TIMEOUT, "{}", log());
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(Request::get("stoa.test", "/healthz").tcp(at, TEST_TIMEOUT).unwrap().status, 200);
    }
    assert!(log().contains("ended before it was ready"), "{}", log());
    // And with a good one it works again.
    install(&served.program);
    served.signal(pid, "-HUP");
    let began = Instant::now();
    while served.processes().contains(&pid) || served.processes().is_empty() {
        assert!(began.elapsed() < TEST_TIMEOUT, "{}", log());
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(Request::get("stoa.test", "/healthz").tcp(at, TEST_TIMEOUT).unwrap().status, 200);
}

fn is_stopped_soon(served: &Served) {
    let began = Instant::now();
    while !served.processes().is_empty() {
        assert!(began.elapsed() < TEST_TIMEOUT, "{:?}", served.processes());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn stopping_does_not_wait_for_a_successor_that_hangs() {
    let (served, at, home) = serve();
    let pid = i32::try_from(served.child.id()).unwrap();
    let hanging = home.0.path().join("hanging");
    fs::write(&hanging, "#!/bin/sh\nexec sleep 3600\n").unwrap();
    fs::set_permissions(&hanging, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&hanging, &served.program).unwrap();
    served.signal(pid, "-HUP");
    let log = || fs::read_to_string(home.0.path().join("log")).unwrap();
    let began = Instant::now();
    while !log().contains("to hand over to it") {
        assert!(began.elapsed() < TEST_TIMEOUT, "{}", log());
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(Request::get("stoa.test", "/healthz").tcp(at, TEST_TIMEOUT).unwrap().status, 200);
    served.signal(pid, "-TERM");
    is_stopped_soon(&served);
    assert!(TcpStream::connect(at).is_err(), "the one that hangs has ended too, with the socket");
}

#[test]
fn a_log_that_nobody_reads_neither_ends_the_server_nor_keeps_it() {
    let (mut served, at, _home) = serve_with(|_| Stdio::piped());
    // The reader goes away; a reconciler that fails, for there is no engine, writes on.
    drop(served.child.stderr.take());
    thread::sleep(Duration::from_secs(4));
    assert_eq!(Request::get("stoa.test", "/healthz").tcp(at, TEST_TIMEOUT).unwrap().status, 200);
    served.signal(i32::try_from(served.child.id()).unwrap(), "-TERM");
    assert!(served.child.wait().unwrap().success());
}
