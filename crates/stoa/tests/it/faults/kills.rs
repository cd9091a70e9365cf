//! SIGKILL between any two steps and in the middle of them. Without help, every job must end done or with the
//! world as before, and another customer's site with data in it must not be affected.
//!
//! Between two steps the process kills itself at a place that the environment names (`stoa_core::faults`):
//! right before or right after a write to the job's log. In the middle of steps the test kills it, at times that
//! a seed decides (`STOA_FAULT_SEED` sets another seed).

use std::{
    io::Write,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    engine::{exec, label},
    ledger,
    world::World,
};

/// Kills of one test, for its table.
#[derive(Default)]
struct Table(Vec<(String, String, Duration)>);

impl Table {
    fn add(&mut self, place: impl Into<String>, outcome: &str, rest: Duration) {
        self.0.push((place.into(), outcome.to_owned(), rest));
    }

    /// Printed past the test runner's capture: the table is of interest for passing tests too.
    fn print(&self, title: &str) {
        let width = self.0.iter().map(|(place, ..)| place.chars().count()).max().unwrap_or(0);
        let mut text = format!("\n{title}: {} kills\n", self.0.len());
        for (place, outcome, rest) in &self.0 {
            text.push_str(&format!("  {place:width$}  {outcome:<10} {:5.1} s\n", rest.as_secs_f64()));
        }
        std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
}

/// A site with data, and its container as first seen.
struct Keeper {
    container: Value,
}

impl Keeper {
    const DATA: &str = "what a customer would miss";

    fn make(world: &World, subdomain: &str) -> Self {
        let site = world.make("ebuilder", subdomain);
        let things = world.engine.labelled(&format!("stoa.site={site}"));
        let web = things.containers.iter().find(|c| label(c, "com.docker.compose.service") == "web").expect("web");
        let container = world.engine.inspect(web["Id"].as_str().unwrap());
        let keeper = Self { container };
        let write = format!("open('/app/db/data','w').write({:?})", Self::DATA);
        let (code, text) = exec(keeper.id(), &["python3", "-c", &write]);
        assert_eq!(code, 0, "{text}");
        keeper
    }

    fn id(&self) -> &str {
        self.container["Id"].as_str().unwrap()
    }

    /// Asserts that the data exists and returns the container's description.
    fn has_its_data(&self, world: &World) -> Value {
        let (code, text) = exec(self.id(), &["python3", "-c", "print(open('/app/db/data').read(),end='')"]);
        assert_eq!((code, text.as_str()), (0, Self::DATA), "{}: a customer's data is gone", world.name);
        world.engine.inspect(self.id())
    }

