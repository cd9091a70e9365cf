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
    ffi::OsStr,
    io::Write,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use command_fds::{CommandFdExt, FdMapping};
use sd_notify::NotifyState;
use tokio::{io::AsyncReadExt, time::timeout};

/// How long a new process may take to migrate the database, load routes and certificates, and listen.
const READY_TIMEOUT: Duration = Duration::from_secs(120);
/// The number of the first socket in the new process (`SD_LISTEN_FDS_START`).
const FIRST_SOCKET: i32 = 3;
/// The name of the socket through which a new process says that it serves.
const READY: &str = "ready";

/// A process that has been started to take over. Dropping it ends the process, unless it serves.
pub struct Successor {
    program: PathBuf,
    child: Child,
    ready: Option<UnixStream>,
    serves: bool,
}

impl Successor {
    /// Starts the program again with these sockets, each with its name.
    ///
    /// # Errors
    /// If it can't be started, or must not be.
    pub fn start(sockets: Vec<(&'static str, OwnedFd)>) -> Result<Self> {
        if std::process::id() == 1 {
            bail!("this is the first process of a container, whose end would end the container: replace the container");
        }
        let (ready, theirs) = UnixStream::pair().context("making a socket pair")?;
        ready.set_nonblocking(true).context("setting a socket up")?;
        let (mut names, mut fds): (Vec<_>, Vec<_>) = sockets.into_iter().unzip();
        names.push(READY);
        fds.push(theirs.into());

        let program = program()?;
        let mut command = Command::new(&program);
        command.args(env::args_os().skip(1)).stdin(Stdio::null()).env_remove("LISTEN_PID");
        command.env("LISTEN_FDS", fds.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        let mappings =
            (FIRST_SOCKET..).zip(fds).map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd }).collect();
        command.fd_mappings(mappings).context("passing the listening sockets on")?;
        let child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { program, child, ready: Some(ready), serves: false })
    }

    /// Waits until it serves. Returns its process id.
    ///
    /// # Errors
    /// If it ends, or does not serve in time.
    pub async fn wait(&mut self) -> Result<u32> {
        let Some(ready) = self.ready.take() else { bail!("it was waited for already") };
        let mut ready = tokio::net::UnixStream::from_std(ready).context("watching a socket")?;
        let program = self.program.display();
        match timeout(READY_TIMEOUT, ready.read_u8()).await {
            Ok(Ok(_)) => {
                self.serves = true;
                Ok(self.child.id())
            }
            // It has ended, or closed what it was given.
            Ok(Err(_)) => {
                let _ = self.child.kill();
                let status = self.child.wait().context("waiting for its end")?;
                bail!("{program} ended before it was ready ({status}); see its messages above");
            }
            Err(_) => bail!("{program} was not ready after {} s", READY_TIMEOUT.as_secs()),
        }
    }

    /// The file of its program.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        if !self.serves {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Says to the service manager, and to the predecessor if there is one, that this process serves.
pub fn announce_ready() {
    let states = [NotifyState::MainPid(std::process::id()), NotifyState::Ready];
    if let Err(error) = sd_notify::notify(false, &states) {
        tracing::warn!(%error, "can't tell the service manager that this process serves");
    }
    let told = stoa_edge::inherited_stream(READY).and_then(|predecessor| match predecessor {
        Some(mut predecessor) => predecessor.write_all(&[1]),
        None => Ok(()),
    });
    if let Err(error) = told {
        tracing::warn!(%error, "the process before has ended meanwhile; this one serves");
    }
}

/// The program as it was named at the start: what has that name now, not what is running.
fn program() -> Result<PathBuf> {
    let name = env::args_os().next().unwrap_or_default();
    if Path::new(&name).components().count() > 1 {
        return Ok(name.into());
    }
    let found = env::var_os("PATH").and_then(|path| find_in(&path, &name));
    found.map_or_else(|| env::current_exe().context("finding the program's own file"), Ok)
}

fn find_in(path: &OsStr, name: &OsStr) -> Option<PathBuf> {
    env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
