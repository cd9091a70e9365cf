//! Docker is stopped for half a minute in the middle of an order, with all its containers.
//!
//! This test runs its own `dockerd` with its own data, sockets and containerd, so that it doesn't disturb the
//! machine's Docker. It writes no firewall rules (`--iptables=false`), which the whole machine shares: the host
//! can reach a container, but the test says nothing about isolation.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{engine::Engine, ledger, world::World};

/// Its default bridge. Without one (even with `--bridge=none`), a second Docker removes the machine's `docker0`.
const POOL: &str = "10.216.80.0/20";
const BRIDGE: &str = "stoa-faults0";

fn make_bridge() {
    let ip = |line: &str| drop(Command::new("ip").args(line.split(' ')).stderr(Stdio::null()).status());
    ip(&format!("link add {BRIDGE} type bridge"));
    ip(&format!("addr add 10.219.255.1/28 dev {BRIDGE}"));
    ip(&format!("link set {BRIDGE} up"));
}

/// A Docker that only this test uses.
struct PrivateDocker {
    home: TempDir,
    daemon: Option<Child>,
}

impl PrivateDocker {
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("stoa-faults-docker-").tempdir_in("/var/tmp").unwrap();
        let mut docker = Self { home, daemon: None };
        assert!(within_networks("-A").expect("iptables").success());
        docker.start();
        let socket = docker.socket();
        let load = format!("docker save stoa/ebuilder:1 | docker -H unix://{} load -q", socket.display());
        let loaded = Command::new("sh").args(["-c", &load]).output().unwrap();
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
        docker
    }

    fn socket(&self) -> std::path::PathBuf {
        self.home.path().join("docker.sock")
    }

    fn start(&mut self) {
        let at = |name: &str| self.home.path().join(name).to_string_lossy().into_owned();
        let log = fs::File::options().create(true).append(true).open(at("log")).unwrap();
        make_bridge();
        let daemon = Command::new("dockerd")
            .args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")])
            .args(["-H", &format!("unix://{}", at("docker.sock")), &format!("--bridge={BRIDGE}"), "--iptables=false"])
            .args(["--ip6tables=false", "--ip-masq=false", "--ip-forward=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("dockerd");
        self.daemon = Some(daemon);
        let began = Instant::now();
        while !answers(&self.socket()) {
            let log = || fs::read_to_string(at("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(240), "a Docker of our own does not start:\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Like `systemctl stop docker`; its containers stop too.
    fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        let _ = Command::new("kill").arg("-TERM").arg(daemon.id().to_string()).status();
        let began = Instant::now();
        while daemon.try_wait().unwrap().is_none() {
            if began.elapsed() > Duration::from_secs(40) {
                let _ = daemon.kill();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn answers(socket: &Path) -> bool {
    super::http::Request::get("docker", "/_ping").unix(socket, Duration::from_secs(5)).is_ok_and(|a| a.status == 200)
}

impl Drop for PrivateDocker {
    fn drop(&mut self) {
        self.stop();
        // Its mounts would prevent its folder from being removed.
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let home = self.home.path().to_string_lossy().into_owned();
        let mut ours: Vec<_> =
            mounts.lines().filter_map(|l| l.split(' ').nth(1)).filter(|p| p.starts_with(&home)).collect();
        ours.sort_by_key(|path| std::cmp::Reverse(path.len()));
        for path in ours {
            let _ = Command::new("umount").args(["-l", path]).output();
        }
        let _ = Command::new("ip").args(["link", "del", BRIDGE]).output();
        let _ = within_networks("-D");
    }
}

/// It keeps its hands off iptables, where the machine's own Docker refuses what it does not know, even packets within a network.
fn within_networks(verb: &str) -> std::io::Result<std::process::ExitStatus> {
    Command::new("iptables").args(["-w", verb, "FORWARD", "-s", POOL, "-d", POOL, "-j", "ACCEPT"]).status()
}

#[test]
fn docker_stopped_for_half_a_minute() {
    if std::env::var("STOA_SKIP_DOCKER").is_ok_and(|value| value == "1") {
        eprintln!("SKIPPED (STOA_SKIP_DOCKER=1): docker-away");
        return;
    }
    let mut docker = PrivateDocker::new();
    let socket = format!("docker_socket = {:?}\n", docker.socket());
    let Some(mut world) = World::new("docker-away", POOL, &socket) else { return };
    world.engine = Engine(docker.socket());
    world.start();
    world.make("ebuilder", "old");
    // In the middle of the containers' step, and while waiting for their response.
    for subdomain in ["during", "verified"] {
        assert_eq!(world.order_taken("ebuilder", subdomain).unwrap().status, 201);
        let wanted = if subdomain == "during" { "containers" } else { "verify" };
        let site = world.id(subdomain);
        while running_step(&world.job(&site)).is_some_and(|step| step != wanted) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let stopped = Instant::now();
        docker.stop();
        let refused = world.order("ebuilder", "refused").unwrap();
        assert_eq!(refused.status, 503, "{}", refused.text());
        let words = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(words.contains("nothing was ordered"), "{words}");
        while stopped.elapsed() < Duration::from_secs(30) {
            let state = world.job(&site)["state"].clone();
            assert!(state == "running" || state == "succeeded", "the job did not wait: {:#}", world.job(&site));
            std::thread::sleep(Duration::from_millis(500));
        }
        docker.start();
        assert_eq!(world.rest(&site), "succeeded", "{:#}", world.job(&site));
        // Docker restarts what it ran, and Stoa whatever Docker does not. Booting takes a while.
        for there in ["old", "during"] {
            world.runs(there);
        }
        ledger::balance(&world);
    }
}

/// The running step, if there is one.
fn running_step(job: &Value) -> Option<String> {
    if ["succeeded", "failed", "cancelled"].contains(&job["state"].as_str().unwrap()) {
        return None;
    }
    let running = job["steps"].as_array().unwrap().iter().find(|step| step["state"] == "running");
    Some(running.map_or("-".to_owned(), |step| step["name"].as_str().unwrap().to_owned()))
}
