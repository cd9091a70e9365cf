//! Everything that a blueprint may not say: what replaces which line of [`GOOD`], and the problem
//! that must come of it, with its line and column.

use super::{Blueprint, GOOD, parsed, told};

/// Replaces the one occurrence of `from` and returns all problems as text.
pub(super) fn problems(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} must stand in the good blueprint once");
    match Blueprint::parse("compose.yaml", &GOOD.replace(from, to)) {
        Ok(_) => "accepted".into(),
        Err(problems) => told(&problems),
    }
}

pub(super) fn refused(from: &str, cases: &[(&str, &str)]) {
    for (to, expected) in cases {
        let found = problems(from, to);
        assert!(found.lines().any(|line| line.starts_with(expected)), "{to:?} gave\n{found}instead of\n{expected}");
    }
}

/// Cases are keys of the service db, whose first line is line 10.
fn refused_in_db(cases: &[(&str, &str)]) {
    for (line, expected) in cases {
        let to = format!("    image: stoa/db:1\n    {line}\n");
        refused("    image: stoa/db:1\n", &[(&to, &format!("compose.yaml:11:{expected}"))]);
    }
}

#[test]
fn the_good_blueprint_is_good() {
    parsed(GOOD);
}

#[test]
fn whatever_leaves_the_sandbox() {
    refused_in_db(&[
        ("privileged: true", "5: services.db.privileged: a privileged container owns the machine"),
        ("privileged: false", "5: services.db.privileged: a privileged container owns the machine"),
        ("network_mode: host", "5: services.db.network_mode: every site has its own private network"),
        ("networks: [other]", "5: services.db.networks: every site has its own private network"),
        ("extra_hosts: [\"a:1.2.3.4\"]", "5: services.db.extra_hosts: every site"),
        ("pid: host", "5: services.db.pid: sharing the machine's namespaces"),
        ("ipc: host", "5: services.db.ipc: sharing"),
        ("uts: host", "5: services.db.uts: sharing"),
        ("userns_mode: host", "5: services.db.userns_mode: sharing"),
        ("cgroup: host", "5: services.db.cgroup: sharing"),
        ("cgroup_parent: /", "5: services.db.cgroup_parent: sharing"),
        ("devices: [/dev/sda]", "5: services.db.devices: sharing"),
        ("device_cgroup_rules: [\"a *:* rwm\"]", "5: services.db.device_cgroup_rules: sharing"),
        ("gpus: all", "5: services.db.gpus: sharing"),
        ("runtime: other", "5: services.db.runtime: sharing"),
        ("use_api_socket: true", "5: services.db.use_api_socket: sharing"),
        ("sysctls: {net.core.somaxconn: 1}", "5: services.db.sysctls: kernel settings are the machine's business"),
        ("ulimits: {nofile: 1}", "5: services.db.ulimits: kernel settings"),
        ("group_add: [docker]", "5: services.db.group_add: further groups"),
        ("ports: [\"80:80\"]", "5: services.db.ports: nothing is published on the machine"),
        ("cap_add: [SYS_ADMIN]", "15: services.db.cap_add[0]: \"SYS_ADMIN\" reaches past the container"),
        ("cap_add: [CHOWN, ALL]", "22: services.db.cap_add[1]: \"ALL\" reaches past"),
        ("cap_add: [chown]", "15: services.db.cap_add[0]: \"chown\" reaches past"),
        ("cap_drop: [NET_RAW]", "16: services.db.cap_drop[0]: \"NET_RAW\" is not needed"),
        (
            "security_opt: [\"seccomp:unconfined\"]",
            "20: services.db.security_opt[0]: \"seccomp:unconfined\" may weaken",
        ),
        ("security_opt: [\"no-new-privileges:false\"]", "20: services.db.security_opt[0]: "),
        ("security_opt: [apparmor=unconfined]", "20: services.db.security_opt[0]: "),
    ]);
}

