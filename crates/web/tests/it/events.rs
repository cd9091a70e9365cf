//! Event streams of jobs.

use std::time::Duration;

use stoa_model::job::JobState;
use stoa_provider::engine::fake::{Fault, Verb};
use tokio::time::timeout;

use crate::{browser::TestApp, permissions::token};

fn field<'a>(stream: &'a str, name: &str) -> Vec<&'a str> {
    stream.lines().filter_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[tokio::test]
async fn a_page_gets_every_state_of_a_job_also_after_a_reconnect() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let ordered = app.platform.order(&owner, "janes-shop").await;
    let mut jane = app.logged_in("jane@example.com").await;
    let path = format!("/jobs/{}/events", ordered.job);
    let workers = app.platform.run();
    // The stream ends with the job.
    let answer = jane.get(&path).await;
    workers.stop().await;
    answer.is(200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let ids = field(&answer.text, "id");
    assert!(!ids.is_empty() && answer.text.contains("Your store is ready"), "{}", answer.text);

    // A client with the latest state only gets the end, one with an older state gets the whole state.
    let mut back = jane.clone();
    back.extra.push(("last-event-id", (*ids.last().unwrap()).to_owned()));
    let answer = back.get(&path).await;
    assert_eq!(field(&answer.text, "event"), ["end"]);
    back.extra = vec![("last-event-id", "older".into())];
    let answer = back.get(&path).await;
    assert_eq!(field(&answer.text, "event"), ["state"]);
}

#[tokio::test]
async fn the_api_streams_json() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    let shop = app.platform.shop(&owner, "janes-shop").await;
    let mut program = app.browser();
    program.bearer = Some(token(&app.platform, owner.actor).await);
    let answer = program.get(&format!("/api/v1/jobs/{}/events", shop.job)).await;
    let state: serde_json::Value = serde_json::from_str(field(&answer.text, "data")[0]).unwrap();
    assert_eq!(state["state"], "succeeded");
    assert!(state["steps"].as_array().unwrap().iter().all(|s| s["state"] == "done"));
}

#[tokio::test]
async fn the_streams_of_a_stuck_job_end() {
    let app = TestApp::new().await;
    let owner = app.platform.customer("jane").await;
    app.platform.engine.fail(Verb::Exec, 1, Fault::DiskFull);
    app.platform.engine.fail(Verb::Remove, 1, Fault::Refused("no".into()));
    let job = app.platform.order(&owner, "janes-shop").await.job;
    app.platform.run_until_idle().await;
    assert_eq!(app.platform.job(job).await.state, JobState::Stuck);
    let mut program = app.browser();
    program.bearer = Some(token(&app.platform, owner.actor).await);
    let mut jane = app.logged_in("jane@example.com").await;
    let (api, page) = (format!("/api/v1/jobs/{job}/events"), format!("/jobs/{job}/events"));
    let both = async { (program.get(&api).await, jane.get(&page).await) };
    let (api, page) = timeout(Duration::from_secs(20), both).await.expect("both end");
    assert!(api.text.contains("\"state\":\"stuck\""), "{}", api.text);
    assert_eq!(field(&page.text, "event"), ["state"]);
}
