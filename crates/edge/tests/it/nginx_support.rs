//! A real nginx under a directory of its own, on free ports of the loopback.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use stoa_edge::nginx::{Nginx, NginxConfig, commands};
use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::{Route, RouteLimits, RoutingTable, Target},
};
use stoa_provider::edge::Edge;
use tempfile::TempDir;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::{
    port::free_port,
    support::{Raw, TEST_TIMEOUT},
};

const BINARY: &str = "nginx";

/// Ends a test where the machine is allowed to have no nginx; everywhere else its absence is a failure.
macro_rules! needs_nginx {
    () => {
        if std::env::var_os("STOA_SKIP_NGINX").is_some() {
            eprintln!("STOA_SKIP_NGINX is set: nothing was tested against nginx");
            return;
        }
    };
}
pub(crate) use needs_nginx;

/// An nginx, and the edge that writes its files.
pub struct TestNginx {
    pub edge: Nginx,
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub config: NginxConfig,
    main: Child,
    directory: TempDir,
}

impl TestNginx {
    /// An nginx that has applied a table without routes.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut NginxConfig)) -> Self {
        let nginx = Self::start_empty(change);
        nginx.edge.regenerate(RoutingTable::default()).await.unwrap();
        nginx
    }

    /// An nginx that nothing was ever written for.
    pub fn start_empty(change: impl FnOnce(&mut NginxConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["sites-available", "sites-enabled", "temp"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("nginx.conf"), main_conf(directory.path())).unwrap();
        let [http, https, version_at, platform] = [(); 4].map(|()| free_port());
        let (test, reload) = commands(BINARY, at("nginx.conf"));
        let mut config = NginxConfig {
            sites_available: at("sites-available"),
            sites_enabled: at("sites-enabled"),
            log: at("stoa.jsonl"),
            test,
            reload,
            pid: Some(at("nginx.pid")),
            version_at,
            http: vec![http],
            https: vec![https],
            public_ports: (http.port(), https.port()),
            deadline: Duration::from_secs(60),
            ..NginxConfig::debian(directory.path().join("data"), platform)
        };
        change(&mut config);
        let edge = Nginx::new(config.clone()).unwrap();
        let mut command = Command::new(BINARY);
        command.arg("-c").arg(at("nginx.conf")).stdin(Stdio::null());
        let main = command.spawn().expect("starting nginx: install it, or set STOA_SKIP_NGINX=1 to go without");
        let nginx = Self { edge, http, https, config, main, directory };
        nginx.wait_for_pid();
        nginx
    }

    fn wait_for_pid(&self) {
        let begun = Instant::now();
        while fs::read_to_string(self.path("nginx.pid")).unwrap_or_default().trim().is_empty() {
            assert!(begun.elapsed() < TEST_TIMEOUT, "nginx does not start: {}", self.errors());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn available(&self, name: &str) -> PathBuf {
        self.config.sites_available.join(name)
    }

    pub fn enabled(&self, name: &str) -> PathBuf {
        self.config.sites_enabled.join(name)
    }

    /// Sends bytes over a fresh plain connection and reads until nginx closes it.
    pub async fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut raw = self.connect().await;
        raw.write(bytes).await;
        raw.rest().await
    }

    /// A GET of `/` with these further header lines.
    pub async fn get(&self, host: &str, lines: &str) -> String {
        self.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n{lines}Connection: close\r\n\r\n")).await
    }

    pub async fn connect(&self) -> Raw {
        Raw { stream: TcpStream::connect(self.http).await.unwrap(), buf: Vec::new() }
    }

    /// Applies a table with these routes, each of another site.
    pub async fn route(&self, version: u64, routes: &[(&str, Target)]) {
        self.edge.apply(table(version, routes)).await.unwrap();
    }

    /// The error log.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.path("error.log")).unwrap_or_default()
    }

    /// What another process on the same files would be.
    pub fn another(&self) -> Nginx {
        Nginx::new(self.config.clone()).unwrap()
    }

    /// Tells the main process something.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.main.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Every file of the configuration with its content, and where the links lead.
    pub fn everything(&self) -> Vec<(PathBuf, String)> {
        let mut all = Vec::new();
        for directory in [&self.config.sites_available, &self.config.sites_enabled] {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let content = match fs::read_link(&path) {
                    Ok(target) => format!("-> {}", target.display()),
                    Err(_) => fs::read_to_string(&path).unwrap(),
                };
                all.push((path, content));
            }
        }
        all.sort_unstable();
        all
    }
}

impl Drop for TestNginx {
    /// The main process must be told: its workers would survive it if it were killed.
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let _ = self.main.wait();
    }
}

/// The site of the name at this place in a table.
pub fn site(number: usize) -> SiteId {
    SiteId::from_uuid(Uuid::from_u128(number as u128 + 1))
}

/// The name of the file of the name at this place in a table.
pub fn file(number: usize) -> String {
    format!("stoa-{}.conf", site(number))
}

pub fn table(version: u64, routes: &[(&str, Target)]) -> RoutingTable {
    let route = |(number, (name, target)): (usize, &(&str, Target))| {
        let limits = RouteLimits::body(1000);
        (host(name), Route { site: site(number), target: target.clone(), limits, secure: false })
    };
    RoutingTable { version, routes: routes.iter().enumerate().map(route).collect(), ..RoutingTable::default() }
}

pub fn host(name: &str) -> Hostname {
    Hostname::parse(name).unwrap()
}

/// A main configuration like Debian's, which needs no rights.
fn main_conf(directory: &Path) -> String {
    let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
    let directory = directory.display();
    let temps = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {directory}/temp/{name};"))
        .join("\n    ");
    format!(
        "daemon off;\n{user}\nworker_processes 2;\npid {directory}/nginx.pid;\nerror_log {directory}/error.log warn;\n\
         worker_shutdown_timeout 5s;\nevents {{ worker_connections 512; }}\nhttp {{\n    {temps}\n    access_log off;\n    \
         ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;\n    gzip on;\n    include {directory}/sites-enabled/*;\n}}\n"
    )
}
