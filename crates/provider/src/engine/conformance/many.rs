//! More stacks at once than Docker's own address pools hold networks (31).

use futures_util::{StreamExt, future::join_all, stream};
use stoa_model::stack::Stack;

use super::{Case, watch};

const STACKS: usize = 44;
/// As a busy control plane would: not all at the same moment.
const AT_ONCE: usize = 8;

pub(super) async fn at_once(case: &Case) {
    let stacks: Vec<Stack> = (0..STACKS).map(|_| case.stack(&["web"])).collect();
    let mut events = case.engine.events().await.expect("a stream");
    let made = stream::iter(&stacks)
        .map(|stack| case.engine.apply(stack, case.fixture.ground.job()))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    made.into_iter().for_each(|made| made.expect("each of many is made"));
    let seen = join_all(stacks.iter().map(|stack| case.engine.observe(&stack.project))).await;
    assert!(seen.into_iter().all(|observed| observed.expect("seen").all_running()));
    assert_eq!(case.engine.list().await.expect("a list").len(), STACKS);
    watch::started(&mut events, &stacks[0].project).await;
}
