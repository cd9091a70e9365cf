//! What is written is what comes out: every field of a blueprint, with its default where it is left out,
//! and the limits of what is accepted.

use std::time::Duration;

use super::{Blueprint, GOOD, good, parsed, refusals::problems, strings};
use crate::{
    blueprint::{Backup, Charset, Credential, Fact, Generator, HookName, ImageNotice, Kind, Origin, Template},
    limits::{Bytes, Limits, MilliCpu},
    stack::{Condition, Dependency, Health, Mount, ServiceName, Tmpfs, VolumeName},
};

/// The good blueprint with these lines added to the service db.
fn with_db(lines: &str) -> Blueprint {
    parsed(&GOOD.replace("    image: stoa/db:1\n", &format!("    image: stoa/db:1\n{lines}")))
}

/// The good blueprint with one of its lines replaced.
fn with(from: &str, to: &str) -> Blueprint {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} must occur once");
    parsed(&GOOD.replace(from, to))
}

/// One problem of the good blueprint with these lines added to the service db.
fn problem_in_db(lines: &str) -> String {
    problems("    image: stoa/db:1\n", &format!("    image: stoa/db:1\n{lines}"))
}

fn service<'a>(blueprint: &'a Blueprint, name: &str) -> &'a crate::blueprint::ServiceSpec {
    blueprint.service(&ServiceName(name.into())).expect("a service of that name")
}

#[test]
fn every_key_of_a_service_is_read() {
    let blueprint = with_db(concat!(
        "    entrypoint: [/entry, --flag]\n",
        "    command: [serve]\n",
        "    profiles: []\n",
        "    volumes: [\"data:/a:ro\", \"data:/b:rw\", {type: volume, source: data, target: /c, read_only: true}]\n",
        "    tmpfs: [/tmp, \"/run:size=8m,mode=755\"]\n",
        "    deploy: {resources: {limits: {memory: 512m, cpus: 1.5, pids: 77}}}\n",
        "    user: \"999:999\"\n",
        "    cap_add: [CHOWN, SETUID]\n",
        "    cap_drop: [ALL]\n",
        "    security_opt: [no-new-privileges]\n",
        "    restart: always\n",
        "    read_only: true\n",
        "    healthcheck: {test: [CMD, probe, --deep], interval: 5s, timeout: 2s, retries: 7, start_period: 1m}\n",
        "    stop_grace_period: 90s\n",
    ));
    let db = service(&blueprint, "db");
    assert_eq!(db.entrypoint.as_deref(), Some(&["/entry".to_owned(), "--flag".into()][..]));
    assert_eq!(db.command.as_deref(), Some(&["serve".to_owned()][..]));
    let mount = |path: &str, read_only| Mount { volume: VolumeName("data".into()), path: path.into(), read_only };
    assert_eq!(db.mounts, [mount("/a", true), mount("/b", false), mount("/c", true)]);
    let tmpfs = |path: &str, size, mode| Tmpfs { path: path.into(), size, mode };
    assert_eq!(db.tmpfs, [tmpfs("/tmp", Bytes::mib(64), 0o1777), tmpfs("/run", Bytes::mib(8), 0o755)]);
    assert_eq!(db.limits, Limits { memory: Bytes::mib(512), cpu: MilliCpu(1500), pids: 77 });
    assert_eq!(db.user.as_deref(), Some("999:999"));
    assert_eq!(db.cap_add, ["CHOWN", "SETUID"]);
    assert!(db.read_only);
    let health = Health {
        test: vec!["CMD".into(), "probe".into(), "--deep".into()],
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        retries: 7,
        start_period: Duration::from_secs(60),
    };
    assert_eq!(db.health, Some(health));
    assert_eq!(db.stop_grace, Duration::from_secs(90));
}

