use std::time::Duration;

use futures_util::StreamExt;

use super::*;
use crate::engine::{Action, Deployment, Engine, EngineError, Scope, conformance::Fixtures, logs_tail, run_program};

fn fixtures() -> Fixtures {
    Fixtures::new(Some(placement::default_pool()), "stoa/test-busybox:1".parse().unwrap())
}

fn deployment(fake: &FakeEngine, services: &[&str]) -> Deployment {
    fixtures().deployment(fake, services, &[])
}

fn blue(deployment: &Deployment) -> Deployment {
    let mut changed = Deployment { revision: Revision(2), ..deployment.clone() };
    for service in &mut changed.stack.services {
        service.environment.insert("COLOR".into(), stoa_model::stack::EnvValue("blue".into()));
    }
    changed
}

#[tokio::test]
async fn the_nth_call_fails_and_the_next_does_not() {
    let fake = FakeEngine::default();
    let project = deployment(&fake, &["web"]).stack.project;
    fake.fail(Verb::Observe, 2, Fault::Refused("no".into()));
    assert!(fake.observe(&project).await.is_ok());
    assert!(matches!(fake.observe(&project).await, Err(EngineError::Refused { reason, .. }) if reason == "no"));
    assert!(fake.observe(&project).await.is_ok());
    assert_eq!(fake.count(Verb::Observe), 3);
}

#[tokio::test]
async fn half_a_deployment_is_removed_by_its_operation() {
    let fake = FakeEngine::default();
    let deployment = deployment(&fake, &["db", "web"]);
    let project = &deployment.stack.project;
    fake.fail(Verb::Deploy, 1, Fault::Half);
    assert!(fake.deploy(&deployment).await.is_err());
    let half = fake.observe(project).await.unwrap();
    assert_eq!((half.services.len(), half.has_network, half.volumes.len()), (1, true, 1));
    fake.remove(project, Scope::CreatedBy(deployment.operation)).await.unwrap();
    assert!(fake.observe(project).await.unwrap().is_empty());
}

