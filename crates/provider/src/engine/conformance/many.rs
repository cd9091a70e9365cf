//! More stacks at once than Docker's own address pools have networks (31).

use futures_util::{StreamExt, future::join_all, stream};

use super::{Case, watch};
use crate::engine::Deployment;

const STACKS: usize = 44;
/// As a busy control plane would: not all at the same time.
const MAX_CONCURRENT: usize = 8;

pub(super) async fn at_once(case: &Case) {
    let deployments: Vec<Deployment> = (0..STACKS).map(|_| case.deployment(&["web"])).collect();
    let mut events = case.engine.events().await.expect("a stream");
    let made = stream::iter(&deployments)
        .map(|deployment| case.engine.deploy(deployment))
        .buffer_unordered(MAX_CONCURRENT)
        .collect::<Vec<_>>()
        .await;
    made.into_iter().for_each(|made| drop(made.expect("each of many is deployed")));
    let seen = join_all(deployments.iter().map(|deployment| case.engine.observe(&deployment.stack.project))).await;
    assert!(seen.into_iter().all(|observed| observed.expect("seen").all_running()));
    assert_eq!(case.engine.list().await.expect("a list").len(), STACKS);
    watch::started(&mut events, &deployments[0].stack.project).await;
}
