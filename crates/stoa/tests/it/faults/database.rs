//! A world's own database on a server, and a way to it that can be cut.

use std::{
    fs, io,
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

/// A database of its own on a server.
pub struct Database {
    pub url: String,
    /// As the platform reaches it.
    pub platform_url: String,
    pub relay: Option<Relay>,
    client: Command,
    name: String,
}

impl Database {
    /// `None`: SQLite in the data directory. `relayed`: the platform, not the test, reaches it through a relay in `home`.
    pub fn new(world: &str, relayed: bool, home: &Path) -> Option<Self> {
        if !std::env::var("STOA_TEST_PROCESSES").is_ok_and(|value| value == "several") {
            return None;
        }
        let name = format!("stoa_{}_{}", world.replace('-', "_"), std::process::id());
        let kind = std::env::var("STOA_TEST_DATABASE").expect("STOA_TEST_DATABASE, as processes share no SQLite");
        let variable = format!("STOA_TEST_{}_URL", kind.to_uppercase());
        let server = std::env::var(&variable).unwrap_or_else(|_| panic!("{variable}: see crates/db/tests/databases"));
        let (base, query) = server.split_once('?').expect("a URL with a socket");
        let socket = query.split_once('=').expect("a socket").1;
        let (client, url) = match kind.as_str() {
            "postgres" => {
                let mut client = Command::new("psql");
                client.args(["-q", "-h", socket, "-U", "stoa", "postgres", "-c"]);
                (client, format!("{}/{name}?{query}", base.rsplit_once('/').unwrap().0))
            }
            _ => {
                let mut client = Command::new("mariadb");
                client.args(["--no-defaults", &format!("--socket={socket}"), "--user=root", "-e"]);
                (client, format!("{}/{name}?{query}", base.trim_end_matches('/')))
            }
        };
        let file = if kind == "postgres" { ".s.PGSQL.5432" } else { "" };
        let (mut relay, mut platform_url) = (None, url.clone());
        if relayed {
            let folder = home.join("relay");
            fs::create_dir(&folder).unwrap();
            let (at, given) = match file {
                "" => (folder.join("socket"), folder.join("socket")),
                file => (folder.join(file), folder),
            };
            relay = Some(Relay::new(&Path::new(socket).join(file), &at));
            platform_url = url.replace(socket, given.to_str().unwrap());
        }
        let mut database = Self { url, platform_url, relay, client, name };
        assert!(database.run("CREATE DATABASE {}"), "creating it");
        Some(database)
    }

    /// Executes a statement as the server's administrator; `{}` stands for the database.
    pub fn run(&mut self, statement: &str) -> bool {
        let mut command = Command::new(self.client.get_program());
        command.args(self.client.get_args()).arg(statement.replace("{}", &self.name));
        command.status().is_ok_and(|status| status.success())
    }
}

/// A way to a database server that can be cut.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    server: PathBuf,
    socket: PathBuf,
    /// `None` while the way is cut.
    open: Mutex<Option<Vec<UnixStream>>>,
}

impl Relay {
    pub fn new(server: &Path, socket: &Path) -> Self {
        let inner = Inner { server: server.to_owned(), socket: socket.to_owned(), open: Mutex::new(None) };
        let relay = Self(Arc::new(inner));
        relay.restore();
        relay
    }

    /// Ends all connections; new ones are refused.
    pub fn cut(&self) {
        fs::remove_file(&self.0.socket).unwrap();
        for stream in self.0.open.lock().unwrap().take().unwrap_or_default() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn restore(&self) {
        let listener = UnixListener::bind(&self.0.socket).unwrap();
        *self.0.open.lock().unwrap() = Some(Vec::new());
        let inner = self.0.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&inner.server).unwrap());
                match &mut *inner.open.lock().unwrap() {
                    Some(open) => open.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]),
                    None => return,
                }
                for (mut from, mut to) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server.try_clone().unwrap(), client.try_clone().unwrap()),
                ] {
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
    }
}
