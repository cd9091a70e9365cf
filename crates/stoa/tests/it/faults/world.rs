//! A world: one installation of Stoa for one test, with the real binary. It is cleaned up even if the test
//! fails; what a killed test run left behind is removed before the next one.
//!
//! Usually it is one process with SQLite. With `STOA_TEST_DATABASE` (`postgres` or `mysql`) and
//! `STOA_TEST_PROCESSES=several` it is an edge, the portal and two workers on a database server.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    database::{Database, Relay},
    engine::Engine,
    http::{Answer, Request},
};
use crate::{port::free_port, verbs::without_settings};

/// The longest that any job may take to end, whatever was done to it. Generous, as other
/// programs use the machine too; what it really took is in the tests' tables.
pub const JOB_TIMEOUT: Duration = Duration::from_secs(400);

pub struct World {
    pub name: &'static str,
    /// Docker itself, around any proxy.
    pub engine: Engine,
    pub address: SocketAddr,
    pub data: PathBuf,
    /// Its processes that run.
    servers: BTreeMap<&'static str, Server>,
    database: Option<Database>,
    home: TempDir,
    token: String,
    installation: String,
    /// Whether it keeps the firewall of this machine.
    keeps_firewall: bool,
    _lock: File,
    _crowd: Option<RwLockReadGuard<'static, ()>>,
}

/// A process of a world.
struct Server {
    child: Child,
    /// The process that has taken over from it.
    successor: Option<u32>,
}

impl Server {
    fn pid(&self) -> u32 {
        self.successor.unwrap_or_else(|| self.child.id())
    }
}

/// The processes of a world, each with its roles.
const ONE: &[(&str, &str)] = &[("all", "edge,web,worker")];
const SEVERAL: &[(&str, &str)] = &[("edge", "edge"), ("web", "web"), ("worker", "worker"), ("worker-2", "worker")];

/// Worlds share the machine's two cores; a test with many sites needs them for itself.
static CROWD: RwLock<()> = RwLock::new(());

