//! The harness passes a sound saga, and catches every kind of broken one.

use stoa_saga::harness::{Report, Violation, prove};
use stoa_saga::{Outcome, Saga};

use crate::toy::{Habit, Make, World, site};

async fn proven(saga: impl Fn() -> Saga<(), World>) -> Result<Report, Violation> {
    let fresh = async || ((), World::with(&["older data"]));
    prove(saga, fresh, async |(): &(), world: &World, outcome| world.check(outcome)).await
}

#[tokio::test(start_paused = true)]
async fn a_sound_saga_holds() {
    let report = proven(|| site(Habit::Sound)).await.expect("the saga is sound");
    println!("{report}");
    let held = |name: &str| report.rows.iter().any(|row| row.scenario == name);
    assert!(held("container acts, then fails"));
    assert!(held("killed at wait 2 inside container"));
    assert!(held("killed at wait 1 inside container, then cancelled"));
    assert!(!held("killed at wait 3 inside container"), "there are only two");
    assert!(held("killed before write 5 on the way forward"));
    assert!(held("killed after write 9 on the way back"));
    assert!(held("another executor takes over while active acts"));
    assert_eq!(report.rows[0].writes, 5, "a saga of n steps costs n+1 writes");
}

#[tokio::test(start_paused = true)]
async fn a_saga_without_a_commit_holds() {
    let saga = || Saga::named("short").step(Make("network", Habit::Sound)).step(Make("route", Habit::Sound));
    let fresh = async || ((), World::default());
    let world = async |(): &(), world: &World, outcome: &Outcome| {
        let made = world.existing();
        let done = *outcome == Outcome::Succeeded;
        let fits = if done { made == ["network", "route"] } else { made.is_empty() };
        if fits { Ok(()) } else { Err(format!("dirty: {made:?}")) }
    };
    prove(saga, fresh, world).await.expect("the saga is sound");
}

#[tokio::test(start_paused = true)]
async fn a_missing_undo_is_caught() {
    let dirty = proven(|| site(Habit::NoUndo)).await.expect_err("the container is left");
    assert_eq!(dirty.scenario, "the last step fails, everything is undone");
    assert_eq!(dirty.problem, r#"dirty: ["container", "older data"]"#);
    assert!(dirty.to_string().contains("ok  nothing goes wrong"), "{dirty}");
    assert_eq!(format!("{dirty:?}"), format!("\n{dirty}"), "a failed test shows the table");
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_takes_older_data_is_caught() {
    let dirty = proven(|| site(Habit::Greedy)).await.expect_err("the older data is gone");
    assert_eq!(dirty.problem, "dirty: []");
}

#[tokio::test(start_paused = true)]
async fn an_act_that_repeats_its_effect_is_caught() {
    let dirty = proven(|| site(Habit::NotIdempotent)).await.expect_err("it makes two");
    assert_eq!(dirty.scenario, "container acts, the answer is lost, it is tried again");
}

#[tokio::test(start_paused = true)]
async fn an_act_that_is_not_idempotent_after_a_crash_is_caught() {
    let dirty = proven(|| site(Habit::ForgetsCrashes)).await.expect_err("it makes two");
    assert_eq!(dirty.scenario, "container acts twice");
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_works_only_once_is_caught() {
    let dirty = proven(|| site(Habit::UndoneOnce)).await.expect_err("it fails the second time");
    assert_eq!(dirty.scenario, "the undo of container runs twice");
    assert!(dirty.problem.starts_with("it is stuck: "), "{}", dirty.problem);
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_can_not_be_tried_again_is_caught() {
    let dirty = proven(|| site(Habit::UndoneInOneAttempt)).await.expect_err("it fails the second time");
    assert_eq!(dirty.scenario, "the undo of container works, the answer is lost, it is tried again");
}

/// Without this, a dropped scenario or a fault that is no longer injected would go unnoticed: `recovered`
/// shows which scenarios needed a second executor.
#[tokio::test(start_paused = true)]
async fn these_are_all_the_scenarios() {
    async fn fresh() -> ((), World) {
        ((), World::default())
    }
    async fn world((): &(), world: &World, outcome: &Outcome) -> Result<(), String> {
        let made = world.existing();
        let fits = if *outcome == Outcome::Succeeded { made.contains(&"a".to_owned()) } else { made.is_empty() };
        if fits { Ok(()) } else { Err(format!("dirty: {made:?}")) }
    }
    let committing = || Saga::named("two steps").step(Make("a", Habit::Sound)).step(Make("b", Habit::Commit));
    let plain = || Saga::named("one step").step(Make("a", Habit::Sound));
    let committing = prove(committing, fresh, world).await.expect("the saga is sound");
    let plain = prove(plain, fresh, world).await.expect("the saga is sound");
    let table = format!("two steps, the last one a commit\n{committing}\n\none step\n{plain}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write("tests/it/scenarios.txt", &table).expect("written");
    }
    assert_eq!(table, std::fs::read_to_string("tests/it/scenarios.txt").unwrap_or_default());
    assert_eq!(format!("{plain:?}"), format!("\n{plain}"), "a failed test shows the table");
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_leaves_half_made_things_is_caught() {
    let dirty = proven(|| site(Habit::HalfUndone)).await.expect_err("half a container is left");
    assert_eq!(dirty.scenario, "cancelled inside container");
}