#[tokio::test]
async fn half_a_second_deployment_is_finished_by_the_next() {
    let fake = FakeEngine::default();
    let first = deployment(&fake, &["db", "web"]);
    fake.deploy(&first).await.unwrap();
    let before = fake.things();
    let second = blue(&first);
    fake.fail(Verb::Deploy, 1, Fault::Half);
    assert!(fake.deploy(&second).await.is_err());
    let half = fake.observe(&first.stack.project).await.unwrap();
    let states: Vec<_> = half.services.iter().map(|s| (s.revision.0, s.state)).collect();
    assert_eq!(states, [(2, RunState::Created), (1, RunState::Running)]);
    let finished = fake.deploy(&second).await.unwrap();
    assert_eq!(finished.changes.iter().map(|c| c.action).collect::<Vec<_>>(), [Action::Started, Action::Replaced]);
    let after = fake.things();
    assert!(before.iter().zip(&after).all(|(old, new)| old.number.is_none() || old.number != new.number));
    assert!(fake.observe(&first.stack.project).await.unwrap().all_running());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_work_done() {
    let fake = FakeEngine::default();
    let deployment = deployment(&fake, &["web"]);
    fake.fail(Verb::Deploy, 1, Fault::AnswerLost);
    assert!(fake.deploy(&deployment).await.is_err_and(|error| error.is_transient()));
    assert!(fake.observe(&deployment.stack.project).await.unwrap().all_running());
    assert!(fake.deploy(&deployment).await.unwrap().is_unchanged());
    let recorded: Vec<_> = fake.deployments().iter().map(|d| (d.revision.0, d.deployed.is_unchanged())).collect();
    assert_eq!(recorded, [(1, false), (1, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_call_waits_for_its_release() {
    let fake = Arc::new(FakeEngine::default());
    let deployment = deployment(&fake, &["web"]);
    fake.fail(Verb::Deploy, 1, Fault::Stall);
    let caller = fake.clone();
    let mut call = tokio::spawn(async move { caller.deploy(&deployment).await });
    assert!(tokio::time::timeout(Duration::from_secs(60), &mut call).await.is_err());
    fake.release();
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn while_down_nothing_answers_and_streams_end() {
    let fake = FakeEngine::default();
    let deployment = deployment(&fake, &["web"]);
    let mut events = fake.events().await.unwrap();
    fake.go_down();
    assert!(fake.deploy(&deployment).await.is_err_and(|error| error.is_transient()));
    assert!(events.next().await.is_some_and(|event| event.is_err()));
    assert!(events.next().await.is_none());
    fake.come_up();
    fake.deploy(&deployment).await.unwrap();
}

#[tokio::test]
async fn it_fakes_health() {
    let fake = FakeEngine::default();
    let (deployment, web) = (deployment(&fake, &["web"]), ServiceName("web".into()));
    let project = &deployment.stack.project;
    fake.deploy(&deployment).await.unwrap();
    fake.set_health(project, &web, Readiness::Failing);
    assert_eq!(fake.observe(project).await.unwrap().services[0].readiness, Some(Readiness::Failing));
    fake.crash(project, &web, 3);
    let web = &fake.observe(project).await.unwrap().services[0];
    assert_eq!((web.readiness, web.exit_code), (None, Some(3)));
}

#[tokio::test]
async fn a_lost_volume_stops_a_deployment_before_it_creates_anything() {
    let fake = FakeEngine::default();
    let deployment = deployment(&fake, &["db", "web"]);
    fake.deploy(&deployment).await.unwrap();
    fake.lose_volume(&deployment.stack.project, &VolumeName("data".into()));
    fake.lose_container(&deployment.stack.project, &ServiceName("db".into()));
    let before = fake.things();
    let answer = fake.deploy(&deployment.clone().with_all_claimed()).await;
    assert!(matches!(&answer, Err(EngineError::DataMissing { volume }) if volume.0 == "data"), "{answer:?}");
    assert_eq!(fake.things(), before);
}

#[tokio::test]
async fn answers_follow_addresses() {
    let fake = FakeEngine::default();
    let (deployment, web) = (deployment(&fake, &["db", "web"]), ServiceName("web".into()));
    let project = &deployment.stack.project;
    fake.deploy(&deployment).await.unwrap();
    let endpoint = fake.endpoint(project, &deployment.placement, &web, 80, Revision(1)).await.unwrap();
    let crate::engine::Endpoint::Address(std::net::SocketAddr::V4(address)) = endpoint else { panic!("{endpoint:?}") };
    assert!(fake.answers_at(*address.ip()));
    fake.crash(project, &ServiceName("db".into()), 1);
    assert!(!fake.answers_at(*address.ip()), "a store without its database does not answer");
}

#[tokio::test]
async fn a_program_that_fails_half_way_is_an_error() {
    let fake = FakeEngine::default();
    let (deployment, web) = (deployment(&fake, &["web"]), ServiceName("web".into()));
    fake.deploy(&deployment).await.unwrap();
    for (fault, transient) in [(Fault::AnswerLost, true), (Fault::Half, false)] {
        fake.fail(Verb::Exec, 1, fault);
        let program = Program { argv: vec!["x".into()], stdin: None, user: None, deadline: Duration::from_secs(9) };
        let error = run_program(&fake, &deployment.stack.project, &web, program).await.unwrap_err();
        assert_eq!(error.is_transient(), transient, "{error}");
    }
    fake.say(&deployment.stack.project, &web, "a line");
    let lines = logs_tail(&fake, &deployment.stack.project, Some(&web), 5).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.line.as_str()).collect::<Vec<_>>(), ["a line"]);
}

/// As much of busybox as the suite runs, beside `cat`.
fn busybox(program: &Program) -> Option<ExecOutput> {
    let argv: Vec<&str> = program.argv.iter().map(String::as_str).collect();
    let output = |code, stdout: &str, stderr: &str| {
        Some(ExecOutput { code, stdout: stdout.to_owned(), stderr: stderr.to_owned() })
    };
    match argv[..] {
        ["/bin/sh", "-c", "echo out; echo oops >&2; exit 3"] => output(3, "out\n", "oops\n"),
        ["/bin/sleep", _] => None,
        _ => output(127, "", "not found\n"),
    }
}

async fn conforms(capabilities: Capabilities) {
    use crate::engine::conformance::{Fixture, engine_conforms};
    let fake = FakeEngine::new("ours");
    fake.set_capabilities(capabilities);
    fake.lose_image(&"stoa/no-such-image:0".parse().unwrap());
    fake.on_exec(|_, _, program| busybox(program));
    fake.on_start(|_| vec!["hello".to_owned()]);
    let neighbor = Arc::new(fake.neighbour("theirs"));
    engine_conforms(Arc::new(fake), Fixture { neighbor, fixtures: fixtures(), is_real: false }).await;
}

#[tokio::test(start_paused = true)]
async fn the_fake_conforms() {
    conforms(Capabilities { volumes: true, build: true, pause: true, live_limits: true }).await;
}

#[tokio::test(start_paused = true)]
async fn the_fake_conforms_without_capabilities() {
    conforms(Capabilities { volumes: false, build: false, pause: false, live_limits: false }).await;
}
