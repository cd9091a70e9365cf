//! Sites' networks beside the machine's own.

use std::{process::Command, sync::Arc, time::Duration};

use stoa_docker::{Docker, DockerConfig};
use stoa_provider::engine::Engine;

use crate::setup::Real;

fn with_mtu(mtu: u32) -> Arc<Docker> {
    Arc::new(Docker::connect(DockerConfig {
        socket: "/var/run/docker.sock".into(),
        installation: "stoa-test-ours".into(),
        address_pool: "10.214.0.0/16".parse().unwrap(),
        mtu: Some(mtu),
        timeout: Duration::from_secs(120),
    }))
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the doctor advises where a network allows larger packets than the way out carries.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_gets_the_packet_size_and_a_removed_one_is_made_again_with_another() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        let deployment = real.deployment(&["web"]);
        let project = &deployment.stack.project;
        let inside = async || real.shell(&deployment, "web", "cat /sys/class/net/eth0/mtu").await.stdout;
        with_mtu(1400).deploy(&deployment).await.unwrap();
        assert_eq!(inside().await, "1400\n");

        let docker = with_mtu(1300);
        let mtu = docker.describe().await.unwrap().mtu.unwrap();
        let network = format!("{project}_default");
        assert_eq!((mtu.wanted, mtu.larger.as_slice()), (1300, &[(network.clone(), 1400)][..]));
        docker.stop(project).await.unwrap();
        // As `docker compose down` does.
        run("docker", &["rm", &format!("{project}-web-1")]);
        run("docker", &["network", "rm", &network]);
        docker.deploy(&deployment).await.unwrap();
        assert_eq!(inside().await, "1300\n");
        assert!(docker.describe().await.unwrap().mtu.unwrap().larger.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_routes_of_the_machine_are_left_out_of_the_pool() {
    let Some(real) = Real::take().await else { return };
    real.run(async |real| {
        run("ip", &["address", "add", "10.214.200.17/28", "dev", "lo"]);
        run("ip", &["route", "add", "10.214.201.0/24", "dev", "lo", "table", "4242"]);
        let info = real.docker.describe().await;
        run("ip", &["route", "del", "10.214.201.0/24", "dev", "lo", "table", "4242"]);
        run("ip", &["address", "del", "10.214.200.17/28", "dev", "lo"]);
        let pool = real.docker.lease_pool(&info.unwrap()).unwrap();
        let first = |a: i64, b: i64| pool.first + a * 256 + b;
        let is_taken = |at: i64| pool.taken.iter().any(|(from, to)| *from <= at && at < *to);
        assert!(is_taken(first(200, 17)) && is_taken(first(201, 0)) && is_taken(first(201, 255)), "{:?}", pool.taken);
        assert!(!is_taken(first(202, 0)));
    })
    .await;
}
