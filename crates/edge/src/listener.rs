//! Listeners: ports opened here, or sockets that a service manager has opened for us, so that the
//! platform needs no rights for low ports and a restart rejects nobody.

use std::{
    env, io,
    net::SocketAddr,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket};

/// Opens a listener for [`EmbeddedEdge::serve`](crate::EmbeddedEdge::serve). The address may be reused
/// right after a restart, and the backlog is large.
///
/// # Errors
/// If the address is taken or not one of this machine.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

/// The next listener that the service manager has opened for us under `name` (`FileDescriptorName=` of
/// a systemd socket unit, sd_listen_fds(3)). A name may stand for several, such as IPv4 and IPv6: call
/// this until there is none. The first call removes `LISTEN_PID` and `LISTEN_FDS` from the environment,
/// so that no child process takes the sockets for its own; make it at the start of the program, inside
/// a runtime.
///
/// # Errors
/// If the socket with this name is not a TCP socket.
pub fn inherited(name: &str) -> io::Result<Option<TcpListener>> {
    let found = inherited_sockets().take(name, |sockets, index| sockets.take_tcp_listener(index));
    let failed = |error| {
        let hint = "let its socket unit have a ListenStream= with a port";
        io::Error::other(format!("taking over the socket {name:?} from the service manager: {error}; {hint}"))
    };
    let Some(listener) = found.map_err(failed)? else { return Ok(None) };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Some)
}

/// The next connected Unix socket that this process has inherited under `name`, in the same way.
///
/// # Errors
/// If what has this name is not a Unix socket.
pub fn inherited_stream(name: &str) -> io::Result<Option<UnixStream>> {
    let found = inherited_sockets().take(name, |sockets, index| sockets.take_unix_listener(index))?;
    Ok(found.map(|socket| UnixStream::from(OwnedFd::from(socket))))
}

fn inherited_sockets() -> MutexGuard<'static, Inherited> {
    static INHERITED: OnceLock<Mutex<Inherited>> = OnceLock::new();
    let inherited = INHERITED.get_or_init(|| Mutex::new(Inherited::from_env()));
    inherited.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sockets that nobody has taken yet.
struct Inherited {
    names: Vec<String>,
    sockets: ListenFd,
}

impl Inherited {
    fn from_env() -> Self {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        Self { names: names.split(':').map(str::to_owned).collect(), sockets: ListenFd::from_env() }
    }

    fn take<T>(
        &mut self,
        name: &str,
        take: impl Fn(&mut ListenFd, usize) -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>> {
        for (index, _) in self.names.iter().enumerate().filter(|(_, own)| *own == name) {
            if let Some(socket) = take(&mut self.sockets, index)? {
                return Ok(Some(socket));
            }
        }
        Ok(None)
    }
}