#[test]
fn paths_of_the_machine() {
    refused_in_db(&[
        (
            "volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]",
            "15: services.db.volumes[0]: paths of the machine",
        ),
        ("volumes: [\"/:/host\"]", "15: services.db.volumes[0]: paths of the machine"),
        ("volumes: [\"./x:/y\"]", "15: services.db.volumes[0]: paths of the machine"),
        ("volumes: [\"../x:/y\"]", "15: services.db.volumes[0]: paths of the machine"),
        ("volumes: [\"~/x:/y\"]", "15: services.db.volumes[0]: paths of the machine"),
        ("volumes: [\"a/b:/y\"]", "15: services.db.volumes[0]: paths of the machine"),
        ("volumes: [\"${PASSWORD}:/y\"]", "15: services.db.volumes[0]: paths of the machine"),
        ("volumes: ['C:\\x:/y']", "15: services.db.volumes[0]: "),
        ("volumes: [{type: bind, source: data, target: /y}]", "15: services.db.volumes[0]: paths of the machine"),
        (
            "volumes: [{type: volume, source: /etc, target: /y}]",
            "38: services.db.volumes[0].source: paths of the machine",
        ),
        ("volumes: [{type: tmpfs, source: x, target: /y}]", "15: services.db.volumes[0]: memory is mounted by"),
        (
            "volumes: [{type: cluster, source: x, target: /y}]",
            "15: services.db.volumes[0]: a mount of type \"cluster\"",
        ),
        (
            "volumes: [{type: volume, source: data, target: /y, bind: {}}]",
            "56: services.db.volumes[0].bind: Stoa does not know",
        ),
        ("volumes: [/y]", "15: services.db.volumes[0]: a volume without a name"),
        ("volumes: [\"data:/y:z\"]", "15: services.db.volumes[0]: \"data:/y:z\" is not understood"),
        ("volumes: [\"nope:/y\"]", "15: services.db.volumes[0]: the volume \"nope\" is not declared"),
        ("volumes: [\"data:y\"]", "15: services.db.volumes[0]: \"y\" is no place to mount"),
        ("volumes: [\"data:/proc/x\"]", "15: services.db.volumes[0]: \"/proc/x\" is no place to mount"),
        ("volumes: [\"data:/a/../b\"]", "15: services.db.volumes[0]: \"/a/../b\" is no place to mount"),
        ("volumes: [\"data:/\"]", "15: services.db.volumes[0]: \"/\" is no place to mount"),
        ("volumes: data", "14: services.db.volumes: expected a list, found text"),
        ("tmpfs: [tmp]", "13: services.db.tmpfs[0]: \"tmp\" is no place to mount"),
        ("tmpfs: \"/tmp:exec\"", "12: services.db.tmpfs: the option \"exec\" is not understood"),
        ("tmpfs: [\"/tmp:mode=7777\"]", "13: services.db.tmpfs[0]: the option \"mode=7777\""),
        ("tmpfs: [\"/tmp:size=0\"]", "13: services.db.tmpfs[0]: the option \"size=0\""),
    ]);
    refused(
        "    image: stoa/db:1\n",
        &[(
            "    image: stoa/db:1\n    volumes: [\"data:/a\"]\n    tmpfs: [/a]\n",
            "compose.yaml:9:3: services.db: two things are mounted at /a",
        )],
    );
}

#[test]
fn what_is_not_a_blueprints_business() {
    refused_in_db(&[
        ("build: .", "5: services.db.build: a blueprint runs finished images"),
        ("env_file: .env", "5: services.db.env_file: files of the machine are not read"),
        ("extends: {service: web}", "5: services.db.extends: a blueprint is one file"),
        ("volumes_from: [web]", "5: services.db.volumes_from: name the volumes themselves"),
        ("links: [web]", "5: services.db.links: services of a site reach one another"),
        ("container_name: x", "5: services.db.container_name: the platform names the containers"),
        ("hostname: x", "5: services.db.hostname: a service's hostname is its name"),
        ("labels: {a: b}", "5: services.db.labels: the platform sets this"),
        ("logging: {driver: none}", "5: services.db.logging: the platform sets this"),
        ("mem_limit: 1g", "5: services.db.mem_limit: limits are written below deploy"),
        ("scale: 2", "5: services.db.scale: a service is exactly one container"),
        ("restart: on-failure", "14: services.db.restart: \"on-failure\" is no policy"),
        ("frobnicate: 1", "5: services.db.frobnicate: Stoa does not know the key frobnicate; it knows: image, "),
        ("Privileged: true", "5: services.db.Privileged: Stoa does not know the key"),
        ("deploy: {replicas: 2}", "14: services.db.deploy.replicas: a service is exactly one container"),
        (
            "deploy: {resources: {reservations: {}}}",
            "26: services.db.deploy.resources.reservations: a service has hard",
        ),
        ("deploy: {resources: {limits: {memory: 1k}}}", "43: services.db.deploy.resources.limits.memory: too little"),
        (
            "deploy: {resources: {limits: {memory: lots}}}",
            "43: services.db.deploy.resources.limits.memory: unknown unit",
        ),
        (
            "deploy: {resources: {limits: {cpus: 0}}}",
            "41: services.db.deploy.resources.limits.cpus: \"0\" is out of range",
        ),
        ("deploy: {resources: {limits: {pids: -1}}}", "41: services.db.deploy.resources.limits.pids: expected a whole"),
        ("pids_limit: unlimited", "17: services.db.pids_limit: expected a whole number from 1 to 32768"),
    ]);
}

