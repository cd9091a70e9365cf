//! What can be wrong between parts that are each fine.

use std::collections::BTreeSet;

use super::cursor::Cursor;
use crate::{
    blueprint::{Blueprint, HookName, ServiceSpec},
    stack::ServiceName,
};

/// A site's network has room for so many.
const MOST_SERVICES: usize = 13;

pub(super) fn all(root: &Cursor, blueprint: &Blueprint) {
    let services = root.child("services");
    for spec in &blueprint.services {
        let Some(at) = services.as_ref().and_then(|at| at.child(&spec.name.0)) else { continue };
        mounts(&at, spec);
        dependencies(&at, spec, blueprint);
        restarts(&at, spec, blueprint);
    }
    if let Some(at) = services.filter(|_| blueprint.services.len() > MOST_SERVICES) {
        at.key_problem(format!("a site's network has room for {MOST_SERVICES} services: leave some out"));
    }
    volumes(root, blueprint);
    if let Some(at) = root.child("x-stoa") {
        stoa(&at, blueprint);
    }
}

fn mounts(at: &Cursor, spec: &ServiceSpec) {
    let mut seen = BTreeSet::new();
    for path in spec.mounts.iter().map(|m| &m.path).chain(spec.tmpfs.iter().map(|t| &t.path)) {
        if !seen.insert(path) {
            at.key_problem(format!("two things are mounted at {path}: keep one of them"));
        }
    }
}

fn dependencies(at: &Cursor, spec: &ServiceSpec, blueprint: &Blueprint) {
    let Some(at) = at.child("depends_on") else { return };
    for target in spec.depends_on.iter().filter_map(|dependency| blueprint.service(&dependency.service)) {
        let covered = !spec.profiles.is_empty() && spec.profiles.iter().all(|p| target.profiles.contains(p));
        if !target.profiles.is_empty() && !covered {
            at.problem(format!("{} is in a profile and may be off: don't depend on it", target.name));
        }
        let condition = at.child(&target.name.0).and_then(|at| at.child("condition"));
        if let Some(condition) = condition
            && target.health.is_none()
            && condition.raw() == Some("service_healthy")
        {
            condition.problem(format!("{} has no healthcheck: write one there", target.name));
        }
    }
    if reaches(&spec.name, spec, blueprint) {
        at.problem(format!("{} waits for itself: break the circle", spec.name));
    }
}

/// A service that ends by design must not be started again, and every other one must.
fn restarts(at: &Cursor, spec: &ServiceSpec, blueprint: &Blueprint) {
    let runs_once = blueprint.runs_once(&spec.name);
    if let Some(restart) = at.child("restart") {
        match (restart.raw(), runs_once) {
            (Some("no"), false) => restart.problem(format!(
                "{} would stay down: write unless-stopped, or let another service wait for its end with service_completed_successfully",
                spec.name
            )),
            (Some("unless-stopped" | "always"), true) => restart.problem(format!(
                "others wait for the end of {}, so it must not be started again: write \"no\", in quotes",
                spec.name
            )),
            _ => {}
        }
    }
    let serves = [&blueprint.route.service, &blueprint.main_service].contains(&&spec.name);
    if runs_once && serves {
        at.problem(format!("others wait for the end of {}, but it has to serve visitors", spec.name));
    }
}

fn reaches(goal: &ServiceName, from: &ServiceSpec, blueprint: &Blueprint) -> bool {
    let dependencies = |spec: &'_ ServiceSpec| -> Vec<ServiceName> {
        spec.depends_on.iter().map(|dependency| dependency.service.clone()).collect()
    };
    let mut open = dependencies(from);
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if name == *goal {
            return true;
        }
        if seen.insert(name.clone()) {
            open.extend(blueprint.service(&name).into_iter().flat_map(dependencies));
        }
    }
    false
}

fn volumes(root: &Cursor, blueprint: &Blueprint) {
    let used: BTreeSet<_> = blueprint.services.iter().flat_map(|s| &s.mounts).map(|m| &m.volume).collect();
    let Some(at) = root.child("volumes") else { return };
    for volume in blueprint.volumes.iter().filter(|volume| !used.contains(volume)) {
        if let Some(at) = at.child(&volume.0) {
            at.key_problem("no service mounts this volume: remove it");
        }
    }
}

fn stoa(at: &Cursor, blueprint: &Blueprint) {
    let always = |name: &ServiceName| blueprint.service(name).is_some_and(|spec| spec.profiles.is_empty());
    if let Some(at) = at.child("route").filter(|_| !always(&blueprint.route.service)) {
        at.problem(format!(
            "{} is in a profile and may be off: route to one that always runs",
            blueprint.route.service
        ));
    }
    if let Some(at) = at.child("limits").filter(|_| !always(&blueprint.main_service)) {
        at.problem(format!("{} is in a profile and may be off: limit one that always runs", blueprint.main_service));
    }
    for (name, hook) in &blueprint.hooks {
        if let Some(at) = at.child("hooks").and_then(|at| at.child(name.as_str())).filter(|_| !always(&hook.service)) {
            at.problem(format!("{} is in a profile and may be off: use one that always runs", hook.service));
        }
    }
    let hooks = [HookName::Dump, HookName::Restore];
    let complete = hooks.iter().all(|name| blueprint.hooks.contains_key(name));
    if let Some(at) = at.child("backup").filter(|_| blueprint.backup.database && !complete) {
        at.problem("a database is saved by the hooks dump and restore: write both, or set database to false");
    }
}
