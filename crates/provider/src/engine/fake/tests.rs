use std::time::Duration;

use stoa_model::net::Subnet;

use super::*;
use crate::engine::{Engine, EngineError, Scope, conformance::Fixtures};

fn ground() -> Fixtures {
    Fixtures::new("10.214.0.0/16".parse::<Subnet>().unwrap(), "stoa/test-busybox:1".parse().unwrap())
}

#[tokio::test]
async fn the_nth_call_fails_and_the_next_does_not() {
    let (fake, ground) = (FakeEngine::default(), ground());
    let stack = ground.stack(&["web"]);
    fake.fail(Verb::Observe, 2, Fault::Refused("no".into()));
    assert!(fake.observe(&stack.project).await.is_ok());
    assert!(matches!(fake.observe(&stack.project).await, Err(EngineError::Refused { reason, .. }) if reason == "no"));
    assert!(fake.observe(&stack.project).await.is_ok());
    assert_eq!(fake.count(Verb::Observe), 3);
}

#[tokio::test]
async fn half_an_apply_is_removed_by_its_operation() {
    let (fake, ground) = (FakeEngine::default(), ground());
    let (stack, job) = (ground.stack(&["db", "web"]), ground.job());
    fake.fail(Verb::Apply, 1, Fault::Half);
    assert!(fake.apply(&stack, job).await.is_err());
    let half = fake.observe(&stack.project).await.unwrap();
    assert_eq!((half.services.len(), half.networks.len(), half.volumes.len()), (1, 1, 1));
    fake.remove(&stack.project, Scope::CreatedBy(job)).await.unwrap();
    assert!(fake.observe(&stack.project).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_work_done() {
    let (fake, ground) = (FakeEngine::default(), ground());
    let stack = ground.stack(&["web"]);
    fake.fail(Verb::Apply, 1, Fault::AnswerLost);
    assert!(fake.apply(&stack, ground.job()).await.is_err_and(|error| error.is_transient()));
    assert!(fake.observe(&stack.project).await.unwrap().all_running());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_call_waits_for_its_release() {
    let (fake, ground) = (Arc::new(FakeEngine::default()), ground());
    let stack = ground.stack(&["web"]);
    fake.fail(Verb::Apply, 1, Fault::Stall);
    let (caller, job) = (fake.clone(), ground.job());
    let mut call = tokio::spawn(async move { caller.apply(&stack, job).await });
    assert!(tokio::time::timeout(Duration::from_secs(60), &mut call).await.is_err());
    fake.release();
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn while_down_nothing_answers_and_streams_end() {
    use futures_util::StreamExt;
    let (fake, ground) = (FakeEngine::default(), ground());
    let stack = ground.stack(&["web"]);
    let mut events = fake.events().await.unwrap();
    fake.go_down();
    assert!(fake.apply(&stack, ground.job()).await.is_err_and(|error| error.is_transient()));
    assert!(events.next().await.is_some_and(|event| event.is_err()));
    assert!(events.next().await.is_none());
    fake.come_up();
    fake.apply(&stack, ground.job()).await.unwrap();
}

#[tokio::test]
async fn it_lies_about_health_when_told() {
    let (fake, ground) = (FakeEngine::default(), ground());
    let (stack, web) = (ground.stack(&["web"]), ServiceName("web".into()));
    fake.apply(&stack, ground.job()).await.unwrap();
    fake.set_health(&stack.project, &web, false);
    assert_eq!(fake.observe(&stack.project).await.unwrap().services[0].healthy, Some(false));
    fake.crash(&stack.project, &web, 3);
    let web = &fake.observe(&stack.project).await.unwrap().services[0];
    assert_eq!((web.healthy, web.exit_code), (None, Some(3)));
}

/// As much of busybox as the suite runs.
fn busybox(exec: &Exec) -> Option<ExecOutput> {
    use stoa_model::secret::ExposeSecret;
    let argv: Vec<&str> = exec.argv.iter().map(String::as_str).collect();
    let output = |code, stdout: &str, stderr: &str| {
        let stdout = stdout.chars().take(64 << 10).collect();
        Some(ExecOutput { code, stdout, stderr: stderr.to_owned() })
    };
    match argv[..] {
        ["/bin/cat"] => output(0, exec.stdin.as_ref().map_or("", |secret| secret.expose_secret()), ""),
        ["/bin/sh", "-c", "echo out; echo oops >&2; exit 3"] => output(3, "out\n", "oops\n"),
        ["/bin/sleep", _] => None,
        _ => output(127, "", "not found\n"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_fake_conforms() {
    use crate::engine::conformance::{Fixture, engine_conforms};
    let fake = FakeEngine::new("ours");
    fake.lose_image(&"stoa/no-such-image:0".parse().unwrap());
    fake.on_exec(|_, _, exec| busybox(exec));
    fake.on_start(|_| vec!["hello".to_owned()]);
    let neighbour = Arc::new(fake.neighbour("theirs"));
    engine_conforms(Arc::new(fake), Fixture { neighbour, ground: ground(), real: false }).await;
}
