//! Reads one service.

use std::{collections::BTreeMap, time::Duration};

use super::{
    cursor::Cursor,
    health::health,
    mount,
    names::{Names, Place},
    node::Value,
    refused,
};
use crate::{
    blueprint::{ServiceSpec, Template, template},
    image::ImageRef,
    limits::{Bytes, Limits},
    stack::{Condition, Dependency, ServiceName},
};

/// Docker refuses less.
const LEAST_MEMORY: Bytes = Bytes::mib(6);
const LONGEST_GRACE: Duration = Duration::from_secs(600);

/// Reads the service `name`; notes every problem and then gives what could be read.
pub(super) fn service(name: &str, at: &Cursor, names: &Names) -> Option<ServiceSpec> {
    if !is_name(name) {
        at.key_problem(format!("{name:?} is no name for a service: use a-z, 0-9, - and _, at most 40 of them"));
    }
    let mut fields = at.fields()?;
    fields.refuse(refused::SERVICE);
    let image = fields.need("image").and_then(|at| image(&at, names));
    let mut arguments = |key| fields.take(key).and_then(|at: Cursor| at.arguments());
    let (entrypoint, command) = (arguments("entrypoint"), arguments("command"));
    let spec = ServiceSpec {
        name: ServiceName(name.to_owned()),
        image: image.unwrap_or(Template(Vec::new())),
        profiles: fields.take("profiles").map(|at| profiles(&at)).unwrap_or_default(),
        entrypoint,
        command,
        environment: fields.take("environment").map(|at| environment(&at, names)).unwrap_or_default(),
        mounts: fields.take("volumes").map(|at| mount::mounts(&at, names)).unwrap_or_default(),
        tmpfs: fields.take("tmpfs").map(|at| mount::tmpfs(&at)).unwrap_or_default(),
        limits: limits(fields.take("deploy"), fields.take("pids_limit")),
        user: fields.take("user").and_then(|at| user(&at)),
        cap_add: fields.take("cap_add").map(|at| capabilities(&at)).unwrap_or_default(),
        read_only: fields.take("read_only").and_then(|at| at.flag()).unwrap_or(false),
        health: fields.take("healthcheck").and_then(|at| health(&at)),
        stop_grace: fields
            .take("stop_grace_period")
            .and_then(|at| at.duration(LONGEST_GRACE))
            .unwrap_or(Duration::from_secs(10)),
        depends_on: fields.take("depends_on").map(|at| depends_on(&at, names)).unwrap_or_default(),
    };
    for (key, allowed, hint) in [
        ("cap_drop", &["ALL"][..], "is not needed, as all capabilities are dropped: write [ALL] or remove it"),
        (
            "security_opt",
            &["no-new-privileges:true", "no-new-privileges"],
            "may weaken the sandbox: only no-new-privileges:true may stand here",
        ),
    ] {
        fields.take(key).map(|at| words(&at, allowed, hint));
    }
    if let Some(at) = fields.take("restart") {
        // `no` is checked later: only what others wait for may end.
        let kept = |text: &str| ["unless-stopped", "always", "no"].contains(&text);
        at.text_if(kept, "is no policy for a hosted site: write unless-stopped");
    }
    fields.finish();
    Some(spec)
}

/// Whether `text` can be the name of a service, a volume or a profile.
pub(super) fn is_name(text: &str) -> bool {
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.bytes().next().is_some_and(lower)
        && text.len() <= 40
        && text.bytes().all(|b| lower(b) || b == b'-' || b == b'_')
}

/// `user[:group]`, by name or number.
pub(super) fn user(at: &Cursor) -> Option<String> {
    let part = |text: &str| is_name(text);
    let user = |text: &str| text.split_once(':').map_or(part(text), |(user, group)| part(user) && part(group));
    at.text_if(user, "is no user: write user, uid or uid:gid, in quotes")
}

fn image(at: &Cursor, names: &Names) -> Option<Template> {
    let template = names.template(at, at.raw()?, Place::Image)?;
    let example = template.fill(&BTreeMap::new()).ok()?;
    if let Err(message) = example.parse::<ImageRef>() {
        at.problem(message);
        return None;
    }
    Some(template)
}

fn profiles(at: &Cursor) -> Vec<String> {
    at.items().iter().filter_map(|at| at.text_if(is_name, "is no name for a profile: use a-z, 0-9, - and _")).collect()
}

