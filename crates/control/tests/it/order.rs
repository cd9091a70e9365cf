//! Ordering a site.

use stoa_model::job::JobState;
use stoa_testkit::TestPlatform;

#[tokio::test]
async fn an_order_becomes_a_store() {
    let platform = TestPlatform::new().await;
    let jane = platform.customer("jane").await;
    let ordered = platform.order(&jane, "bakery").await;
    platform.run_until_idle().await;
    let job = platform.job(ordered.job).await;
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error_detail);
    let world = platform.world().await;
    let counts = ["network", "volume", "container", "lease", "secret", "credential", "schedule", "file", "route"];
    assert_eq!(counts.map(|kind| world.count(kind)), [1, 2, 2, 1, 4, 1, 1, 3, 1], "{world}");
    assert_eq!(platform.outbox().len(), 1);
}