    /// Asserts that the data exists in the same container, which never stopped.
    fn is_untouched(&self, world: &World) {
        let now = self.has_its_data(world);
        for field in ["Id", "Created", "RestartCount"] {
            assert_eq!(now[field], self.container[field], "{}: {field} of a foreign site changed", world.name);
        }
        assert_eq!(now["State"]["StartedAt"], self.container["State"]["StartedAt"], "a foreign site was restarted");
    }
}

/// The writes to a job's log, by the names of its steps: the kills before and after each.
fn boundaries(job: &Value) -> Vec<(String, String)> {
    let steps: Vec<&str> = job["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    let mut places = Vec::new();
    for write in 1..=steps.len() + 1 {
        let done = if write == 1 { "taken up".to_owned() } else { format!("{} done", steps[write - 2]) };
        let next = steps.get(write - 1).map_or("the end noted".to_owned(), |step| format!("{step} announced"));
        places.push((format!("before:{write}"), format!("{done}, not noted")));
        places.push((format!("after:{write}"), format!("{next}, nothing more")));
    }
    places
}

#[test]
fn killed_at_every_boundary_of_making_a_site() {
    let Some(mut world) = World::new("kills-create", "10.216.0.0/20", "") else { return };
    world.start();
    let keeper = Keeper::make(&world, "keeper");
    let places = boundaries(&world.job(&world.id("keeper")));
    assert_eq!(places.len(), 24, "the saga has other steps than this test was written for");
    let mut table = Table::default();
    for (number, (fault, place)) in places.iter().enumerate() {
        world.kill();
        world.start_with(Some(fault));
        let subdomain = format!("kill-{number}");
        let _ = world.order_taken("ebuilder", &subdomain);
        world.dies();
        world.start();
        let began = Instant::now();
        let state = world.rest(&world.id(&subdomain));
        table.add(place, &state, began.elapsed());
        assert_eq!(state, "succeeded", "{place}: {:#}", world.job(&world.id(&subdomain)));
        keeper.is_untouched(&world);
        ledger::balance(&world);
    }
    table.print("Making a site, killed at every boundary");
}

#[test]
fn killed_at_every_boundary_of_start_stop_and_restart() {
    let Some(mut world) = World::new("kills-power", "10.216.16.0/20", "") else { return };
    world.start();
    let keeper = Keeper::make(&world, "keeper");
    let mover = Keeper::make(&world, "mover");
    let site = world.id("mover");
    let mut table = Table::default();
    let mut turn = |world: &mut World, action: &str, fault: Option<&(String, String)>| {
        world.kill();
        world.start_with(fault.map(|(fault, _)| fault.as_str()));
        let _ = world.try_api("POST", &format!("/api/v1/sites/{site}/{action}"), None);
        if let Some((_, place)) = fault {
            world.dies();
            world.start();
            let began = Instant::now();
            let state = world.rest(&site);
            table.add(format!("{action}: {place}"), &state, began.elapsed());
        }
        assert_eq!(world.rest(&site), "succeeded", "{action}, {fault:?}: {:#}", world.job(&site));
        let job = world.job(&site);
        assert_eq!(job["kind"], action, "{job:#}");
        keeper.is_untouched(world);
        ledger::balance(world);
        boundaries(&job)
    };
    // Once without a kill, to learn the steps.
    let mut stops = turn(&mut world, "stop", None).into_iter();
    let mut starts = turn(&mut world, "start", None).into_iter();
    let restarts = turn(&mut world, "restart", None);
    while stops.len() + starts.len() > 0 {
        turn(&mut world, "stop", stops.next().as_ref());
        turn(&mut world, "start", starts.next().as_ref());
        mover.has_its_data(&world);
    }
    for place in &restarts {
        turn(&mut world, "restart", Some(place));
        mover.has_its_data(&world);
    }
    table.print("Start, stop and restart, killed at every boundary");
}

#[test]
fn killed_again_and_again_while_undoing() {
    let Some(mut world) = World::new("kills-undo", "10.216.32.0/20", "") else { return };
    world.start();
    let keeper = Keeper::make(&world, "keeper");
    world.kill();
    // All steps but the last one, which is the point of no return, have acted.
    world.start_with(Some("before:11"));
    let _ = world.order_taken("ebuilder", "undone");
    world.dies();
    let jobs: Value = serde_json::from_slice(&world.cli(&["--json", "jobs", "list", "--limit", "1"])).unwrap();
    world.cli(&["jobs", "cancel", jobs[0]["id"].as_str().unwrap()]);
    let mut table = Table::default();
    // Each run gets one write further. The first write announces the unwinding, the last one its end.
    for write in 1..=11 {
        for fault in ["before:1", "after:1"] {
            let began = Instant::now();
            world.start_with(Some(fault));
            world.dies();
            keeper.is_untouched(&world);
            table.add(format!("undoing, write {write}, {}", fault.split(':').next().unwrap()), "-", began.elapsed());
        }
    }
    world.start();
    let began = Instant::now();
    let site = world.id("undone");
    let state = world.rest(&site);
    table.add("the end noted, job still open", &state, began.elapsed());
    assert_eq!(state, "cancelled", "{:#}", world.job(&site));
    let steps = world.job(&site)["steps"].clone();
    assert_eq!(steps.as_array().unwrap().iter().filter(|step| step["state"] == "undone").count(), 10, "{steps:#}");
    keeper.is_untouched(&world);
    ledger::balance(&world);
    table.print("A cancelled order, killed at every boundary of its undoing");
}

/// Pseudorandom numbers that are the same in every run (SplitMix64).
struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

#[test]
fn killed_at_random_moments() {
    let Some(mut world) = World::new("kills-random", "10.216.48.0/20", "") else { return };
    let seed = std::env::var("STOA_FAULT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_260_101);
    let mut seed = Seed(seed);
    world.start();
    let keeper = Keeper::make(&world, "keeper");
    let mut table = Table::default();
    // How long the jobs take undisturbed: the kills must fall within.
    let began = Instant::now();
    world.make("woocommerce", "corner-shop");
    let store = began.elapsed().as_millis() as u64;
    for number in 0..16 {
        let (action, within) = match number % 4 {
            0 | 1 => ("ebuilder", 1_200),
            2 => ("woocommerce", store),
            _ => ("restart", 1_500),
        };
        let subdomain = if action == "restart" { "corner-shop".to_owned() } else { format!("random-{number}") };
        match action {
            "restart" => drop(world.api("POST", &format!("/api/v1/sites/{}/restart", world.id("corner-shop")), None)),
            blueprint => assert_eq!(world.order_taken(blueprint, &subdomain).unwrap().status, 201),
        }
        let mut moment = seed.below(within);
        std::thread::sleep(Duration::from_millis(moment));
        world.kill();
        world.start();
        let mut began = Instant::now();
        let site = world.id(&subdomain);
        let mut place = format!("{action} after {moment} ms, {}", at(&world.job(&site)));
        // Every other one is killed a second time, while it recovers.
        if number % 2 == 1 {
            moment = 1_500 + seed.below(700);
            std::thread::sleep(Duration::from_millis(moment));
            world.kill();
            world.start();
            began = Instant::now();
            place.push_str(&format!("; again {}", at(&world.job(&site))));
        }
        let state = world.rest(&site);
        table.add(place, &state, began.elapsed());
        assert!(["succeeded", "failed"].contains(&state.as_str()), "{state}");
        keeper.is_untouched(&world);
        ledger::balance(&world);
    }
    let project = world.engine.labelled(&format!("stoa.site={}", world.id("corner-shop")));
    assert!(project.containers.iter().any(|c| label(c, "com.docker.compose.service") == "db"));
    table.print("Killed at random moments");
}

/// The current step of a job.
fn at(job: &Value) -> String {
    let steps = job["steps"].as_array().unwrap();
    let at = steps.iter().find(|step| !["done", "undone"].contains(&step["state"].as_str().unwrap()));
    let of = |step: &Value| format!("at {} ({})", step["name"].as_str().unwrap(), step["state"].as_str().unwrap());
    at.map_or("at its end".to_owned(), of)
}
