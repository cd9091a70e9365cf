//! The fold, exhaustively: every position of a saga of two steps against every event.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stoa_saga::{Cause, Ending, Event, Failure, NotStuck, Outcome, Position, Side};

const NAMES: [&str; 2] = ["a", "b"];

/// Every event that can be written about the steps `a`, `b` and one that the saga does not know.
fn alphabet() -> Vec<(String, Event)> {
    let mut events = Vec::new();
    for name in ["a", "b", "x"] {
        let step = || name.to_owned();
        let failure = || Failure { step: step(), public: "p".into(), source: "s".into() };
        events.extend([
            (format!("start {name}"), Event::Started { step: step() }),
            (format!("done {name}"), Event::Succeeded { step: step(), detail: None }),
            (format!("fail {name}"), Event::Failed(failure())),
            (format!("ask {name}"), Event::Asked(failure())),
            (format!("undo {name}"), Event::UndoStarted { step: step() }),
            (format!("undone {name}"), Event::UndoFinished { step: step() }),
            (format!("undo-fail {name}"), Event::UndoFailed { step: step(), reason: "r".into() }),
        ]);
    }
    let unwinding = |cause| Event::Unwinding { cause };
    let finished = |outcome| Event::Finished { outcome };
    events.extend([
        ("unwind failed".into(), unwinding(Cause::Failed)),
        ("unwind cancelled".into(), unwinding(Cause::Cancelled)),
        ("unwind abandoned".into(), unwinding(Cause::Abandoned)),
        ("resume".into(), Event::Resumed { by: "p".into() }),
        ("end succeeded".into(), finished(Ending::Succeeded)),
        ("end rolled back".into(), finished(Ending::RolledBack)),
        ("end abandoned".into(), finished(Ending::Abandoned { by: "p".into() })),
    ]);
    events
}

/// A position in few words; why a saga unwinds is left out, the moves don't depend on it.
fn words(position: &Position) -> String {
    match position {
        Position::Forward { step, started } => format!("forward {step}{}", mark(*started)),
        Position::Failed { step, .. } => format!("failed {step}"),
        Position::Unwinding { left, started, .. } => format!("back {left}{}", mark(*started)),
        Position::Stuck { at: Side::Act { step, .. }, .. } => format!("asking {step}"),
        Position::Stuck { at: Side::Undo { step, .. }, .. } => format!("stuck {step}"),
        Position::Finished { .. } => "finished".to_owned(),
    }
}

fn mark(started: bool) -> &'static str {
    if started { "*" } else { "" }
}

/// Which moves there are from each position that can be reached.
fn moves() -> BTreeMap<String, BTreeSet<String>> {
    let mut table: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut seen = Vec::new();
    let mut queue = VecDeque::from([Position::START]);
    while let Some(position) = queue.pop_front() {
        if seen.contains(&position) {
            continue;
        }
        let row = table.entry(words(&position)).or_default();
        for (name, event) in alphabet() {
            if let Some(next) = position.after(&NAMES, &event) {
                row.insert(format!("{name} -> {}", words(&next)));
                queue.push_back(next);
            }
        }
        seen.push(position);
    }
    table
}

#[test]
fn these_are_all_the_moves() {
    let expected = "\
asking 0: end abandoned -> finished, resume -> forward 0*, unwind abandoned -> back 1
asking 1: end abandoned -> finished, resume -> forward 1*, unwind abandoned -> back 2
back 0: end rolled back -> finished
back 1: undo a -> back 1*
back 1*: undo-fail a -> stuck 0, undone a -> back 0
back 2: undo b -> back 2*
back 2*: undo-fail b -> stuck 1, undone b -> back 1
failed 0: unwind failed -> back 1
failed 1: unwind failed -> back 2
finished: 
forward 0: start a -> forward 0*, unwind cancelled -> back 0
forward 0*: ask a -> asking 0, done a -> forward 1, fail a -> failed 0, unwind cancelled -> back 1
forward 1: start b -> forward 1*, unwind cancelled -> back 1
forward 1*: ask b -> asking 1, done b -> forward 2, fail b -> failed 1, unwind cancelled -> back 2
forward 2: end succeeded -> finished
stuck 0: end abandoned -> finished, resume -> back 1*
stuck 1: end abandoned -> finished, resume -> back 2*
";
    let mut actual = String::new();
    for (position, moves) in moves() {
        let moves: Vec<String> = moves.into_iter().collect();
        actual.push_str(&format!("{position}: {}\n", moves.join(", ")));
    }
    assert_eq!(actual, expected);
}

