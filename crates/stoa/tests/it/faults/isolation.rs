//! Two tenants on one machine: neither can reach the other from its containers, no port is published, and
//! `docker-compose` lists each stack as its own.

use std::{
    net::Ipv4Addr,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    engine::{exec, label},
    http::Request,
    world::World,
};
use crate::port::free_port;

/// A container of the test.
struct Container {
    id: String,
    address: Ipv4Addr,
    gateway: Ipv4Addr,
    description: Value,
}

fn container(world: &World, site: &str, service: &str) -> Container {
    let things = world.engine.labelled(&format!("stoa.site={site}"));
    let found =
        things.containers.iter().find(|c| label(c, "com.docker.compose.service") == service).expect("the service");
    let id = found["Id"].as_str().unwrap().to_owned();
    let description = world.engine.inspect(&id);
    let network = description["NetworkSettings"]["Networks"].as_object().unwrap().values().next().unwrap().clone();
    let address = |name: &str| network[name].as_str().unwrap().parse().unwrap();
    Container { address: address("IPAddress"), gateway: address("Gateway"), id, description }
}

impl Container {
    /// Whether this container (of the image ebuilder) can open a connection to there.
    fn reaches(&self, host: &str, port: u16) -> bool {
        let program = "import socket,sys; socket.create_connection((sys.argv[1],int(sys.argv[2])),2)";
        exec(&self.id, &["python3", "-c", program, host, &port.to_string()]).0 == 0
    }

    /// The same from a container of the image wordpress.
    fn php_reaches(&self, host: &str, port: u16) -> bool {
        let program = format!("exit(@fsockopen('{host}',{port},$n,$s,2)?0:1);");
        exec(&self.id, &["php", "-r", &program]).0 == 0
    }
}

#[test]
fn one_tenant_reaches_nothing_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let dns_port = free_port().port();
    let firewall = format!("[firewall]\nstate_dir = {:?}\ndns_port = {dns_port}\n", folder.path().join("firewall"));
    let Some(mut world) = World::new("isolation", "10.216.144.0/20", &firewall) else { return };
    world.start();
    let [first, second] = ["first", "second"].map(|name| world.make("ebuilder", name));
    let shop = world.make("woocommerce", "a-shop");
    let first_web = container(&world, &first, "web");
    let second_web = container(&world, &second, "web");
    let shop_web = container(&world, &shop, "web");
    let shop_db = container(&world, &shop, "db");

    // The probe itself works: each reaches its own, and so does the host.
    assert!(second_web.reaches(&second_web.address.to_string(), 8000));
    assert!(shop_web.php_reaches("db", 3306) && shop_web.php_reaches(&shop_db.address.to_string(), 3306));
    assert!(Request::get("x", "/").tcp((first_web.address, 8000).into(), Duration::from_secs(5)).is_ok());

    let shop_web_address = shop_web.address.to_string();
    let shop_db_address = shop_db.address.to_string();
    for (host, port) in [
        (first_web.address.to_string().as_str(), 8000),
        (shop_web_address.as_str(), 8080),
        (shop_db_address.as_str(), 3306),
        ("db", 3306),
        (shop_db.description["Name"].as_str().unwrap().trim_start_matches('/'), 3306),
    ] {
        assert!(!second_web.reaches(host, port), "a foreign container reaches {host}:{port}");
    }
    assert!(!shop_web.php_reaches(&second_web.address.to_string(), 8000));

    // The host: nothing but the edge.
    for gateway in [second_web.gateway, first_web.gateway, shop_web.gateway] {
        for port in [22, 2375, 2376, 4243, 8000, 8080, 3306] {
            assert!(!second_web.reaches(&gateway.to_string(), port), "a container reaches the host's {gateway}:{port}");
        }
    }
    for path in ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"] {
        let (code, _) =
            exec(&second_web.id, &["python3", "-c", "import os,sys; sys.exit(os.path.exists(sys.argv[1]))", path]);
        assert_eq!(code, 0, "{path} is in a container");
    }
    for container in [&first_web, &second_web, &shop_web, &shop_db] {
        is_tight(&container.description);
    }
    compose_lists(&world, "a-shop", &["db", "web"]);
    compose_lists(&world, "second", &["proxy", "web"]);
    a_store_reaches_itself_by_its_name(&world, &shop_web);
    world.cli(&["firewall", "remove"]);
}

