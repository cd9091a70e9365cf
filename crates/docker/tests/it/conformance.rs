//! The suite that every engine passes.

use stoa_provider::engine::conformance::{Fixture, engine_conforms};

use crate::setup::Real;

#[tokio::test(flavor = "multi_thread")]
async fn docker_conforms() {
    let Some(real) = Real::take().await else { return };
    let Real { docker, neighbor, fixtures, lock: _lock } = real;
    engine_conforms(docker, Fixture { neighbor, fixtures, is_real: true }).await;
    // The interface has no call to remove an image.
    let removed = std::process::Command::new("docker").args(["rmi", "stoa/test-built:1"]).output().unwrap();
    assert!(removed.status.success(), "{removed:?}");
}
