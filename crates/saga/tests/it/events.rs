//! The stored form of events. A change here breaks logs that are already written.

use stoa_saga::{Cause, Ending, Event, Failure, Reason, StepError, UndoError};

#[test]
fn the_stored_names_are_stable() {
    let step = || "pull".to_owned();
    let failure = || Failure { step: step(), public: "No.".into(), source: "404".into() };
    let stored = [
        (Event::Started { step: step() }, r#"{"event":"started","step":"pull"}"#),
        (Event::Succeeded { step: step(), detail: None }, r#"{"event":"succeeded","step":"pull"}"#),
        (
            Event::Succeeded { step: step(), detail: Some("it is".into()) },
            r#"{"event":"succeeded","step":"pull","detail":"it is"}"#,
        ),
        (Event::Failed(failure()), r#"{"event":"failed","step":"pull","public":"No.","source":"404"}"#),
        (Event::Asked(failure()), r#"{"event":"asked","step":"pull","public":"No.","source":"404"}"#),
        (Event::Unwinding { cause: Cause::Cancelled }, r#"{"event":"unwinding","cause":"cancelled"}"#),
        (Event::UndoStarted { step: step() }, r#"{"event":"undo_started","step":"pull"}"#),
        (Event::UndoFinished { step: step() }, r#"{"event":"undo_finished","step":"pull"}"#),
        (
            Event::UndoFailed { step: step(), reason: "why".into() },
            r#"{"event":"undo_failed","step":"pull","reason":"why"}"#,
        ),
        (Event::Resumed { by: "ada".into() }, r#"{"event":"resumed","by":"ada"}"#),
        (Event::Finished { outcome: Ending::RolledBack }, r#"{"event":"finished","outcome":"rolled_back"}"#),
        (
            Event::Finished { outcome: Ending::Abandoned { by: "ada".into() } },
            r#"{"event":"finished","outcome":{"abandoned":{"by":"ada"}}}"#,
        ),
    ];
    for (event, json) in stored {
        assert_eq!(serde_json::to_string(&event).expect("plain data"), json);
        assert_eq!(serde_json::from_str::<Event>(json).expect("as stored"), event);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("starting the stack")]
struct Outer(#[source] std::io::Error);

#[test]
fn reasons_keep_the_chain_for_the_operator() {
    let error = || Outer(std::io::Error::other("no such image"));
    let StepError::Fail(reason) = StepError::fail("The image can't be had.", error()) else { panic!("a failure") };
    assert_eq!(
        reason,
        Reason { public: "The image can't be had.".into(), source: "starting the stack: no such image".into() }
    );
    let UndoError::Fail(reason) = UndoError::fail("removing", error()) else { panic!("a failure") };
    assert_eq!(reason, "removing: starting the stack: no such image");
}
