//! The suite that every engine passes.

use stoa_provider::engine::conformance::{Fixture, engine_conforms};

use crate::ground::Real;

#[tokio::test(flavor = "multi_thread")]
async fn docker_conforms() {
    let Some(real) = Real::take().await else { return };
    let Real { docker, neighbour, ground, lock: _lock } = real;
    engine_conforms(docker, Fixture { neighbour, ground, real: true }).await;
}