#[test]
fn the_first_impossible_event_is_named() {
    let log = [
        Event::Started { step: "a".into() },
        Event::Succeeded { step: "a".into(), detail: None },
        Event::Started { step: "renamed".into() },
        Event::Started { step: "b".into() },
    ];
    let corrupt = Position::replay(&NAMES, &log).expect_err("there is no such step");
    assert_eq!(corrupt.index, 2);
    assert_eq!(*corrupt.event, log[2]);
    assert_eq!(*corrupt.position, Position::Forward { step: 1, started: false });
}

#[test]
#[should_panic(expected = "two steps are named a")]
fn step_names_are_unique() {
    use crate::toy::{Habit, Make, saga};
    let step = || Box::new(Make("a", Habit::Sound));
    drop(saga(vec![step(), step()]));
}

#[test]
#[should_panic(expected = "b comes after the commit")]
fn nothing_comes_after_the_commit() {
    use crate::toy::{Habit, Make, saga};
    drop(saga(vec![Box::new(Make("a", Habit::Commit)), Box::new(Make("b", Habit::Sound))]));
}

#[test]
fn people_decide_only_about_sagas_that_are_stuck() {
    let failure = || Failure { step: "a".into(), public: "p".into(), source: String::new() };
    let asked = Position::Stuck { at: Side::Act { step: 0, failure: failure() }, reason: "r".into() };
    let side = Side::Undo { step: 0, cause: Cause::Failed, failure: None };
    let undo_failed = Position::Stuck { at: side, reason: "r".into() };
    let resumed = Event::Resumed { by: "ada".into() };
    let abandoned = Event::Finished { outcome: Ending::Abandoned { by: "ada".into() } };
    for stuck in [&asked, &undo_failed] {
        assert_eq!((stuck.resume("ada"), stuck.abandon("ada")), (Ok(resumed.clone()), Ok(abandoned.clone())));
    }
    assert_eq!(asked.unwind(), Ok(Event::Unwinding { cause: Cause::Abandoned }));
    assert_eq!(undo_failed.unwind(), Err(NotStuck), "it unwinds already");
    let finished = Position::Finished { outcome: Ending::Succeeded, unwound: None };
    for other in [Position::START, Position::Failed { step: 0, failure: failure() }, finished] {
        assert_eq!(
            (other.resume("ada"), other.abandon("ada"), other.unwind()),
            (Err(NotStuck), Err(NotStuck), Err(NotStuck))
        );
    }
}

#[test]
fn only_a_saga_at_rest_has_an_outcome() {
    let failure = Failure { step: "b".into(), public: "p".into(), source: String::new() };
    let failed = (Cause::Failed, Some(failure.clone()));
    let finished = |outcome, unwound| Position::Finished { outcome, unwound };
    let stuck = |at| Position::Stuck { at, reason: "r".into() };
    for (position, outcome) in [
        (Position::START, None),
        (Position::Failed { step: 0, failure: failure.clone() }, None),
        (Position::Unwinding { cause: Cause::Failed, failure: None, left: 0, started: false }, None),
        (finished(Ending::Succeeded, None), Some(Outcome::Succeeded)),
        (
            finished(Ending::RolledBack, Some(failed.clone())),
            Some(Outcome::RolledBack { cause: Cause::Failed, failure: Some(failure.clone()) }),
        ),
        (finished(Ending::Abandoned { by: "ada".into() }, None), Some(Outcome::Abandoned { by: "ada".into() })),
        (
            stuck(Side::Act { step: 1, failure: failure.clone() }),
            Some(Outcome::Stuck { step: Some("b".into()), reason: "r".into() }),
        ),
        (
            stuck(Side::Undo { step: 0, cause: Cause::Failed, failure: None }),
            Some(Outcome::Stuck { step: Some("a".into()), reason: "r".into() }),
        ),
    ] {
        assert_eq!(position.outcome(&NAMES), outcome, "{position:?}");
        let settled = matches!(outcome, Some(Outcome::Succeeded | Outcome::RolledBack { .. }));
        assert_eq!(outcome.is_some_and(|outcome| outcome.is_settled()), settled);
    }
}

#[test]
fn a_saga_lists_its_steps() {
    use crate::toy::{Habit, site};
    let saga = site(Habit::Sound);
    assert_eq!((saga.name(), saga.steps().len()), ("create_site", 4));
    assert_eq!(saga.names(), ["network", "container", "route", "active"]);
    let headings: Vec<_> = saga.headings().into_iter().map(|heading| (heading.name, heading.title)).collect();
    assert_eq!(headings, saga.names().into_iter().map(|name| (name, "Making a thing")).collect::<Vec<_>>());
}
