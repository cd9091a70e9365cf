//! What a blueprint may not say around its services: volumes, the `x-stoa` block, variables, hooks.

use super::refusals::refused;

#[test]
fn the_file_around_the_services() {
    refused(
        "volumes:\n  data: {}\n",
        &[
            (
                "volumes: {data: {external: true}}\n",
                "compose.yaml:19:18: volumes.data.external: a site owns its volumes",
            ),
            ("volumes: {data: {driver: x}}\n", "compose.yaml:19:18: volumes.data.driver: volumes lie where"),
            (
                "volumes: {data: {driver_opts: {}}}\n",
                "compose.yaml:19:18: volumes.data.driver_opts: options of a driver",
            ),
            ("volumes: {data: {name: x}}\n", "compose.yaml:19:18: volumes.data.name: the platform names the volumes"),
            ("volumes: {data: {x: y}}\n", "compose.yaml:19:18: volumes.data.x: Stoa does not know the key x"),
            ("volumes: {data: , more: }\n", "compose.yaml:19:19: volumes.more: no service mounts this volume"),
            ("volumes: {data: , A B: }\n", "compose.yaml:19:19: volumes.A B: \"A B\" is no name for a volume"),
            ("volumes: [data]\n", "compose.yaml:19:10: volumes: expected a mapping, found a list"),
            (
                "volumes: {data: }\nnetworks: {x: {external: true}}\n",
                "compose.yaml:20:1: networks: every site has its own",
            ),
            ("volumes: {data: }\nversion: \"3\"\n", "compose.yaml:20:1: version: Compose files have no version"),
            ("volumes: {data: }\nname: x\n", "compose.yaml:20:1: name: the platform names the project"),
            ("volumes: {data: }\nsecrets: {}\n", "compose.yaml:20:1: secrets: secrets are variables"),
            ("volumes: {data: }\ninclude: [x]\n", "compose.yaml:20:1: include: a blueprint is one file"),
            (
                "volumes: {data: }\nservice: {}\n",
                "compose.yaml:20:1: service: Stoa does not know the key service; it knows:",
            ),
        ],
    );
    refused("  tool:\n", &[("  Tool:\n", "compose.yaml:12:3: services.Tool: \"Tool\" is no name for a service")]);
    let many: String = (0..12).map(|n| format!("  s{n}: {{image: a}}\n")).collect();
    refused(
        "  tool:\n",
        &[(&format!("{many}  tool:\n"), "compose.yaml:1:1: services: a site's network has room for 13")],
    );
}

#[test]
fn the_stoa_block() {
    refused(
        "  name: app\n",
        &[
            ("", "compose.yaml:21:1: x-stoa: the key name is missing"),
            ("  name: App\n", "compose.yaml:22:9: x-stoa.name: \"App\" is no name for a blueprint"),
            ("  name: app\n  nme: x\n", "compose.yaml:23:3: x-stoa.nme: Stoa does not know the key nme"),
        ],
    );
    refused("  title: App\n", &[("  title: \" \"\n", "compose.yaml:23:10: x-stoa.title: this is empty")]);
    refused("  kind: site\n", &[("  kind: shop\n", "compose.yaml:25:9: x-stoa.kind: \"shop\" is no kind")]);
    refused(
        "{service: web, port: 8080}",
        &[
            ("{service: nope, port: 8080}", "compose.yaml:26:20: x-stoa.route.service: \"nope\" is no service"),
            ("{service: tool, port: 8080}", "compose.yaml:26:10: x-stoa.route: tool is in a profile"),
            (
                "{service: web, port: 0}",
                "compose.yaml:26:31: x-stoa.route.port: expected a whole number from 1 to 65535",
            ),
            ("{service: web}", "compose.yaml:26:3: x-stoa.route: the key port is missing"),
            (
                "{service: web, port: 8080}\n  limits: {service: nope}",
                "compose.yaml:27:21: x-stoa.limits.service: \"nope\" is no service",
            ),
            (
                "{service: web, port: 8080}\n  limits: {service: tool}",
                "compose.yaml:27:11: x-stoa.limits: tool is in a profile",
            ),
            (
                "{service: web, port: 8080}\n  limits: {}",
                "compose.yaml:27:3: x-stoa.limits: the key service is missing",
            ),
        ],
    );
    refused(
        "  health: /health\n",
        &[
            ("  health: health\n", "compose.yaml:27:11: x-stoa.health: \"health\" is no path"),
            ("  health: //evil.example/\n", "compose.yaml:27:11: x-stoa.health: \"//evil.example/\" is no path"),
            ("  health: \"/a b\"\n", "compose.yaml:27:11: x-stoa.health: \"/a b\" is no path"),
            ("  health: /${TITLE}\n", "compose.yaml:27:11: x-stoa.health: variables work only in"),
            ("  health: /\n  sleep: {}\n", "compose.yaml:28:3: x-stoa.sleep: the key allowed is missing"),
            (
                "  health: /\n  credentials: [{label: a, url: /, user: X, password: PASSWORD}]\n",
                "compose.yaml:28:42: x-stoa.credentials[0].user: \"X\" is not declared",
            ),
            (
                "  health: /\n  notices: [{service: x, label: l, equals: absent, message: m}]\n",
                "compose.yaml:28:23: x-stoa.notices[0].service: \"x\" is no service",
            ),
            (
                "  health: /\n  next_steps: [{title: a, path: admin}]\n",
                "compose.yaml:28:33: x-stoa.next_steps[0].path: \"admin\" is no path",
            ),
            (
                "  health: /\n  next_steps: [{title: a, path: /, needs: {service: x, label: l}}]\n",
                "compose.yaml:28:53: x-stoa.next_steps[0].needs.service: \"x\" is no service",
            ),
            (
                "  health: /\n  notices: [{service: db, label: l, message: m}]\n",
                "compose.yaml:28:13: x-stoa.notices[0]: the key equals is missing",
            ),
        ],
    );
    refused(
        "  backup: {volumes: [data], database: true}\n",
        &[
            ("", "compose.yaml:21:1: x-stoa: the key backup is missing"),
            (
                "  backup: {volumes: [nope]}\n",
                "compose.yaml:37:22: x-stoa.backup.volumes[0]: the volume \"nope\" is not",
            ),
        ],
    );
}