#[test]
fn values_of_the_wrong_shape() {
    refused_in_db(&[
        ("command: nginx -g x", "14: services.db.command: this is a line for a shell"),
        ("entrypoint: sh", "17: services.db.entrypoint: this is a line for a shell"),
        ("command: []", "14: services.db.command: this list is empty"),
        ("command: [sleep, 5]", "22: services.db.command[1]: expected text, found a number: put it in quotes"),
        ("command: [echo, \"${PASSWORD}\"]", "21: services.db.command[1]: variables work only in"),
        ("command: [echo, \"a\\0b\"]", "21: services.db.command[1]: a NUL character"),
        ("read_only: \"yes\"", "16: services.db.read_only: expected true or false, found text"),
        ("user: 1000", "11: services.db.user: expected text, found a number: put it in quotes"),
        ("user: \"1:2:3\"", "11: services.db.user: \"1:2:3\" is no user"),
        ("user: ${PASSWORD}", "11: services.db.user: variables work only in"),
        ("stop_grace_period: 10", "24: services.db.stop_grace_period: expected text, found a number"),
        ("stop_grace_period: 2h", "24: services.db.stop_grace_period: \"2h\" is no time of up to 600s"),
        ("profiles: [\"A B\"]", "16: services.db.profiles[0]: \"A B\" is no name for a profile"),
        ("depends_on: [nope]", "18: services.db.depends_on[0]: \"nope\" is no service of this file"),
        ("depends_on: {nope: {}}", "18: services.db.depends_on.nope: \"nope\" is no service"),
        ("depends_on: [tool]", "17: services.db.depends_on: tool is in a profile and may be off"),
        ("depends_on: [web]", "17: services.db.depends_on: db waits for itself"),
        ("depends_on: {web: {condition: service_healthy}}", "35: services.db.depends_on.web.condition: web has no"),
        ("depends_on: {web: {condition: x}}", "35: services.db.depends_on.web.condition: \"x\" is no condition: write"),
        ("restart: \"no\"", "14: services.db.restart: db would stay down"),
        ("healthcheck: {test: curl x}", "25: services.db.healthcheck.test: write the test as a list"),
        ("healthcheck: {test: [curl, x]}", "25: services.db.healthcheck.test: begin the test with CMD"),
        ("healthcheck: {test: [NONE]}", "25: services.db.healthcheck.test: begin the test with CMD"),
        ("healthcheck: {disable: true}", "19: services.db.healthcheck.disable: leave healthcheck out"),
        ("healthcheck: {interval: 5s}", "5: services.db.healthcheck: the key test is missing"),
        ("healthcheck: {test: [CMD, x], retries: 0}", "44: services.db.healthcheck.retries: expected a whole number"),
    ]);
}

#[test]
fn what_others_wait_for_can_end_and_nothing_else() {
    let waits = "    depends_on: {db: {condition: service_completed_successfully}}\n";
    let text = GOOD.replacen("    depends_on: [db]\n", waits, 1);
    assert!(Blueprint::parse("x", &text).is_ok());
    let again = text.replace("    image: stoa/db:1\n", "    image: stoa/db:1\n    restart: always\n");
    let found = told(&Blueprint::parse("x", &again).expect_err("it would be started again"));
    assert!(found.contains("must not be started again: write \"no\""), "{found}");
    let routed = GOOD
        .replacen("    depends_on: [db]\n", "", 1)
        .replace("db: {condition: service_started}", "web: {condition: service_completed_successfully}");
    let found = told(&Blueprint::parse("x", &routed).expect_err("it has to serve"));
    assert!(found.contains("it has to serve visitors"), "{found}");
}

