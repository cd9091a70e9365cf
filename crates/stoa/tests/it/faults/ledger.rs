//! The ledger compares the database with Docker, the disk and the edge: everything that an active site needs must
//! exist, and nothing else of this installation.

use std::{collections::BTreeSet, fs, net::Ipv4Addr, path::PathBuf};

use serde_json::Value;
use stoa_db::{backups, jobs, leases, secrets, sites};
use stoa_model::site::{Site, SiteState};

use super::{
    engine::{Things, label},
    world::World,
};

/// A site's rows.
struct Rows {
    site: Site,
    lease: Option<i64>,
    secrets: usize,
    logins: usize,
    backups: bool,
    job: bool,
}

/// Panics with all differences.
pub fn balance(world: &World) {
    let rows = rows(world);
    let mut wrong = Vec::new();
    let things = world.engine.labelled(&world.label());
    for row in &rows {
        let found = check(world, row, &things);
        wrong.extend(found.into_iter().map(|what| format!("{} ({}): {what}", row.site.hostname, row.site.state())));
    }
    wrong.extend(strays(world, &rows, &things));
    wrong.extend(directories(world, &rows));
    wrong.extend(mail(world, &rows));
    assert!(
        wrong.is_empty(),
        "{}: the ledger does not balance:\n  {}\n{}",
        world.name,
        wrong.join("\n  "),
        world.log()
    );
}

fn rows(world: &World) -> Vec<Rows> {
    world.database(async |db| {
        let leased = leases::leases(db).await.unwrap();
        let mut rows = Vec::new();
        for site in sites::sites_all_live(db).await.unwrap() {
            rows.push(Rows {
                lease: leased.iter().find(|(id, _)| *id == site.id).map(|(_, subnet)| *subnet),
                secrets: secrets::secrets_get(db, site.id).await.unwrap().len(),
                logins: secrets::credentials_get(db, site.id).await.unwrap().len(),
                backups: backups::backup_schedule_get(db, site.id).await.unwrap().is_some(),
                job: jobs::job_active(db, site.id).await.unwrap().is_some(),
                site,
            });
        }
        assert!(leased.iter().all(|(id, _)| rows.iter().any(|row| row.site.id == *id)), "a lease without a site");
        rows
    })
}

/// Services and volumes of a blueprint, and how many secrets and logins its sites have.
fn parts(blueprint: &str) -> (&'static [&'static str], &'static [&'static str], usize, usize) {
    match blueprint {
        "ebuilder" => (&["proxy", "web"], &["data", "logs", "media"], 4, 1),
        "woocommerce" => (&["db", "web"], &["content", "data"], 5, 1),
        "echo" => (&["web"], &[], 0, 0),
        other => panic!("the ledger does not know {other}"),
    }
}

fn check(world: &World, row: &Rows, things: &Things) -> Vec<String> {
    let (services, volumes, secrets, logins) = parts(&row.site.blueprint);
    let there = matches!(row.site.state(), SiteState::Active | SiteState::Stopped);
    let active = row.site.state() == SiteState::Active;
    let project = row.site.project.as_str();
    let of = |list: &[Value]| -> Vec<Value> {
        list.iter().filter(|t| label(t, "com.docker.compose.project") == project).cloned().collect()
    };
    let expected = |names: &[&str]| if there { names.iter().map(|n| (*n).to_owned()).collect() } else { Vec::new() };
    let mut wrong = Vec::new();
    let mut demand = |ok: bool, what: String| {
        if !ok {
            wrong.push(what)
        }
    };

    demand(!row.job, "it has an unfinished job".into());
    let containers = of(&things.containers);
    let mut found: Vec<_> = containers.iter().map(|c| label(c, "com.docker.compose.service").to_owned()).collect();
    found.sort();
    demand(found == expected(services), format!("containers {found:?}"));
    for container in &containers {
        let running = container["State"] == "running";
        demand(running == active, format!("a container is {}", container["State"]));
    }
    let mut found: Vec<_> = of(&things.volumes).iter().map(|v| v["Name"].as_str().unwrap().to_owned()).collect();
    found.sort();
    let wanted: Vec<_> = expected(volumes).iter().map(|name: &String| format!("{project}_{name}")).collect();
    demand(found == wanted, format!("volumes {found:?}"));
    let networks = of(&things.networks);
    let found: Vec<_> =
        networks.iter().map(|n| n["IPAM"]["Config"][0]["Subnet"].as_str().unwrap_or("?").to_owned()).collect();
    let wanted: Vec<_> =
        row.lease.iter().map(|address| format!("{}/28", Ipv4Addr::from(u32::try_from(*address).unwrap()))).collect();
    demand(found == wanted, format!("networks {found:?}, leased {wanted:?}"));
    demand(row.lease.is_some() == there && row.site.lease == row.lease, format!("its lease is {:?}", row.lease));
    demand(row.secrets == if there { secrets } else { 0 }, format!("{} secrets", row.secrets));
    demand(row.logins == if there { logins } else { 0 }, format!("{} logins", row.logins));
    demand(row.backups == there, format!("its backup schedule: {}", row.backups));
    let status = world.front(row.site.hostname.as_str()).status;
    let wanted = match row.site.state() {
        SiteState::Active => 200,
        SiteState::Stopped => 503,
        _ => 404,
    };
    demand(status == wanted, format!("the edge answers {status}"));
    wrong
}

