//! The programs of Pebble's package as processes.

use std::{
    env,
    fs::File,
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Starts a program of the package, with its output in the file.
pub(super) fn spawn(command: &mut Command, log: &Path) -> Child {
    let log = File::create(log).expect("a log file");
    command.stdin(Stdio::null()).stderr(log.try_clone().expect("the log file again")).stdout(log);
    match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => panic!(
            "{:?} is not installed: apt-get install pebble (or set STOA_SKIP_PEBBLE to go without these tests)",
            command.get_program()
        ),
        Err(error) => panic!("starting {:?}: {error}", command.get_program()),
    }
}

/// Whether nothing of Pebble's package shall be started.
pub(super) fn is_skipped() -> bool {
    let skipped = env::var_os("STOA_SKIP_PEBBLE").is_some();
    if skipped {
        eprintln!("STOA_SKIP_PEBBLE is set: nothing is tested against Pebble");
    }
    skipped
}

/// Waits until all of the addresses take connections; false if the program ends before. A busy machine
/// takes its time.
pub(super) fn wait(child: &mut Child, addresses: &[SocketAddr]) -> bool {
    let deadline = Instant::now() + Duration::from_secs(120);
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return false;
        }
        if addresses.iter().all(|address| TcpStream::connect(address).is_ok()) {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

pub(super) fn end(child: &mut Child) {
    // It may have ended by itself; there is nothing to do then.
    let _ = child.kill();
    let _ = child.wait();
}
