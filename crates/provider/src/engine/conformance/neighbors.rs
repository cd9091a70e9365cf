//! Stacks and installations don't see, reach or remove one another.

use super::{Case, named};
use crate::engine::{Deployment, Endpoint, EngineError, Scope};

pub(super) async fn apart(case: &Case) {
    let (ours, theirs) = (&case.engine, &case.fixture.neighbor);
    let (one, two, foreign) = (case.deployment(&["web"]), case.deployment(&["web"]), case.deployment(&["web"]));
    for deployment in [&one, &two] {
        ours.deploy(deployment).await.expect("deployed");
    }
    theirs.deploy(&foreign).await.expect("the neighbor's is deployed");
    let project = &foreign.stack.project;

    let listed = ours.list().await.expect("a list");
    let mut projects: Vec<_> = listed.iter().map(|observed| &observed.project).collect();
    projects.sort();
    assert_eq!(projects, [&one.stack.project, &two.stack.project]);
    assert_eq!(theirs.list().await.expect("a list").len(), 1);
    assert_eq!(listed[0], ours.observe(&listed[0].project).await.expect("seen"), "both say the same");

    for scope in [Scope::CreatedBy(foreign.operation), Scope::Everything] {
        ours.remove(project, scope).await.expect("nothing of ours to remove");
    }
    ours.stop(project).await.expect("nothing of ours to stop");
    ours.retire(&foreign).await.expect("nothing of ours to retire");
    assert!(theirs.observe(project).await.expect("seen").all_running(), "the neighbor's runs on");

    if case.fixture.is_real {
        out_of_reach(case, &one, &two).await;
    }
}

/// A server in one stack answers its own stack, by name too, and no other.
async fn out_of_reach(case: &Case, one: &Deployment, two: &Deployment) {
    case.shell(one, "web", "echo reached > /data/index.html; busybox httpd -p 8000 -h /data").await;
    let endpoint = case.engine.endpoint(&one.stack.project, &one.placement, &named("web"), 8000, one.revision).await;
    let (host, port) = match endpoint.expect("an endpoint") {
        Endpoint::Address(address) => (address.ip().to_string(), address.port()),
        Endpoint::Host { host, port } => (host, port),
    };
    let get = |seconds: u8| format!("busybox timeout {seconds} busybox wget -q -O - http://{host}:{port}/");
    assert_eq!(case.shell(one, "web", &get(30)).await.stdout, "reached\n", "the server answers at home");
    let name = case.shell(one, "web", "busybox nslookup web").await;
    assert!(name.stdout.contains(&host), "a service's name is its address: {name:?}");
    let crossed = case.shell(two, "web", &get(2)).await;
    assert!(crossed.code != 0 && crossed.stdout.is_empty(), "another stack reached it: {crossed:?}");
}

pub(super) async fn leases(case: &Case) {
    let (engine, first, own) = (&case.engine, case.deployment(&["web"]), case.deployment(&["web"]));
    let Some(lease) = case.fixture.fixtures.lease_of(&first.stack.project) else { return };
    let project = &own.stack.project;
    engine.deploy(&first).await.expect("deployed");
    let info = engine.describe().await.expect("a description");
    assert!(info.in_use.iter().any(|(_, (from, to))| *from == lease && *to > lease), "{info:?}");
    let pool = engine.lease_pool(&info).expect("a pool, as there are leases");
    assert!(pool.taken.iter().any(|(from, to)| *from <= lease && *to > lease), "{pool:?}");

    let stolen = Deployment { placement: first.placement.clone(), ..own.clone() };
    let answer = engine.deploy(&stolen).await;
    assert!(matches!(answer, Err(EngineError::LeaseInUse { .. })), "a lease in use was answered with {answer:?}");
    engine.remove(project, Scope::CreatedBy(stolen.operation)).await.expect("undone");
    assert!(engine.observe(project).await.expect("seen").is_empty());
    assert!(engine.observe(&first.stack.project).await.expect("seen").all_running(), "the first is untouched");

    engine.deploy(&own).await.expect("with its own lease it is deployed");
}