/// Waits until there is no other world, and blocks new ones.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    CROWD.write().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// `None` when tests with Docker are skipped. `pool` is the world's part of 10.216.0.0/16.
    pub fn new(name: &'static str, pool: &str, extra: &str) -> Option<Self> {
        let home = tempfile::Builder::new().prefix("stoa-faults-").tempdir().unwrap();
        let data = home.path().join("data");
        Self::at(name, pool, extra, home, data)
    }

    /// A world whose way to its database server can be cut; `None` also where there is no server.
    pub fn over_relay(name: &'static str, pool: &str) -> Option<Self> {
        if std::env::var_os("STOA_TEST_PROCESSES").is_none() {
            eprintln!("SKIPPED (no database server; see `make processes`): {name}");
            return None;
        }
        let home = tempfile::Builder::new().prefix("stoa-faults-").tempdir().unwrap();
        let data = home.path().join("data");
        Self::build(name, pool, "", home, data, true)
    }

    /// The way to its database server.
    pub fn relay(&self) -> &Relay {
        self.database.as_ref().and_then(|database| database.relay.as_ref()).expect("a relay")
    }

    /// Has the database refuse to write on new connections, or accept it again. `false`: this server can't.
    pub fn set_read_only(&mut self, on: bool) -> bool {
        let value = if on { "on" } else { "off" };
        let database = self.database.as_mut().expect("a server");
        database.url.starts_with("postgres")
            && database.run(&format!("ALTER DATABASE {{}} SET default_transaction_read_only = {value}"))
    }

    /// A world whose data directory is elsewhere.
    pub fn at(name: &'static str, pool: &str, extra: &str, home: TempDir, data: PathBuf) -> Option<Self> {
        Self::build(name, pool, extra, home, data, false)
    }

    fn build(name: &'static str, pool: &str, extra: &str, home: TempDir, data: PathBuf, relayed: bool) -> Option<Self> {
        if std::env::var("STOA_SKIP_DOCKER").is_ok_and(|value| value == "1") {
            eprintln!("SKIPPED (STOA_SKIP_DOCKER=1): {name}");
            return None;
        }
        let lock = File::create(std::env::temp_dir().join(format!("stoa-faults-{name}.lock"))).unwrap();
        lock.lock().unwrap();
        let engine = Engine::real();
        for image in ["stoa/ebuilder:1", "stoa/wordpress:1", "stoa/wordpress-db:1"] {
            let found = engine.call("GET", &format!("/images/{image}/json"), None);
            assert_eq!(found.status, 200, "the image {image} is missing: run `make images`, or set STOA_SKIP_DOCKER=1");
        }
        let address = free_port();
        let blueprints = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints").canonicalize().unwrap();
        let settings = [
            ("data_dir", format!("{data:?}")),
            ("blueprints", format!("{blueprints:?}")),
            ("listen", format!("\"{address}\"")),
            ("subnet_pool", format!("{pool:?}")),
            ("lease_seconds", "2".to_owned()),
            ("main_memory", "\"256m\"".to_owned()),
            ("memory_overcommit", "50.0".to_owned()),
            ("min_free_disk", "\"1m\"".to_owned()),
            ("delete_grace_days", "0".to_owned()),
        ];
        let database = Database::new(name, relayed, home.path());
        let several = database.as_ref().map(|database| {
            [("database", format!("{:?}", database.platform_url)), ("web_listen", format!("\"{}\"", free_port()))]
        });
        let settings = settings.into_iter().chain(several.into_iter().flatten()).collect::<Vec<_>>();
        let usual = settings.iter().filter(|(key, _)| !extra.contains(key));
        let config: String = usual.map(|(key, value)| format!("{key} = {value}\n")).collect();
        fs::write(home.path().join("stoa.toml"), config + extra).unwrap();
        let (token, installation) = (String::new(), String::new());
        let crowd = (name != "burst").then(|| CROWD.read().unwrap_or_else(PoisonError::into_inner));
        let mut world = Self {
            name,
            engine,
            address,
            data,
            servers: BTreeMap::new(),
            database,
            home,
            token,
            installation,
            keeps_firewall: extra.contains("[firewall]"),
            _lock: lock,
            _crowd: crowd,
        };
        world.found();
        Some(world)
    }

    /// Creates the operator, and records the installation's label for the next test run.
    fn found(&mut self) {
        let secret = self.home.path().join("password");
        fs::write(&secret, "correct horse battery").unwrap();
        self.cli(&["init", "--email", "op@example.com", "--password-file", secret.to_str().unwrap()]);
        let token: Value = serde_json::from_slice(&self.cli(&["--json", "staff", "token", "op@example.com"])).unwrap();
        token["token"].as_str().unwrap().clone_into(&mut self.token);
        self.installation =
            self.database(async |db| stoa_db::meta::meta_get(db, "installation").await.unwrap().unwrap());
        let note = std::env::temp_dir().join(format!("stoa-faults-{}.installation", self.name));
        if let Ok(left) = fs::read_to_string(&note) {
            self.engine.clean(&format!("stoa.installation={left}"));
        }
        fs::write(note, &self.installation).unwrap();
    }

    /// The label on everything of this world.
    pub fn label(&self) -> String {
        format!("stoa.installation={}", self.installation)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stoa"));
        without_settings(&mut command).args(args).env("STOA_CONFIG", self.home.path().join("stoa.toml"));
        if self.keeps_firewall {
            command.env("STOA_FIREWALL_ENABLED", "true");
        }
        command
    }

    pub fn try_cli(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn cli(&self, args: &[&str]) -> Vec<u8> {
        let done = self.try_cli(args);
        assert!(done.status.success(), "{}: stoa {args:?}: {}", self.name, String::from_utf8_lossy(&done.stderr));
        done.stdout
    }

    /// Starts what does not run of the server, and waits until it answers.
    pub fn start(&mut self) {
        self.start_with(None);
    }

    /// Starts it so that its worker dies at a given place (see `stoa_core::jobs::crash_points`); the second one does not
    /// run then.
    pub fn start_with(&mut self, fault: Option<&str>) {
        let processes = if self.database.is_some() { SEVERAL } else { ONE };
        for (name, roles) in processes {
            if self.servers.contains_key(name) || (fault.is_some() && *name == "worker-2") {
                continue;
            }
            let log = File::options().create(true).append(true).open(self.log_file(name)).unwrap();
            let mut command = self.command(&["serve", "--roles", roles]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            if let Some(fault) = fault.filter(|_| roles.contains("worker")) {
                command.env("STOA_FAULT", fault);
            }
            self.servers.insert(name, Server { child: command.spawn().unwrap(), successor: None });
        }
        let began = Instant::now();
        loop {
            let answer = Request::get("localhost", "/healthz").tcp(self.address, Duration::from_secs(5));
            if answer.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            // It may die before it responds, if a job was queued.
            if fault.is_some() && self.worker().try_wait().unwrap().is_some() {
                return;
            }
            assert!(began.elapsed() < JOB_TIMEOUT, "{}: the server does not answer:\n{}", self.name, self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn worker(&mut self) -> &mut Child {
        let name = if self.database.is_some() { "worker" } else { "all" };
        &mut self.servers.get_mut(name).expect("a worker").child
    }

    fn log_file(&self, process: &str) -> PathBuf {
        self.home.path().join(format!("log-{process}"))
    }

    /// The log of all runs of the server.
    pub fn log(&self) -> String {
        let names = ONE.iter().chain(SEVERAL).map(|(name, _)| *name);
        names.filter_map(|name| fs::read_to_string(self.log_file(name)).ok()).collect()
    }

    /// SIGKILL, of all processes.
    pub fn kill(&mut self) {
        assert!(!self.servers.is_empty(), "a server to kill");
        for server in self.servers.values_mut() {
            server.child.kill().unwrap();
        }
        for (_, mut server) in std::mem::take(&mut self.servers) {
            server.child.wait().unwrap();
        }
    }

    /// Waits until the worker has died at its fault.
    pub fn dies(&mut self) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.worker().try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > JOB_TIMEOUT {
                panic!("{}: the server did not come to the place where it should die:\n{}", self.name, self.log());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        self.servers.retain(|name, _| !["all", "worker"].contains(name));
        assert_eq!(status.signal(), Some(6), "{}: {status}:\n{}", self.name, self.log());
    }

    /// SIGTERM; each process exits with code 0.
    pub fn stop(&mut self) {
        assert!(!self.servers.is_empty(), "a server to stop");
        for server in self.servers.values() {
            signal(server.pid(), "-TERM");
        }
        let began = Instant::now();
        for (name, mut server) in std::mem::take(&mut self.servers) {
            if let Some(pid) = server.successor {
                while Path::new(&format!("/proc/{pid}")).exists() {
                    assert!(began.elapsed() < JOB_TIMEOUT, "{}: it does not stop:\n{}", self.name, self.log());
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            let status = loop {
                if let Some(status) = server.child.try_wait().unwrap() {
                    break status;
                }
                if began.elapsed() > JOB_TIMEOUT {
                    let _ = server.child.kill();
                    panic!("{}: {name} does not stop:\n{}", self.name, self.log());
                }
                std::thread::sleep(Duration::from_millis(5));
            };
            assert!(status.success(), "{}: {name}: {status}:\n{}", self.name, self.log());
        }
    }

    /// Has the program replace itself in all processes (SIGHUP), and waits until the new ones serve.
    pub fn replace(&mut self) {
        for name in self.servers.keys().copied().collect::<Vec<_>>() {
            let log = || fs::read_to_string(self.log_file(name)).unwrap();
            let handed_over = |log: &str| log.matches("handed over").count();
            let before = handed_over(&log());
            signal(self.servers[name].pid(), "-HUP");
            let began = Instant::now();
            while handed_over(&log()) == before {
                assert!(began.elapsed() < JOB_TIMEOUT, "{}: it does not hand over:\n{}", self.name, log());
                std::thread::sleep(Duration::from_millis(20));
            }
            let log = log();
            let successor =
                log.rsplit_once("successor=").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
            let successor = Some(successor.unwrap_or_else(|| panic!("no process id in the log:\n{log}")));
            self.servers.get_mut(name).expect("it runs").successor = successor;
        }
    }

    /// Calls the API as the operator; an error if the server died meanwhile.
    pub fn try_api(&self, method: &str, path: &str, body: Option<Value>) -> std::io::Result<Answer> {
        let body = body.map(|value| value.to_string().into_bytes()).unwrap_or_default();
        let headers =
            vec![("Authorization", format!("Bearer {}", self.token)), ("Content-Type", "application/json".to_owned())];
        Request { method, host: "localhost", path, headers, body }.tcp(self.address, Duration::from_secs(60))
    }

    pub fn api(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.try_api(method, path, body).unwrap_or_else(|e| panic!("{}: {path}: {e}", self.name));
        assert!(answer.status < 300, "{}: {method} {path}: {} {}", self.name, answer.status, answer.text());
        answer.json()
    }

    /// Orders a site; the response may get lost with the server.
    pub fn order(&self, blueprint: &str, subdomain: &str) -> std::io::Result<Answer> {
        let order = json!({ "blueprint": blueprint, "subdomain": subdomain, "title": format!("Title of {subdomain}") });
        self.try_api("POST", "/api/v1/sites", Some(order))
    }

    /// Like [`order`](Self::order), but retries a refusal: a new process gives the engine three seconds to respond,
    /// and on a busy machine it can need more. A refused order has no effect.
    pub fn order_taken(&self, blueprint: &str, subdomain: &str) -> std::io::Result<Answer> {
        let began = Instant::now();
        loop {
            let answer = self.order(blueprint, subdomain)?;
            let refused = answer.status == 503 && answer.text().contains("does not answer");
            if !refused || began.elapsed() > JOB_TIMEOUT {
                return Ok(answer);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The site with this subdomain.
    pub fn site(&self, subdomain: &str) -> Value {
        let sites = self.api("GET", "/api/v1/sites?limit=100", None);
        let items = sites["items"].as_array().unwrap();
        let hostname = format!("{subdomain}.localhost");
        items
            .iter()
            .find(|site| site["hostname"] == hostname.as_str())
            .cloned()
            .unwrap_or_else(|| panic!("no {hostname} in {sites}"))
    }

    pub fn id(&self, subdomain: &str) -> String {
        self.site(subdomain)["id"].as_str().unwrap().to_owned()
    }

    /// The newest job of a site.
    pub fn job(&self, site: &str) -> Value {
        let jobs = self.api("GET", &format!("/api/v1/sites/{site}/jobs"), None);
        jobs.as_array().or_else(|| jobs["items"].as_array()).and_then(|jobs| jobs.first()).cloned().expect("a job")
    }

    /// Waits until the site's newest job has ended without help, and returns its state.
    pub fn rest(&self, site: &str) -> String {
        let began = Instant::now();
        loop {
            let job = self.job(site);
            let state = job["state"].as_str().unwrap();
            match state {
                "succeeded" | "failed" | "cancelled" => return state.to_owned(),
                "stuck" => panic!("{}: a job is stuck: {job:#}\n{}", self.name, self.log()),
                _ => {}
            }
            assert!(
                began.elapsed() < JOB_TIMEOUT,
                "{}: a job did not come to rest: {job:#}\n{}",
                self.name,
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Orders a site and waits until it is active.
    pub fn make(&self, blueprint: &str, subdomain: &str) -> String {
        let answer = self.order_taken(blueprint, subdomain).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
        let site = answer.json()["site"].as_str().unwrap().to_owned();
        let state = self.rest(&site);
        assert_eq!(state, "succeeded", "{}: {:#}", self.name, self.job(&site));
        site
    }

    /// Waits until a site responds, whatever starts it.
    pub fn runs(&self, subdomain: &str) {
        let began = Instant::now();
        while self.front(&format!("{subdomain}.localhost")).status != 200 {
            assert!(began.elapsed() < JOB_TIMEOUT, "{}: {subdomain} does not run:\n{}", self.name, self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A site's front page through the edge.
    pub fn front(&self, hostname: &str) -> Answer {
        Request::get(&format!("{hostname}:{}", self.address.port()), "/")
            .tcp(self.address, Duration::from_secs(60))
            .unwrap()
    }

    /// Reads the database, beside the server.
    pub fn database<T>(&self, read: impl AsyncFnOnce(&stoa_db::Db) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sqlite = || format!("sqlite://{}", self.data.join("stoa.db").display());
            let url = self.database.as_ref().map_or_else(sqlite, |database| database.url.clone());
            let db = stoa_db::Db::connect(&url).await.unwrap();
            let value = read(&db).await;
            db.close().await;
            value
        })
    }
}

fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

impl Drop for World {
    fn drop(&mut self) {
        for server in self.servers.values_mut() {
            if let Some(pid) = server.successor {
                let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            }
            let _ = server.child.kill();
            let _ = server.child.wait();
        }
        if std::thread::panicking() {
            let kept = std::env::temp_dir().join(format!("stoa-faults-{}.log", self.name));
            let _ = fs::write(&kept, self.log());
            eprintln!("{}: the server's log is kept in {}", self.name, kept.display());
        }
        if !self.installation.is_empty() {
            self.engine.clean(&self.label());
        }
        if let Some(database) = &mut self.database {
            database.run("DROP DATABASE {}");
        }
    }
}