#[test]
fn what_a_service_leaves_out_has_a_default() {
    let blueprint = with_db("    healthcheck: {test: [CMD-SHELL, \"true\"]}\n    tmpfs: /tmp\n");
    let (db, web) = (service(&blueprint, "db"), service(&blueprint, "web"));
    assert_eq!((&db.entrypoint, &db.command, &db.user), (&None, &None, &None));
    assert!(db.mounts.is_empty() && db.cap_add.is_empty() && !db.read_only && db.depends_on.is_empty());
    assert_eq!((db.limits, db.stop_grace), (Limits::DEFAULT, Duration::from_secs(10)));
    assert_eq!(db.tmpfs, [Tmpfs { path: "/tmp".into(), size: Bytes::mib(64), mode: 0o1777 }]);
    let health = db.health.as_ref().expect("a health check");
    let times = [health.interval, health.timeout, health.start_period].map(|time| time.as_secs());
    assert_eq!((times, health.retries), ([30, 30, 0], 3));
    assert_eq!((&web.health, web.depends_on.as_slice()), (&None, &[started("db")][..]));
    let partly = with_db("    deploy: {resources: {limits: {cpus: \"2\"}}}\n    pids_limit: 9\n");
    assert_eq!(service(&partly, "db").limits, Limits { cpu: MilliCpu(2000), pids: 9, ..Limits::DEFAULT });
}

#[test]
fn services_keep_their_profiles_and_dependencies() {
    let blueprint =
        parsed(&GOOD.replace(
            "  cache:\n    profiles: [caching]\n",
            "  cache:\n    profiles: [tools]\n    depends_on: [tool]\n",
        ));
    let cache = service(&blueprint, "cache");
    assert_eq!(cache.profiles, ["tools"]);
    assert_eq!(cache.depends_on, [started("tool")], "a profile may depend on itself");
    assert_eq!(service(&blueprint, "tool").depends_on, [started("db")]);
    assert!(cache.is_on(&["tools".into()]) && !cache.is_on(&["caching".into()]));
    assert_eq!(good().profiles().into_iter().collect::<Vec<_>>(), ["caching", "tools"]);
    let some = GOOD.replace("    profiles: [caching]\n", "    profiles: [tools, caching]\n    depends_on: [tool]\n");
    let found = super::told(&Blueprint::parse("x", &some).expect_err("caching alone does not start tool"));
    assert!(found.contains("tool is in a profile and may be off"), "{found}");
}

fn started(name: &str) -> Dependency {
    Dependency::started(ServiceName(name.into()))
}

#[test]
fn conditions_of_dependencies_are_kept_rendered_and_written() {
    let text = GOOD
        .replace("    image: stoa/db:1\n", "    image: stoa/db:1\n    healthcheck: {test: [CMD, probe]}\n")
        .replace(
            "    depends_on: [db]\n",
            "    depends_on: {db: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}\n",
        )
        .replace("  cache:\n", "  migrate:\n    image: a\n    restart: \"no\"\n    depends_on: [db]\n  cache:\n");
    let blueprint = parsed(&text);
    let conditions: Vec<_> =
        service(&blueprint, "web").depends_on.iter().map(|d| (d.service.0.as_str(), d.condition)).collect();
    assert_eq!(conditions, [("db", Condition::Healthy), ("migrate", Condition::Completed)]);
    let stack = blueprint.render(&super::inputs(&[("TITLE", "x"), ("PASSWORD", "p")])).expect("a stack");
    assert_eq!(stack.services.iter().map(|s| s.runs_once).filter(|once| *once).count(), 1);
    let order: Vec<Vec<_>> =
        stack.start_order().iter().map(|group| group.iter().map(|s| s.name.0.as_str()).collect()).collect();
    let place = |name: &str| order.iter().position(|group| group.contains(&name));
    assert!(place("db") < place("migrate") && place("migrate") < place("web"), "{order:?}");
    let file = crate::compose::render(&stack, None);
    for line in ["condition: service_healthy", "condition: service_completed_successfully", "restart: \"no\""] {
        assert!(file.contains(line) || file.contains(&line.replace('"', "")), "{line} is missing in {file}");
    }
}

#[test]
fn a_circle_of_dependencies_is_found_at_any_length() {
    let text = GOOD
        .replace("    image: stoa/db:1\n", "    image: stoa/db:1\n    depends_on: [third]\n")
        .replace("  cache:\n", "  third:\n    image: a\n    depends_on: [web]\n  cache:\n");
    let found = super::told(&Blueprint::parse("x", &text).expect_err("web needs db needs third needs web"));
    for name in ["web", "db", "third"] {
        assert!(found.contains(&format!("{name} waits for itself")), "{found}");
    }
}