#[test]
fn variables_and_hooks() {
    refused(
        "    FLAG: {default: \"off\"}\n",
        &[
            ("", "compose.yaml:6:13: services.web.environment.FLAG: the variable FLAG is not declared"),
            (
                "    FLAG: {default: \"off\"}\n    MORE: {default: x}\n",
                "compose.yaml:32:5: x-stoa.variables.MORE: nothing uses",
            ),
            ("    FLAG: {}\n", "compose.yaml:31:11: x-stoa.variables.FLAG: say where the value comes from"),
            ("    FLAG: {default: a, from: site.id}\n", "compose.yaml:31:11: x-stoa.variables.FLAG: say where"),
            (
                "    FLAG: {from: site.secret}\n",
                "compose.yaml:31:18: x-stoa.variables.FLAG.from: \"site.secret\" is no fact",
            ),
            (
                "    FLAG: {generate: weak, length: 24}\n",
                "compose.yaml:31:22: x-stoa.variables.FLAG.generate: \"weak\" is no",
            ),
            (
                "    FLAG: {generate: password}\n",
                "compose.yaml:31:11: x-stoa.variables.FLAG: the key length is missing",
            ),
            (
                "    FLAG: {generate: password, length: 12}\n",
                "compose.yaml:31:40: x-stoa.variables.FLAG.length: expected a whole number from 20 to 256",
            ),
            (
                "    FLAG: {generate: hex, length: 33}\n",
                "compose.yaml:31:35: x-stoa.variables.FLAG.length: the length of hex",
            ),
            (
                "    FLAG: {default: a, length: 33}\n",
                "compose.yaml:31:24: x-stoa.variables.FLAG.length: length belongs to",
            ),
            (
                "    FLAG: {default: a}\n    1X: {default: a}\n",
                "compose.yaml:32:5: x-stoa.variables.1X: \"1X\" is no name",
            ),
        ],
    );
    refused(
        "    dump: {service: db, command: [dump]}\n",
        &[
            ("", "compose.yaml:36:11: x-stoa.backup: a database is saved by the hooks dump and restore"),
            (
                "    dump: {service: tool, command: [dump]}\n",
                "compose.yaml:35:11: x-stoa.hooks.dump: tool is in a profile",
            ),
            (
                "    dump: {service: db, command: mysqldump | gzip}\n",
                "compose.yaml:35:34: x-stoa.hooks.dump.command: this is a",
            ),
            (
                "    dump: {service: db, command: [\"${PASSWORD}\"]}\n",
                "compose.yaml:35:35: x-stoa.hooks.dump.command[0]: variables work only in",
            ),
            (
                "    dump: {service: db, command: [a], stdin: {}}\n",
                "compose.yaml:35:39: x-stoa.hooks.dump.stdin: the dump itself",
            ),
            (
                "    dump: {service: db, command: [a], timeout: 1d}\n",
                "compose.yaml:35:48: x-stoa.hooks.dump.timeout: \"1d\" is no",
            ),
            (
                "    dump: {service: db, command: [a], shell: sh}\n",
                "compose.yaml:35:39: x-stoa.hooks.dump.shell: Stoa does not",
            ),
            (
                "    boot: {service: db, command: [a]}\n",
                "compose.yaml:35:5: x-stoa.hooks.boot: \"boot\" is no hook; there are:",
            ),
        ],
    );
    refused(
        "stdin: {title: \"${TITLE}\"}",
        &[
            (
                "stdin: {title: \"${NOPE}\"}",
                "compose.yaml:34:60: x-stoa.hooks.claim.stdin.title: the variable NOPE is not",
            ),
            (
                "stdin: {\"a b\": x}",
                "compose.yaml:34:53: x-stoa.hooks.claim.stdin.a b: \"a b\" is no name for a member",
            ),
            ("stdin: [x]", "compose.yaml:34:52: x-stoa.hooks.claim.stdin: expected a mapping"),
        ],
    );
}
