//! What a site has served is counted.

use std::time::Duration;

use stoa_model::{id::SiteId, route::Target, traffic::Traffic};

use super::{
    Answer, Ask, Edge, Probe,
    tables::{Tables, apply, site},
};

/// An edge may count late, but not later than this.
const COUNT_TIMEOUT: Duration = Duration::from_secs(10);

/// Counts grow with the requests of their own site, and stay when its route goes.
pub(super) async fn counts_grow(edge: &dyn Edge, probe: &dyn Probe, tables: &mut Tables) {
    let [one, two] = probe.upstreams();
    apply(edge, &tables.next(&[("a.example.com", Target::Upstream(one)), ("b.example.com", Target::Upstream(two))]))
        .await;
    let before = [counted(edge, site(0)).await, counted(edge, site(1)).await];
    for _ in 0..3 {
        assert_eq!(probe.ask("a.example.com").await, Answer::Upstream(one));
    }
    assert_eq!(probe.send(Ask { host: "a.example.com", path: "/", body: 100 }).await, Answer::Upstream(one));
    assert_eq!(probe.ask("b.example.com").await, Answer::Upstream(two));
    apply(edge, &tables.next(&[])).await;

    let both = async {
        loop {
            let now = [counted(edge, site(0)).await.since(&before[0]), counted(edge, site(1)).await.since(&before[1])];
            if now[0].requests >= 4 && now[1].requests >= 1 {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let Ok([a, b]) = tokio::time::timeout(COUNT_TIMEOUT, both).await else { panic!("5 requests were not counted") };
    assert_eq!((a.requests, b.requests), (4, 1), "each request is counted once, for its own site");
    assert_eq!((a.statuses[2], b.statuses[2]), (4, 1), "by its status");
    assert_eq!((a.bytes_in, b.bytes_in), (100, 0), "with the bytes of its body");
    assert!(a.bytes_out > b.bytes_out && b.bytes_out > 0, "and of its answer: {} and {}", a.bytes_out, b.bytes_out);
    assert_eq!(a.latency.iter().sum::<u64>(), 4, "and its duration");
}

async fn counted(edge: &dyn Edge, site: SiteId) -> Traffic {
    let all = edge.traffic().await.unwrap_or_else(|error| panic!("reading the counts: {error}"));
    all.into_iter().find(|(id, _)| *id == site).map(|(_, traffic)| traffic).unwrap_or_default()
}