#[test]
fn environments_are_read_from_lists_and_mappings() {
    let text = |value: &str| Template::parse(value).expect("a template");
    for environment in ["[\"A=1\", \"B=x=y\", C=]", "{A: 1, B: x=y, C: \"\"}"] {
        let blueprint = with(
            "    environment: [\"PASSWORD=${PASSWORD}\"]\n",
            &format!(
                "    environment: {environment}\n  other:\n    image: a\n    environment: [\"P=${{PASSWORD}}\"]\n"
            ),
        );
        let expected = [("A", text("1")), ("B", text("x=y")), ("C", text(""))];
        let expected = expected.map(|(name, value)| (name.to_owned(), value)).into();
        assert_eq!(service(&blueprint, "db").environment, expected, "{environment}");
    }
    // As in Compose, a key without a value is an empty mapping.
    let blank = with("  tool:\n", "  other:\n    image: a\n    environment:\n  tool:\n");
    assert!(service(&blank, "other").environment.is_empty());
}

#[test]
fn every_key_of_the_stoa_block_is_read() {
    let blueprint = with(
        "  health: /health\n",
        concat!(
            "  health: /health\n",
            "  front: /shop?x=1\n",
            "  sleep: {allowed: true}\n",
            "  credentials: [{label: Admin, url: /admin, user: TITLE, password: PASSWORD}]\n",
            "  next_steps: [{title: Add a product, path: \"/new?type=a\", needs: {service: web, label: shop}}]\n",
            "  notices:\n",
            "    - {service: web, label: org.eol, equals: absent, message: No end of life.}\n",
            "    - {service: db, label: org.eol, equals: \"2030\", message: Old.}\n",
        ),
    );
    assert_eq!((blueprint.name.as_str(), blueprint.title.as_str()), ("app", "App"));
    assert_eq!((blueprint.description.as_str(), blueprint.kind), ("An app.", Kind::Site));
    assert_eq!((blueprint.route.service.0.as_str(), blueprint.route.port), ("web", 8080));
    assert_eq!((blueprint.health.as_str(), blueprint.front.as_str()), ("/health", "/shop?x=1"));
    assert!(blueprint.sleep_allowed);
    let credential =
        Credential { label: "Admin".into(), url: "/admin".into(), user: "TITLE".into(), password: "PASSWORD".into() };
    assert_eq!(blueprint.credentials, [credential]);
    let notice = |service: &str, equals: Option<&str>, message: &str| ImageNotice {
        service: ServiceName(service.into()),
        label: "org.eol".into(),
        equals: equals.map(str::to_owned),
        message: message.into(),
    };
    let needs = Some((ServiceName("web".into()), "shop".to_owned()));
    let step = crate::blueprint::NextStep { title: "Add a product".into(), path: "/new?type=a".into(), needs };
    assert_eq!(blueprint.next_steps, [step]);
    assert_eq!(blueprint.notices, [notice("web", None, "No end of life."), notice("db", Some("2030"), "Old.")]);
    assert_eq!(blueprint.backup, Backup { volumes: vec![VolumeName("data".into())], database: true });
    assert_eq!(blueprint.volumes, [VolumeName("data".into())]);

    let plain = with("  backup: {volumes: [data], database: true}\n", "  backup: {}\n");
    assert_eq!((plain.front.as_str(), plain.sleep_allowed, plain.backup), ("/", false, Backup::default()));
    assert_eq!(with("  kind: site\n", "  kind: store\n").kind, Kind::Store);
    assert!(!with("  health: /health\n", "  health: /\n  sleep: {allowed: false}\n").sleep_allowed);
}

