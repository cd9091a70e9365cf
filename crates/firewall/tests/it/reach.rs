//! What a container can reach.

use stoa_firewall::{apply, remove};

use crate::world::World;

#[tokio::test]
async fn a_container_reaches_its_own_site_and_the_internet_only() {
    let world = World::new();
    world.enter();
    let everything = [("b", 3306), ("b", 80), ("m", 22), ("metadata", 80), ("neighbour", 3306), ("mail", 25)];
    for (to, port) in everything {
        assert_eq!(world.connect("a", address(to), port), "open", "{to}:{port} without the firewall");
    }
    apply(&World::policy()).await.unwrap();
    for (to, port) in everything {
        assert_eq!(world.connect("a", address(to), port), "refused", "{to}:{port}");
    }
    for (to, port) in
        [("azure", 80), ("other gateway", 22), ("own gateway", 22), ("public address", 22), ("resolver", 80)]
    {
        assert_eq!(world.connect("a", address(to), port), "refused", "{to}:{port}");
    }
    let allowed = [("a2", 3306), ("internet", 80), ("internet", 3306), ("resolver", 53)];
    for (to, port) in allowed {
        assert_eq!(world.connect("a", address(to), port), "open", "{to}:{port}");
    }
    // Its own public address, at the edge's port as visitors know it and as the edge has it.
    for (to, port) in [("public address", 80), ("own gateway", 80), ("public address", 8080)] {
        assert_eq!(world.connect("a", address(to), port), "open", "{to}:{port}");
    }
    assert_eq!(world.connect("o", address("b"), 80), "no answer", "from outside into a site");
    assert_eq!(world.connect("m", address("b"), 80), "open", "the edge reaches every site");

    remove().await.unwrap();
    assert_eq!(world.run("m", "nft list tables inet; ip rule list | grep -c 427 || true").trim(), "0");
    assert_eq!(world.connect("a", address("b"), 80), "open");
}

#[tokio::test]
async fn exceptions_are_as_wide_as_they_are_written() {
    let world = World::new();
    world.enter();
    let mut policy = World::policy();
    policy.allow = vec!["192.168.7.7:3306".parse().unwrap(), "169.254.169.254".parse().unwrap()];
    policy.block = vec!["203.0.113.1/32".parse().unwrap()];
    policy.mail = true;
    apply(&policy).await.unwrap();
    assert_eq!(world.connect("a", address("neighbour"), 3306), "open");
    assert_eq!(world.connect("a", address("neighbour"), 80), "refused");
    assert_eq!(world.connect("a", address("metadata"), 80), "open");
    assert_eq!(world.connect("a", address("internet"), 80), "refused", "an operator's own network");
    policy.block.clear();
    // A name server of ours on this machine, whatever server a container asks: the one here tells by its port.
    policy.dns_port = Some(22);
    apply(&policy).await.unwrap();
    assert_eq!(world.connect("a", address("mail"), 25), "open");
    for asked in ["resolver", "own gateway", "internet"] {
        assert_eq!(world.connect("a", address(asked), 53), "open", "{asked}");
    }
    world.run("o", "iptables -A INPUT -p tcp --dport 53 -j DROP");
    assert_eq!(world.connect("a", address("internet"), 53), "open");
}

fn address(name: &str) -> &'static str {
    match name {
        "a2" => "10.213.0.3",
        "b" => "10.213.0.18",
        "m" | "public address" => "203.0.113.2",
        "own gateway" => "10.213.0.1",
        "other gateway" => "10.213.0.17",
        "internet" | "mail" => "203.0.113.1",
        "metadata" => "169.254.169.254",
        "azure" => "168.63.129.16",
        "neighbour" => "192.168.7.7",
        "resolver" => "10.9.9.9",
        other => panic!("nothing is called {other}"),
    }
}
