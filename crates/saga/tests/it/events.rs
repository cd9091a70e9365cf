//! The stored form of events. A change here breaks logs that are already written.

use stoa_saga::{Cause, Ending, Event, Failure, Reason, ResultExt, StepError, UndoError};

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

#[test]
fn errors_keep_their_kind_and_both_texts() {
    let result = || Err::<(), _>("connection refused");
    let reason = || Reason::new("It failed.", "connection refused");
    assert_eq!(result().or_retry("It failed."), Err(StepError::Retry(reason())));
    assert_eq!(result().or_fail("It failed."), Err(StepError::Fail(reason())));
    assert_eq!(result().or_ask_operator("It failed."), Err(StepError::AskOperator(reason())));
    assert_eq!(result().or_undo_retry("removing"), Err(UndoError::Retry("removing: connection refused".into())));
    assert_eq!(result().or_undo_fail("removing"), Err(UndoError::Fail("removing: connection refused".into())));
    assert_eq!(Ok::<_, std::io::Error>(7).or_fail("It failed."), Ok(7));
}

#[test]
fn an_undo_takes_the_errors_of_an_act_for_the_operator() {
    let reason = |source: &str| Reason { public: "It failed.".into(), source: source.into() };
    assert_eq!(UndoError::from(StepError::Retry(reason("404"))), UndoError::Retry("It failed. (404)".into()));
    assert_eq!(UndoError::from(StepError::Fail(reason(""))), UndoError::Fail("It failed.".into()));
    assert_eq!(UndoError::from(StepError::AskOperator(reason("404"))), UndoError::Fail("It failed. (404)".into()));
    assert_eq!(UndoError::from(StepError::Cancelled), UndoError::Retry("interrupted".into()));
}

#[test]
fn every_event_but_those_of_the_run_names_its_step() {
    let failure = || Failure { step: "pull".into(), public: "No.".into(), source: String::new() };
    let step = || "pull".to_owned();
    for event in [
        Event::Started { step: step() },
        Event::Succeeded { step: step(), detail: None },
        Event::Failed(failure()),
        Event::Asked(failure()),
        Event::UndoStarted { step: step() },
        Event::UndoFinished { step: step() },
        Event::UndoFailed { step: step(), reason: String::new() },
    ] {
        assert_eq!(event.step(), Some("pull"), "{event:?}");
    }
    for event in [
        Event::Unwinding { cause: Cause::Failed },
        Event::Resumed { by: "ada".into() },
        Event::Finished { outcome: Ending::Succeeded },
    ] {
        assert_eq!(event.step(), None, "{event:?}");
    }
}
