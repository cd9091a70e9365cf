//! Docker, queried directly: what belongs to an installation by its label, or seems to by its name.

use std::{path::PathBuf, process::Command, time::Duration};

use serde_json::{Value, json};

use super::http::{Answer, Request, percent};

pub const SOCKET: &str = "/var/run/docker.sock";

/// A Docker at a socket.
#[derive(Debug, Clone)]
pub struct Engine(pub PathBuf);

/// Everything that carries an installation's label.
#[derive(Debug, Default)]
pub struct Things {
    pub containers: Vec<Value>,
    pub networks: Vec<Value>,
    pub volumes: Vec<Value>,
}

impl Engine {
    pub fn real() -> Self {
        Self(SOCKET.into())
    }

    pub fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|value| value.to_string().into_bytes()).unwrap_or_default();
        let headers = vec![("Content-Type", "application/json".to_owned())];
        let request = Request { method, host: "docker", path, headers, body };
        request
            .unix(&self.0, Duration::from_secs(90))
            .unwrap_or_else(|error| panic!("Docker: {method} {path}: {error}"))
    }

    pub fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, None);
        assert!(answer.status < 300, "{path}: {}", answer.text());
        answer.json()
    }

    /// All that carries this label.
    pub fn labelled(&self, label: &str) -> Things {
        let filters = percent(&json!({ "label": [label] }).to_string());
        let list = |value: Value| value.as_array().cloned().unwrap_or_default();
        Things {
            containers: list(self.get(&format!("/containers/json?all=1&filters={filters}"))),
            networks: list(self.get(&format!("/networks?filters={filters}"))),
            volumes: list(self.get(&format!("/volumes?filters={filters}"))["Volumes"].take()),
        }
    }

    /// Names of everything on this Docker, of any owner.
    pub fn names(&self) -> Vec<String> {
        let containers = self.get("/containers/json?all=1");
        let volumes = self.get("/volumes")["Volumes"].take();
        let networks = self.get("/networks");
        let first = |c: &Value| c["Names"][0].as_str().unwrap_or_default().trim_start_matches('/').to_owned();
        let name = |c: &Value| c["Name"].as_str().unwrap_or_default().to_owned();
        let of = |list: &Value, f: &dyn Fn(&Value) -> String| {
            list.as_array().into_iter().flatten().map(f).collect::<Vec<_>>()
        };
        [of(&containers, &first), of(&volumes, &name), of(&networks, &name)].concat()
    }

    /// Removes all that carries this label.
    pub fn clean(&self, label: &str) {
        for _ in 0..3 {
            let there = self.labelled(label);
            if there.is_empty() {
                return;
            }
            for container in &there.containers {
                self.call("DELETE", &format!("/containers/{}?force=1&v=1", container["Id"].as_str().unwrap()), None);
            }
            for network in &there.networks {
                self.call("DELETE", &format!("/networks/{}", network["Id"].as_str().unwrap()), None);
            }
            for volume in &there.volumes {
                self.call("DELETE", &format!("/volumes/{}?force=1", volume["Name"].as_str().unwrap()), None);
            }
        }
    }

    pub fn inspect(&self, container: &str) -> Value {
        self.get(&format!("/containers/{container}/json"))
    }
}

impl Things {
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }
}

pub fn label<'a>(thing: &'a Value, name: &str) -> &'a str {
    thing["Labels"][name].as_str().unwrap_or_default()
}

/// Runs a program in a container and returns its exit code and output.
pub fn exec(container: &str, argv: &[&str]) -> (i32, String) {
    let done = Command::new("docker").arg("exec").arg(container).args(argv).output().expect("the docker client");
    let text = [done.stdout, done.stderr].concat();
    (done.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}