/// The edge listens on loopback here, and `a-shop.localhost` has no address that a container could use.
fn a_store_reaches_itself_by_its_name(world: &World, shop: &Container) {
    let until = Instant::now() + Duration::from_secs(30);
    while !world.try_cli(&["firewall", "status"]).status.success() {
        assert!(Instant::now() < until, "the firewall is not in force: {}", world.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    let ask = |name: &str| {
        let url = format!("http://{name}:{}/", world.address.port());
        let program = format!(
            "echo file_get_contents('{url}', false, stream_context_create(['http' => ['timeout' => 5]])) === false ? 'no' : $http_response_header[0];"
        );
        exec(&shop.id, &["php", "-r", &program]).1
    };
    // The firewall learns of the name server at its second look.
    while !ask("a-shop.localhost").contains("200") {
        assert!(Instant::now() < until, "the store got {:?} from itself", ask("a-shop.localhost"));
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(ask("second.localhost").contains("200"), "another store, as any visitor");
    for (host, port) in [("169.254.169.254", 80), ("100.100.100.200", 80), ("168.63.129.16", 80), ("192.0.2.2", 25)] {
        assert!(!shop.php_reaches(host, port), "{host}:{port}");
    }
}

/// Docker applied the restrictions that the engine requested.
fn is_tight(description: &Value) {
    let name = description["Name"].as_str().unwrap();
    let host = &description["HostConfig"];
    let none = |value: &Value| {
        value.is_null()
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(serde_json::Map::is_empty)
    };
    assert_eq!(host["Privileged"], false, "{name}");
    assert_eq!(host["CapDrop"], json!(["ALL"]), "{name}");
    for nothing in ["CapAdd", "PortBindings", "Binds", "Devices", "VolumesFrom", "ExtraHosts", "Links", "GroupAdd"] {
        assert!(none(&host[nothing]), "{name}: {nothing} is {}", host[nothing]);
    }
    assert_eq!(host["PublishAllPorts"], false, "{name}");
    assert!(host["SecurityOpt"].as_array().unwrap().contains(&json!("no-new-privileges:true")), "{name}");
    for limit in ["PidsLimit", "Memory", "NanoCpus"] {
        assert!(host[limit].as_i64().is_some_and(|n| n > 0), "{name}: {limit} is {}", host[limit]);
    }
    assert_eq!(host["MemorySwap"], host["Memory"], "{name}: swap would be a second helping");
    for shared in ["PidMode", "UTSMode", "UsernsMode"] {
        assert_eq!(host[shared], "", "{name}: {shared}");
    }
    assert_ne!(host["IpcMode"], "host", "{name}");
    let own = format!("{}_default", description["Config"]["Labels"]["com.docker.compose.project"].as_str().unwrap());
    assert_eq!(host["NetworkMode"], own.as_str(), "{name}");
    for mount in description["Mounts"].as_array().unwrap() {
        assert!(["volume", "tmpfs"].contains(&mount["Type"].as_str().unwrap()), "{name}: {mount}");
    }
    let published = description["NetworkSettings"]["Ports"].as_object();
    assert!(published.is_none_or(|ports| ports.values().all(none)), "{name}: a port is published");
    for wanted in [
        "stoa.installation",
        "stoa.site",
        "stoa.operation",
        "com.docker.compose.service",
        "com.docker.compose.config-hash",
    ] {
        assert!(!label(&description["Config"], wanted).is_empty(), "{name} has no label {wanted}");
    }
}

fn compose_lists(world: &World, subdomain: &str, services: &[&str]) {
    let site = world.id(subdomain);
    let things = world.engine.labelled(&format!("stoa.site={site}"));
    let directory = label(&things.containers[0], "com.docker.compose.project.working_dir").to_owned();
    let project = label(&things.containers[0], "com.docker.compose.project").to_owned();
    let Ok(listed) = Command::new("docker-compose").arg("ps").current_dir(&directory).output() else {
        eprintln!("SKIPPED: docker-compose is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&listed.stdout).into_owned() + &String::from_utf8_lossy(&listed.stderr);
    assert!(listed.status.success(), "{text}");
    for service in services {
        let line = text.lines().find(|line| line.contains(&format!("{project}-{service}-1")));
        assert!(line.is_some_and(|line| line.contains("Up")), "{service} in {text}");
    }
}