#[test]
fn every_kind_of_variable_is_read() {
    let blueprint = parsed(
        &GOOD
            .replace("      FLAG: \"${FLAG}\"\n", "      FLAG: \"${FLAG}${B64}${URL}${WORD}\"\n")
            .replace(
                "    FLAG: {default: \"off\"}\n",
                "    FLAG: {generate: hex, length: 64}\n    B64: {generate: base64, length: 24}\n    URL: {from: site.url}\n    WORD: {default: $$5}\n",
            ),
    );
    let secret = |charset, length| Origin::Secret(Generator { charset, length });
    for (name, origin) in [
        ("TITLE", Origin::Fact(Fact::SiteTitle)),
        ("URL", Origin::Fact(Fact::SiteUrl)),
        ("PASSWORD", secret(Charset::Password, 24)),
        ("FLAG", secret(Charset::Hex, 64)),
        ("B64", secret(Charset::Base64, 24)),
        ("WORD", Origin::Default("$5".into())),
    ] {
        let variable = &blueprint.variables()[name];
        assert_eq!((variable.name.as_str(), &variable.origin), (name, &origin));
    }
    assert_eq!(blueprint.variables().len(), 7, "and IMAGE");
    for length in [20, 256] {
        let text = format!("    FLAG: {{generate: alphanumeric, length: {length}}}\n");
        let blueprint = with("    FLAG: {default: \"off\"}\n", &text);
        assert_eq!(blueprint.variables["FLAG"].origin, secret(Charset::Alphanumeric, length));
    }
    for (length, kind) in [(19, "password"), (257, "password"), (22, "base64")] {
        let text = format!("    FLAG: {{generate: {kind}, length: {length}}}\n");
        assert!(problems("    FLAG: {default: \"off\"}\n", &text).contains("FLAG.length: "), "{length} {kind}");
    }
}

#[test]
fn hooks_are_read_with_their_defaults() {
    let blueprint = with(
        "    dump: {service: db, command: [dump]}\n",
        "    dump: {service: db, command: [dump, --all], timeout: 6h, user: \"70\"}\n    set-domain: {service: web, command: [move], stdin: {}}\n",
    );
    let dump = blueprint.hook(HookName::Dump).expect("a hook");
    assert_eq!((dump.service.0.as_str(), dump.command.as_slice()), ("db", &["dump".to_owned(), "--all".into()][..]));
    assert_eq!((dump.timeout, dump.user.as_deref(), &dump.stdin), (Duration::from_secs(6 * 3600), Some("70"), &None));
    let moved = blueprint.hook(HookName::SetDomain).expect("a hook");
    assert_eq!((moved.timeout, moved.user.as_deref()), (Duration::from_secs(60), None));
    assert_eq!(moved.stdin_json(&strings(&[])), Ok(Some("{}".into())), "an empty object is an object");
    let late = "    dump: {service: db, command: [dump], timeout: 6h1s}\n";
    assert!(problems("    dump: {service: db, command: [dump]}\n", late).contains("hooks.dump.timeout: "));
}

/// The largest value that is accepted, and the next one.
#[test]
fn limits_hold_exactly() {
    let long = |length: usize| "a".repeat(length);
    for (fits, too_much) in [
        ("stop_grace_period: 10m".to_owned(), "stop_grace_period: 10m1s".to_owned()),
        ("pids_limit: 32768".into(), "pids_limit: 32769".into()),
        ("pids_limit: 1".into(), "pids_limit: 0".into()),
        (
            "deploy: {resources: {limits: {memory: 6m}}}".into(),
            "deploy: {resources: {limits: {memory: 6291455}}}".into(),
        ),
        ("healthcheck: {test: [CMD, x], retries: 100}".into(), "healthcheck: {test: [CMD, x], retries: 101}".into()),
        ("healthcheck: {test: [CMD, x]}".into(), "healthcheck: {test: [CMD]}".into()),
        ("healthcheck: {test: [CMD-SHELL, x]}".into(), "healthcheck: {test: [CMD-SHELL, x, y]}".into()),
        ("healthcheck: {test: [CMD, x], timeout: 600s}".into(), "healthcheck: {test: [CMD, x], timeout: 601s}".into()),
        ("tmpfs: \"/tmp:size=1\"".into(), "tmpfs: \"/tmp:size=0\"".into()),
        ("tmpfs: \"/tmp:mode=1777\"".into(), "tmpfs: \"/tmp:mode=2000\"".into()),
        (format!("tmpfs: /{}", long(199)), format!("tmpfs: /{}", long(200))),
        (format!("user: {}", long(40)), format!("user: {}", long(41))),
        (format!("user: {}:{}", long(40), long(40)), format!("user: a:{}", long(41))),
        (
            format!("environment: {{{}: b, P: \"${{PASSWORD}}\"}}", long(64)),
            format!("environment: {{{}: b}}", long(65)),
        ),
    ] {
        if fits.starts_with("environment") {
            let line = "    environment: [\"PASSWORD=${PASSWORD}\"]\n";
            with(line, &format!("    {fits}\n"));
            assert!(
                problems(line, &format!("    {too_much}\n")).contains("is no name in an environment"),
                "{too_much}"
            );
            continue;
        }
        with_db(&format!("    {fits}\n"));
        assert!(problem_in_db(&format!("    {too_much}\n")).contains("services.db."), "{too_much}");
    }
    let name = |length: usize| format!("  name: a{}\n", "-".repeat(length - 1));
    with("  name: app\n", &name(40));
    assert!(problems("  name: app\n", &name(41)).contains("is no name for a blueprint"));
    let many = |count: usize| (0..count).map(|n| format!("  s{n}: {{image: a}}\n")).collect::<String>() + "  tool:\n";
    with("  tool:\n", &many(9));
    assert!(problems("  tool:\n", &many(10)).contains("room for 13"));
    let padded = |length: usize| format!("{GOOD}#{}", "x".repeat(length - GOOD.len() - 1));
    parsed(&padded(Blueprint::MAX_FILE));
    assert!(Blueprint::parse("x", &padded(Blueprint::MAX_FILE + 1)).is_err());
}

