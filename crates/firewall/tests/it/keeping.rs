//! Somebody changes the machine's rules: everything is put back, and no packet passes meanwhile.

use std::{path::Path, process::Stdio, time::Duration};

use jiff::Timestamp;
use stoa_firewall::{Condition, INTERVAL, Status, keep};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// Connects to the other site for as long as its input is open, every few milliseconds.
const KNOCK: &str = r#"
import select, socket, sys
while not select.select([sys.stdin], [], [], 0.003)[0]:
    s = socket.socket(); s.setblocking(False); s.connect_ex(("10.213.0.18", 80)); select.select([], [s], [], 0.02); s.close()
"#;

#[tokio::test]
async fn whatever_is_removed_is_put_back_and_no_packet_passes_meanwhile() {
    let mut world = World::new();
    world.enter();
    let directory = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let test = async {
        let first = in_force(directory.path(), 0).await;
        assert_eq!((first.repairs, &first.last_repair), (0, &None));
        let mut knocking = world.command("a").args(["python3", "-c", KNOCK]).stdin(Stdio::piped()).spawn().unwrap();
        let changes = [
            // Of nftables: seen when they happen.
            ("nft delete table inet stoa", "the table inet stoa"),
            ("nft flush chain inet stoa from_site", "the table inet stoa"),
            ("nft delete element inet stoa private { 10.0.0.0/8 }", "the table inet stoa"),
            ("nft flush ruleset", "iptables"),
            ("iptables -F FORWARD", "iptables"),
            // Others: seen at the next look.
            ("ip rule del pref 4271", "routing rules"),
            ("ip rule del pref 4270; sysctl -qw net.ipv4.ip_forward=0", "ip_forward"),
        ];
        let mut repairs = 0;
        for (change, missing) in changes {
            world.run("m", change);
            let status = in_force(directory.path(), repairs + 1).await;
            let repair = status.last_repair.unwrap();
            assert!(repair.missing.contains(missing), "{change}: {repair:?}");
            repairs = status.repairs;
            assert_eq!(world.connect("a", "203.0.113.1", 80), "open", "the way out after {change}");
            assert_eq!(world.connect("a", "10.213.0.3", 3306), "open", "the own database after {change}");
            assert_eq!(world.connect("a", "192.168.7.7", 80), "refused", "the neighbour after {change}");
        }
        // Docker does so with each order: no repair.
        world.run("m", "iptables -I FORWARD -o docker9 -j ACCEPT; nft add table ip other");
        time::sleep(Duration::from_secs(1)).await;
        let status = in_force(directory.path(), repairs).await;
        assert_eq!(status.repairs, repairs, "{status:?}");
        drop(knocking.stdin.take());
        knocking.wait().unwrap();
        stop.cancel();
    };
    let (kept, ()) = tokio::join!(keep(async || World::policy(), directory.path(), &stop), test);
    kept.unwrap();
    assert_eq!(world.connections_to_the_other_site(), 0);
    assert!(world.run("m", "nft list tables").contains("inet stoa"), "the rules stay");
}

#[tokio::test]
async fn one_process_keeps_and_the_next_one_waits_for_it() {
    let world = World::new();
    world.enter();
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let test = async {
        in_force(directory.path(), 0).await;
        time::sleep(Duration::from_millis(300)).await;
        first.cancel();
        world.run("m", "nft delete table inet stoa");
        // A new keeper puts everything in force without calling it a repair.
        let began = Timestamp::now();
        while in_force(directory.path(), 0).await.checked_at < began {
            time::sleep(Duration::from_millis(50)).await;
        }
        assert!(world.run("m", "nft list tables").contains("inet stoa"));
        second.cancel();
    };
    let keepers = async {
        let (first, second) = tokio::join!(keep(async || World::policy(), directory.path(), &first), async {
            time::sleep(Duration::from_millis(200)).await;
            keep(async || World::policy(), directory.path(), &second).await
        });
        first.and(second).unwrap();
    };
    tokio::join!(keepers, test);
}

/// Waits for a status of at least so many repairs.
async fn in_force(directory: &Path, repairs: u64) -> Status {
    let deadline = time::Instant::now() + 3 * INTERVAL;
    loop {
        let condition = Condition::read(directory, Timestamp::now());
        match condition {
            Condition::InForce(status) if status.repairs >= repairs => return status,
            condition if time::Instant::now() > deadline => panic!("{condition:?}"),
            _ => time::sleep(Duration::from_millis(50)).await,
        }
    }
}
