//! Replacing the running program without losing a request.
//!
//! On SIGHUP the server starts its own program again, which may be a newer release by then, and passes the listening
//! sockets on. Once the new process is ready it accepts the connections, and this one serves those that are open until
//! their clients have left. If the new process does not become ready, this one goes on as if nothing had happened.
//!
//! The sockets go the way that systemd passes them (sd_listen_fds(3)), so the new process takes them like those of a
//! socket unit. One of them is named `ready`: the new process says through it that it serves.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{Read, Write},
    os::{fd::OwnedFd, unix::ffi::OsStrExt, unix::net::UnixStream},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use command_fds::{CommandFdExt, FdMapping};
use sd_notify::NotifyState;

/// How long a new process may take to migrate the database, load routes and certificates, and listen.
const READY_TIMEOUT: Duration = Duration::from_secs(120);
/// The number of the first socket in the new process (`SD_LISTEN_FDS_START`).
const FIRST_SOCKET: i32 = 3;
/// The name of the socket through which a new process says that it serves.
const READY: &str = "ready";

/// Starts a successor with these sockets, each with its name, and waits until it serves. Returns its process id.
///
/// # Errors
/// If it can't be started, ends, or does not serve in time; it is ended then.
pub fn start_successor(sockets: Vec<(&'static str, OwnedFd)>) -> Result<u32> {
    let (mut ready, theirs) = UnixStream::pair().context("making a socket pair")?;
    ready.set_read_timeout(Some(READY_TIMEOUT)).context("setting a timeout")?;
    let (mut names, mut fds): (Vec<_>, Vec<_>) = sockets.into_iter().unzip();
    names.push(READY);
    fds.push(theirs.into());

    let program = program()?;
    let mut command = Command::new(&program);
    command.args(env::args_os().skip(1)).stdin(Stdio::null()).env_remove("LISTEN_PID");
    command.env("LISTEN_FDS", fds.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
    let mappings = (FIRST_SOCKET..).zip(fds).map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd }).collect();
    command.fd_mappings(mappings).context("passing the listening sockets on")?;
    let mut child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
    // It holds this process's end of the socket, whose closing tells that the child has ended.
    drop(command);

    let mut said = [0];
    match ready.read(&mut said) {
        Ok(1) => Ok(child.id()),
        Ok(_) => {
            let status = child.wait().context("waiting for its end")?;
            bail!("{} ended before it was ready ({status}); see its messages above", program.display());
        }
        Err(_) => {
            let _ = child.kill();
            let _ = child.wait();
            bail!("{} was not ready after {} s", program.display(), READY_TIMEOUT.as_secs());
        }
    }
}

/// Says to the predecessor, and to the service manager, that this process serves.
///
/// # Errors
/// If a predecessor is there and can't be reached.
pub fn announce_ready() -> Result<()> {
    let states = [NotifyState::MainPid(std::process::id()), NotifyState::Ready];
    if let Err(error) = sd_notify::notify(false, &states) {
        tracing::warn!(%error, "can't tell the service manager that this process serves");
    }
    if let Some(mut predecessor) = stoa_edge::inherited_stream(READY)? {
        predecessor.write_all(&[1]).context("telling the process before that this one serves")?;
    }
    Ok(())
}

/// The file of this program, also after another one has taken its place.
fn program() -> Result<PathBuf> {
    let current = env::current_exe().context("finding the program's own file")?;
    let name: OsString = current.into_os_string();
    // What the kernel appends to the name of a file that was replaced.
    let bytes = name.as_bytes();
    Ok(OsStr::from_bytes(bytes.strip_suffix(b" (deleted)").unwrap_or(bytes)).into())
}