/// What belongs to no site, by label and by name, in case a label is missing.
fn strays(world: &World, rows: &[Rows], things: &Things) -> Vec<String> {
    let known = |project: &str| rows.iter().any(|row| row.site.project.as_str() == project);
    let all = things.containers.iter().chain(&things.networks).chain(&things.volumes);
    let stray = all.filter(|thing| !known(label(thing, "com.docker.compose.project")));
    let mut wrong: Vec<_> = stray.map(|thing| format!("stray: {thing}")).collect();
    let name = |thing: &Value| {
        thing["Names"][0].as_str().or(thing["Name"].as_str()).unwrap_or_default().trim_start_matches('/').to_owned()
    };
    let labelled: BTreeSet<String> =
        things.containers.iter().chain(&things.networks).chain(&things.volumes).map(name).collect();
    let ours = |name: &String| rows.iter().any(|row| name.starts_with(row.site.project.as_str()));
    wrong.extend(
        world
            .engine
            .names()
            .into_iter()
            .filter(|n| ours(n) && !labelled.contains(n))
            .map(|n| format!("unlabelled: {n}")),
    );
    wrong
}

/// Site directories: complete for each existing site, and no others.
fn directories(world: &World, rows: &[Rows]) -> Vec<String> {
    let list = |path: PathBuf| -> Vec<PathBuf> {
        fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    };
    let found: BTreeSet<PathBuf> = list(world.data.join("sites"))
        .into_iter()
        .flat_map(|customer| {
            let sites = list(customer.clone());
            if sites.is_empty() { vec![customer] } else { sites }
        })
        .collect();
    let there = rows.iter().filter(|row| matches!(row.site.state(), SiteState::Active | SiteState::Stopped));
    let wanted: BTreeSet<PathBuf> = there
        .map(|row| {
            world.data.join("sites").join(row.site.customer.uuid().to_string()).join(row.site.id.uuid().to_string())
        })
        .collect();
    let mut wrong: Vec<_> =
        found.symmetric_difference(&wanted).map(|path| format!("directory {}", path.display())).collect();
    for directory in &wanted {
        let names: BTreeSet<_> =
            list(directory.clone()).iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
        let whole = [".env", ".stoa-job", "compose.yaml"].map(str::to_owned).into();
        if names != whole {
            wrong.push(format!("{} holds {names:?}", directory.display()));
        }
    }
    wrong
}

/// One welcome for each site that was handed over: none lost, none twice.
fn mail(world: &World, rows: &[Rows]) -> Vec<String> {
    let handed_over =
        rows.iter().filter(|row| matches!(row.site.state(), SiteState::Active | SiteState::Stopped)).count();
    let mut welcomes = 0;
    // An e-mail whose process was killed while writing it is written again after its task's lease, a minute
    // later.
    for _ in 0..3000 {
        let names = fs::read_dir(world.data.join("outbox")).into_iter().flatten();
        welcomes =
            names.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("welcome")).count();
        if welcomes == handed_over {
            return Vec::new();
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    vec![format!("{welcomes} welcomes in the outbox for {handed_over} sites")]
}
