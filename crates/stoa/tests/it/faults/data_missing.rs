//! A store's volumes vanish, one after the other: it is stopped and named, nothing takes their place, and it serves again
//! without help once the data is back.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::world::World;

const TIMEOUT: Duration = Duration::from_secs(150);

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A volume as it was: its labels, and a copy of its files.
struct Lost {
    name: String,
    labels: Vec<String>,
    files: PathBuf,
}

impl Lost {
    /// Removes the volume, with the containers that hold it. The server may start them again in between.
    fn take(volume: &Value, world: &World, site: &str, folder: &Path) -> Self {
        let name = volume["Name"].as_str().unwrap().to_owned();
        let labels = volume["Labels"].as_object().unwrap();
        let labels = labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap())).collect();
        let files = folder.join(&name);
        copy(Path::new(volume["Mountpoint"].as_str().unwrap()), &files);
        let began = Instant::now();
        loop {
            for container in world.engine.labelled(&format!("stoa.site={site}")).containers {
                let _ = Command::new("docker").args(["rm", "-f", container["Id"].as_str().unwrap()]).output();
            }
            if Command::new("docker").args(["volume", "rm", &name]).output().unwrap().status.success() {
                return Self { name, labels, files };
            }
            assert!(began.elapsed() < TIMEOUT, "{name} is used again and again");
        }
    }

    fn put_back(&self) {
        let labels = self.labels.iter().flat_map(|label| ["--label", label.as_str()]);
        docker(&["volume", "create"].into_iter().chain(labels).chain([self.name.as_str()]).collect::<Vec<_>>());
        let inspected: Value = serde_json::from_str(&docker(&["volume", "inspect", &self.name])).unwrap();
        let place = Path::new(inspected[0]["Mountpoint"].as_str().unwrap());
        std::fs::remove_dir(place).unwrap();
        copy(&self.files, place);
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

#[test]
fn nothing_takes_the_place_of_lost_data() {
    let Some(mut world) = World::new("data-missing", "10.216.240.0/20", "") else { return };
    world.start();
    let site = world.make("woocommerce", "bakery");
    let folder = tempfile::tempdir().unwrap();
    let volumes = world.engine.labelled(&format!("stoa.site={site}")).volumes;
    assert_eq!(volumes.len(), 2);
    for volume in &volumes {
        let lost = Lost::take(volume, &world, &site, folder.path());
        let part = lost.name.rsplit('_').next().unwrap().to_owned();
        // What Docker does when it starts with an empty data root.
        docker(&["volume", "create", &lost.name]);

        let mut looks = 0;
        let began = Instant::now();
        while looks < 3 {
            world.cli(&["sync"]);
            looks += 1;
            let running: Vec<_> = world.engine.labelled(&format!("stoa.site={site}")).containers;
            assert!(running.iter().all(|container| container["State"] != "running"), "{part}: {running:?}");
            let front = world.front("bakery.localhost");
            assert!(front.status >= 500 && !front.text().contains("Store template"), "{part}: {}", front.text());
        }
        let doctor = String::from_utf8(world.try_cli(&["--json", "doctor"]).stdout).unwrap();
        assert!(doctor.contains(&format!("bakery.localhost ({part})")), "{doctor}");
        let restarted = world.try_cli(&["sites", "restart", "bakery"]);
        assert!(!restarted.status.success(), "{restarted:?}");
        assert_eq!(world.rest(&site), "failed", "{part}");
        let job = world.job(&site);
        assert!(job["error"].as_str().unwrap().contains(&format!("missing: the volume {part}")), "{job}");

        docker(&["volume", "rm", &lost.name]);
        lost.put_back();
        while world.front("bakery.localhost").status != 200 {
            assert!(began.elapsed() < TIMEOUT, "{part}: the store does not serve again: {}", world.log());
            std::thread::sleep(Duration::from_millis(200));
        }
        let text = world.front("bakery.localhost").text();
        assert!(text.contains("Title of bakery"), "{part}: its own page: {text}");
    }
}
