//! The harness passes a sound saga, and catches every kind of broken one.

use stoa_saga::Saga;
use stoa_saga::harness::{Dirty, Report, prove};

use crate::toy::{Habit, Make, World, site};

async fn proven(saga: impl Fn() -> Saga<(), World>) -> Result<Report, Dirty> {
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
    let world = async |(): &(), world: &World, outcome: &stoa_saga::Outcome| {
        let made = world.existing();
        let done = *outcome == stoa_saga::Outcome::Succeeded;
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
async fn an_undo_that_leaves_half_made_things_is_caught() {
    let dirty = proven(|| site(Habit::HalfUndone)).await.expect_err("half a container is left");
    assert_eq!(dirty.scenario, "cancelled inside container");
}