#[test]
fn environments_and_images() {
    refused(
        "    environment: [\"PASSWORD=${PASSWORD}\"]\n",
        &[
            (
                "    environment: [PASSWORD]\n",
                "compose.yaml:11:19: services.db.environment[0]: PASSWORD would come from",
            ),
            ("    environment: {A: }\n", "compose.yaml:11:19: services.db.environment.A: the value would come from"),
            (
                "    environment: {A: true}\n",
                "compose.yaml:11:22: services.db.environment.A: expected text, found true or",
            ),
            (
                "    environment: {A: 1.10}\n",
                "compose.yaml:11:22: services.db.environment.A: expected text, found a number",
            ),
            (
                "    environment: {A: [b]}\n",
                "compose.yaml:11:22: services.db.environment.A: expected text, found a list",
            ),
            ("    environment: {A-B: c}\n", "compose.yaml:11:19: services.db.environment.A-B: \"A-B\" is no name"),
            (
                "    environment: [A=1, A=2]\n",
                "compose.yaml:11:24: services.db.environment[1]: A stands here a second time",
            ),
            ("    environment: {A: 1, A: 2}\n", "compose.yaml:11:25: the key \"A\" stands here a second time"),
            ("    environment: {A: $B}\n", "compose.yaml:11:22: services.db.environment.A: a lone $"),
            (
                "    environment: {A: \"${NOPE}\"}\n",
                "compose.yaml:11:22: services.db.environment.A: the variable NOPE is not",
            ),
            (
                "    environment: {A: \"${TITLE:?no}\"}\n",
                "compose.yaml:11:22: services.db.environment.A: ${TITLE:?no} is not",
            ),
            (
                "    environment: {A: \"${TITLE:-x}\"}\n",
                "compose.yaml:11:22: services.db.environment.A: the variable TITLE always",
            ),
            ("    environment: text\n", "compose.yaml:11:18: services.db.environment: expected a mapping, found text"),
        ],
    );
    refused(
        "    image: stoa/db:1\n",
        &[
            ("", "compose.yaml:9:3: services.db: the key image is missing"),
            ("    image: a b\n", "compose.yaml:10:12: services.db.image: \"a b\" is not an image reference"),
            (
                "    image: ${TITLE}\n",
                "compose.yaml:10:12: services.db.image: the variable TITLE may not choose an image",
            ),
            ("    image: ${NOPE:-a}\n", "compose.yaml:10:12: services.db.image: the variable NOPE is not declared"),
            ("    image: ${FLAG} x\n", "compose.yaml:10:12: services.db.image: \"off x\" is not an image reference"),
        ],
    );
    refused(
        "${IMAGE:-stoa/app:1}",
        &[("${IMAGE:-other:1}", "compose.yaml:3:12: services.web.image: the default of IMAGE differs")],
    );
}

#[test]
fn files_that_are_no_blueprint() {
    for (text, expected) in [
        ("", "compose.yaml:1:1: expected a mapping, found nothing\n"),
        ("- a\n", "compose.yaml:1:1: expected a mapping, found a list\n"),
        ("services: {}\n", "compose.yaml:1:1: the key x-stoa is missing\n"),
        ("a: [\n", "compose.yaml:1:4: unclosed bracket '['\n"),
        ("a: !!python/object:x {}\n", "compose.yaml:1:"),
    ] {
        let found = told(&Blueprint::parse("compose.yaml", text).unwrap_err());
        assert!(found.starts_with(expected), "{text:?} gave {found}");
    }
    let large = "#".repeat(Blueprint::MAX_FILE + 1);
    let found = told(&Blueprint::parse("compose.yaml", &large).unwrap_err());
    assert_eq!(found, "compose.yaml:1:1: this file is larger than a megabyte: a blueprint is a page or two\n");
}

#[test]
fn all_problems_come_at_once_and_in_order() {
    let text = GOOD
        .replace(
            "    image: stoa/db:1\n",
            "    image: stoa/db:1\n    privileged: true\n    ports: [1]\n    command: a b\n",
        )
        .replace("health: /health", "health: health")
        .replace("    FLAG: {default: \"off\"}\n", "    FLAG: {default: \"off\"}\n    MORE: {default: x}\n");
    let problems = Blueprint::parse("compose.yaml", &text).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "services.db.privileged",
            "services.db.ports",
            "services.db.command",
            "x-stoa.health",
            "x-stoa.variables.MORE"
        ]
    );
}

#[test]
fn no_mutilated_blueprint_panics() {
    for cut in 0..GOOD.len() {
        let _ = Blueprint::parse("x", &GOOD[..cut]);
        let _ = Blueprint::parse("x", &format!("{}{}", &GOOD[..cut], &GOOD[(cut + 3).min(GOOD.len())..]));
    }
}
