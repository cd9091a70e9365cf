//! Stacks and installations don't see, reach or remove one another.

use stoa_model::stack::Stack;

use super::Case;
use crate::engine::{EngineError, Scope};

pub(super) async fn apart(case: &Case) {
    let (ours, theirs) = (&case.engine, &case.fixture.neighbour);
    let (one, two, foreign) = (case.stack(&["web"]), case.stack(&["web"]), case.stack(&["web"]));
    for stack in [&one, &two] {
        ours.apply(stack, case.fixture.ground.job()).await.expect("made");
    }
    let job = case.fixture.ground.job();
    theirs.apply(&foreign, job).await.expect("the neighbour's is made");

    let listed = ours.list().await.expect("a list");
    let mut projects: Vec<_> = listed.iter().map(|observed| &observed.project).collect();
    projects.sort();
    assert_eq!(projects, [&one.project, &two.project]);
    assert_eq!(theirs.list().await.expect("a list").len(), 1);
    assert_eq!(listed[0], ours.observe(&listed[0].project).await.expect("seen"), "both tell the same");

    for scope in [Scope::CreatedBy(job), Scope::Everything] {
        ours.remove(&foreign.project, scope).await.expect("nothing of ours to remove");
    }
    ours.stop(&foreign.project).await.expect("nothing of ours to stop");
    assert!(theirs.observe(&foreign.project).await.expect("seen").all_running(), "the neighbour's runs on");

    if case.fixture.real {
        out_of_reach(case, &one, &two).await;
    }
}

/// A server in one stack answers its own stack, by name too, and no other.
async fn out_of_reach(case: &Case, one: &Stack, two: &Stack) {
    case.shell(one, "web", "echo reached > /data/index.html; busybox httpd -p 8000 -h /data").await;
    let address = one.services[0].address;
    let get = |seconds: u8| format!("busybox timeout {seconds} busybox wget -q -O - http://{address}:8000/");
    assert_eq!(case.shell(one, "web", &get(30)).await.stdout, "reached\n", "the server answers at home");
    let name = case.shell(one, "web", "busybox nslookup web").await;
    assert!(name.stdout.contains(&address.to_string()), "a service's name is its address: {name:?}");
    let crossed = case.shell(two, "web", &get(2)).await;
    assert!(crossed.code != 0 && crossed.stdout.is_empty(), "another stack reached it: {crossed:?}");
}

pub(super) async fn subnets(case: &Case) {
    let (engine, first, mut second) = (&case.engine, case.stack(&["web"]), case.stack(&["web"]));
    engine.apply(&first, case.fixture.ground.job()).await.expect("made");
    let known = engine.describe().await.expect("a description").subnets;
    assert!(known.contains(&(first.engine_network(), first.subnet)), "{known:?}");

    let own = second.subnet;
    second.subnet = first.subnet;
    let job = case.fixture.ground.job();
    match engine.apply(&second, job).await {
        Err(EngineError::SubnetInUse { subnet, .. }) => assert_eq!(subnet, first.subnet),
        other => panic!("a subnet in use was answered with {other:?}"),
    }
    engine.remove(&second.project, Scope::CreatedBy(job)).await.expect("undone");
    assert!(engine.observe(&second.project).await.expect("seen").is_empty());
    assert!(engine.observe(&first.project).await.expect("seen").all_running(), "the first is untouched");

    second.subnet = own;
    engine.apply(&second, job).await.expect("with its own subnet it is made");
}