#[test]
fn only_clean_absolute_paths_are_mount_points() {
    for path in ["/srv/data", "/a.b/..c", "/devices", "/system/proc"] {
        with_db(&format!("    tmpfs: {path}\n"));
    }
    for path in ["srv", "/a//b", "/a/", "/a/./b", "/a/..", "/a\\\\b", "/a,b", "/é", "/a b", "/proc", "/sys/x", "/dev"]
    {
        let found = problem_in_db(&format!("    tmpfs: \"{path}\"\n"));
        assert!(found.contains("is no place to mount something"), "{path}: {found}");
    }
}

#[test]
fn names_are_lower_case_and_begin_with_a_letter_or_digit() {
    for name in ["a", "0day", "a-b_c"] {
        with("  tool:\n", &format!("  {name}: {{image: a}}\n  tool:\n"));
    }
    for name in ["-a", "_a", "A", "a.b", "é"] {
        let found = problems("  tool:\n", &format!("  {name}: {{image: a}}\n  tool:\n"));
        assert!(found.contains("is no name for a service"), "{name}: {found}");
    }
    for name in ["1a", "-a", "A", "a_b"] {
        assert!(
            problems("  name: app\n", &format!("  name: {name}\n")).contains("is no name for a blueprint"),
            "{name}"
        );
    }
    for user in [":1", "a:", "a:B", "A:b"] {
        assert!(problem_in_db(&format!("    user: \"{user}\"\n")).contains("is no user"), "{user}");
    }
}

#[test]
fn a_variable_with_a_default_is_no_plain_text_either() {
    let found = problems("  title: App\n", "  title: ${FLAG:-off}\n");
    assert!(found.contains("x-stoa.title: variables work only in"), "{found}");
}

#[test]
fn the_example_shows_every_kind_of_value() {
    let blueprint = parsed(
        &GOOD
            .replace(
                "      TITLE: ${TITLE}\n",
                "      TITLE: ${TITLE}\n      ALL: \"${ID} ${URL} ${HOST} ${HOSTS} ${USER} ${MAIL}\"\n",
            )
            .replace(
                "    FLAG: {default: \"off\"}\n",
                concat!(
                    "    FLAG: {default: \"off\"}\n    ID: {from: site.id}\n    URL: {from: site.url}\n",
                    "    HOST: {from: site.hostname}\n    HOSTS: {from: site.hostnames}\n",
                    "    USER: {from: admin.user}\n    MAIL: {from: admin.email}\n",
                ),
            ),
    );
    let report = blueprint.check_report().expect("an example");
    let all = concat!(
        "site_00000000000000000000000000000000 https://shop.example shop.example shop.example,www.shop.example ",
        "admin owner@shop.example",
    );
    for text in [all, "\"Example\"", "(24 characters, password)", "\"off\"", "stoa/tool:1", "stoa/cache:1"] {
        assert!(report.contains(text), "{text} is missing:\n{report}");
    }
}