fn environment(at: &Cursor, names: &Names) -> BTreeMap<String, Template> {
    let mut environment = BTreeMap::new();
    let mut put = |at: &Cursor, name: &str, value: Option<Template>| {
        if !template::is_name(name) {
            at.key_problem(format!("{name:?} is no name in an environment: use letters, digits and _"));
        } else if environment.insert(name.to_owned(), value.unwrap_or(Template(Vec::new()))).is_some() {
            at.key_problem(format!("{name} stands here a second time: keep one of them"));
        }
    };
    if let Value::List(_) = at.node.value {
        for item in at.items() {
            let Some(text) = item.raw() else { continue };
            match text.split_once('=') {
                Some((name, value)) => put(&item, name, names.template(&item, value, Place::Value)),
                None => {
                    item.problem(format!("{text} would come from the platform's own environment: write {text}=value"))
                }
            }
        }
    } else {
        for (name, at) in at.entries() {
            put(&at, name, env_value(&at, names));
        }
    }
    environment
}

fn env_value(at: &Cursor, names: &Names) -> Option<Template> {
    match &at.node.value {
        Value::Int(number) => names.template(at, number, Place::Value),
        Value::Null => {
            at.key_problem(
                "the value would come from the platform's own environment: write it, or \"\" for an empty one",
            );
            None
        }
        _ => names.template(at, at.raw()?, Place::Value),
    }
}

/// `deploy.resources.limits`, and `pids_limit`, as Compose 1.29 knows `pids` only there.
fn limits(deploy: Option<Cursor>, pids: Option<Cursor>) -> Limits {
    let mut limits = deploy.and_then(|at| deploy_limits(&at)).unwrap_or(Limits::DEFAULT);
    let pids = pids.and_then(|at| pids_number(&at));
    limits.pids = pids.unwrap_or(limits.pids);
    limits
}

fn deploy_limits(at: &Cursor) -> Option<Limits> {
    let mut deploy = at.fields()?;
    deploy.refuse(refused::DEPLOY);
    let resources = deploy.take("resources");
    deploy.finish();
    let mut resources = resources?.fields()?;
    resources.refuse(&[("reservations", "a service has hard limits only: move it to limits")]);
    let fields = resources.take("limits");
    resources.finish();
    let mut fields = fields?.fields()?;
    let memory = fields.take("memory").and_then(|at| memory(&at));
    let cpu = fields.take("cpus").and_then(|at| at.parsed());
    let pids = fields.take("pids").and_then(|at| pids_number(&at));
    fields.finish();
    let default = Limits::DEFAULT;
    Some(Limits {
        memory: memory.unwrap_or(default.memory),
        cpu: cpu.unwrap_or(default.cpu),
        pids: pids.unwrap_or(default.pids),
    })
}

fn memory(at: &Cursor) -> Option<Bytes> {
    let memory: Bytes = at.parsed()?;
    if memory < LEAST_MEMORY {
        at.problem(format!("too little memory to start anything: {LEAST_MEMORY} is the least"));
        return None;
    }
    Some(memory)
}

fn pids_number(at: &Cursor) -> Option<u32> {
    u32::try_from(at.number(1..=32_768)?).ok()
}

fn capabilities(at: &Cursor) -> Vec<String> {
    let hint =
        format!("reaches past the container, or does not exist: only {} can be kept", refused::CAPABILITIES.join(", "));
    words(at, refused::CAPABILITIES, &hint)
}

fn words(at: &Cursor, allowed: &[&str], hint: &str) -> Vec<String> {
    at.items().iter().filter_map(|at| at.text_if(|text| allowed.contains(&text), hint)).collect()
}

fn depends_on(at: &Cursor, names: &Names) -> Vec<Dependency> {
    if let Value::List(_) = at.node.value {
        return at.items().iter().filter_map(|at| names.service(at)).map(Dependency::started).collect();
    }
    let mut services = Vec::new();
    for (name, at) in at.entries() {
        let Some(mut fields) = at.fields() else { continue };
        let known = |text: &str| Condition::parse(text).is_some();
        let hint = "is no condition: write service_started, service_healthy or service_completed_successfully";
        let condition = fields.take("condition").and_then(|at| at.text_if(known, hint));
        let condition = condition.and_then(|text| Condition::parse(&text)).unwrap_or(Condition::Started);
        fields.finish();
        if names.has_service(name) {
            services.push(Dependency { service: ServiceName(name.to_owned()), condition });
        } else {
            at.key_problem(format!("{name:?} is no service of this file"));
        }
    }
    services
}
