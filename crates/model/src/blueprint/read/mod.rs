//! Reading a blueprint. Every part is read even where others are broken; a blueprint comes out
//! only if nobody noted a problem.

mod checks;
mod cursor;
mod health;
mod mount;
mod names;
mod node;
mod refused;
mod scalar;
mod service;
mod variable;
mod x_stoa;

use super::{Backup, Blueprint, Problem, ServiceSpec};
use crate::stack::VolumeName;
use cursor::{Cursor, Fields, Sheet};
use names::Names;
use node::Place;

/// Reads a whole file.
pub(super) fn blueprint(file: &str, text: &str) -> Result<Blueprint, Vec<Problem>> {
    let sheet = Sheet::new(file);
    let start = Place { line: 1, column: 1 };
    if text.len() > Blueprint::MAX_FILE {
        sheet.note(start, "", "this file is larger than a megabyte: a blueprint is a page or two");
        return Err(sheet.into_problems());
    }
    let node = match node::read(text) {
        Ok(node) => node,
        Err((place, message)) => {
            sheet.note(place, "", message);
            return Err(sheet.into_problems());
        }
    };
    let blueprint = file_parts(&Cursor::root(&sheet, &node));
    let mut problems = sheet.into_problems();
    match blueprint {
        Some(blueprint) if problems.is_empty() => Ok(blueprint),
        _ => {
            // Two readers of one value may say the same.
            problems.dedup();
            Err(problems)
        }
    }
}

fn file_parts(root: &Cursor) -> Option<Blueprint> {
    let mut fields = root.fields()?;
    fields.refuse(refused::FILE);
    let (services, volumes) = (fields.need("services"), fields.take("volumes"));
    let stoa = fields.need("x-stoa");
    // Compose's own place for fragments that anchors name.
    fields.ignore(|key| key.starts_with("x-"));
    fields.finish();

    let variables = stoa.as_ref().and_then(|at| at.child("variables"));
    let names = Names::collect(services.as_ref(), volumes.as_ref(), variables.as_ref());
    let volume_names = volumes.as_ref().map(volume_names).unwrap_or_default();
    let specs = services.as_ref().map(|at| all_services(at, &names)).unwrap_or_default();
    let blueprint = stoa.as_ref().and_then(|at| stoa_block(at.fields()?, &names, specs, volume_names));
    names.note_unused(variables.as_ref());
    if let Some(blueprint) = &blueprint {
        checks::all(root, blueprint);
    }
    blueprint
}

fn volume_names(at: &Cursor) -> Vec<VolumeName> {
    let mut volumes = Vec::new();
    for (name, at) in at.entries() {
        if !service::is_name(name) {
            at.key_problem(format!("{name:?} is no name for a volume: use a-z, 0-9, - and _, at most 40 of them"));
        }
        if !matches!(at.node.value, node::Value::Null)
            && let Some(mut fields) = at.fields()
        {
            fields.refuse(refused::VOLUME);
            fields.finish();
        }
        volumes.push(VolumeName(name.to_owned()));
    }
    volumes
}

fn all_services(at: &Cursor, names: &Names) -> Vec<ServiceSpec> {
    at.entries().iter().filter_map(|(name, at)| service::service(name, at, names)).collect()
}

fn stoa_block(
    mut fields: Fields,
    names: &Names,
    services: Vec<ServiceSpec>,
    volumes: Vec<VolumeName>,
) -> Option<Blueprint> {
    let _ = fields.take("variables");
    let name = fields.need("name").and_then(|at| x_stoa::name(&at));
    let title = fields.need("title").and_then(|at| at.words());
    let description = fields.need("description").and_then(|at| at.words());
    let kind = fields.need("kind").and_then(|at| x_stoa::kind(&at));
    let route = fields.need("route").and_then(|at| x_stoa::route(&at, names));
    let main_service = fields
        .take("limits")
        .map_or_else(|| route.as_ref().map(|entry| entry.service.clone()), |at| x_stoa::main_service(&at, names));
    let health = fields.need("health").and_then(|at| at.url_path());
    let front = fields.take("front").map_or(Some("/".into()), |at| at.url_path());
    let credentials = fields.take("credentials").map(|at| x_stoa::credentials(&at, names)).unwrap_or_default();
    let hooks = fields.take("hooks").map(|at| x_stoa::hooks(&at, names)).unwrap_or_default();
    let backup = fields.need("backup").map_or(Some(Backup::default()), |at| x_stoa::backup(&at, names));
    let sleep_allowed = fields.take("sleep").map_or(Some(false), |at| x_stoa::sleep_allowed(&at));
    let notices = fields.take("notices").map(|at| x_stoa::notices(&at, names)).unwrap_or_default();
    let next_steps = fields.take("next_steps").map(|at| x_stoa::next_steps(&at, names)).unwrap_or_default();
    fields.finish();
    Some(Blueprint {
        name: name?,
        title: title?,
        description: description?,
        kind: kind?,
        route: route?,
        main_service: main_service?,
        health: health?,
        front: front?,
        variables: names.variables.clone(),
        credentials,
        hooks,
        backup: backup?,
        sleep_allowed: sleep_allowed?,
        notices,
        next_steps,
        volumes,
        services,
    })
}
