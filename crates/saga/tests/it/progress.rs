//! What people see, event by event.

use stoa_saga::{Cause, Entry, Event, Failure, Heading, StepState, StepView, progress};

const STEPS: [Heading; 2] = [
    Heading { name: "pull", title: "Fetching the image" },
    Heading { name: "start", title: "Starting the containers" },
];

fn view(events: &[Event]) -> Vec<StepView> {
    let entry = |(index, event): (usize, &Event)| Entry {
        seq: index as i64,
        at_ms: 1000 + 10 * index as i64,
        event: event.clone(),
    };
    progress(&STEPS, &events.iter().enumerate().map(entry).collect::<Vec<_>>())
}

fn states(events: &[Event]) -> [StepState; 2] {
    let views = view(events);
    [views[0].state, views[1].state]
}

fn failure() -> Failure {
    Failure { step: "start".into(), public: "It won't start.".into(), source: "exit 1".into() }
}

fn story() -> Vec<Event> {
    vec![
        Event::Started { step: "pull".into() },
        Event::Succeeded { step: "pull".into(), detail: Some("cached".into()) },
        Event::Started { step: "start".into() },
        Event::Failed(failure()),
        Event::Unwinding { cause: Cause::Failed },
        Event::UndoStarted { step: "start".into() },
        Event::UndoFailed { step: "start".into(), reason: "busy".into() },
        Event::Resumed { by: "ada".into() },
        Event::UndoFinished { step: "start".into() },
        Event::UndoStarted { step: "pull".into() },
        Event::UndoFinished { step: "pull".into() },
    ]
}

#[test]
fn each_event_moves_one_step() {
    use StepState::{Done, Failed, Running, UndoFailed, Undoing, Undone, Waiting};
    let expected = [
        [Waiting, Waiting],
        [Running, Waiting],
        [Done, Waiting],
        [Done, Running],
        [Done, Failed],
        [Done, Failed],
        [Done, Undoing],
        [Done, UndoFailed],
        [Done, Undoing],
        [Done, Undone],
        [Undoing, Undone],
        [Undone, Undone],
    ];
    for (length, expected) in expected.into_iter().enumerate() {
        assert_eq!(states(&story()[..length]), expected, "after {length} events");
    }
}

#[test]
fn times_and_reasons_are_kept() {
    let views = view(&story()[..5]);
    assert_eq!(views[0].detail.as_deref(), Some("cached"));
    assert_eq!((views[0].started_ms, views[0].ended_ms), (Some(1000), Some(1010)));
    assert_eq!((views[1].started_ms, views[1].ended_ms), (Some(1020), Some(1030)));
    assert_eq!(views[1].error.as_deref(), Some("It won't start."));
    assert_eq!(views[1].operator_error.as_deref(), Some("exit 1"));
    let views = view(&story());
    assert_eq!(views[1].error.as_deref(), Some("It won't start."), "and outlast the undo");
    assert_eq!((views[1].started_ms, views[1].ended_ms), (Some(1020), Some(1080)));
}

#[test]
fn a_step_that_asked_runs_again_without_its_question() {
    let mut events = vec![Event::Started { step: "start".into() }, Event::Asked(failure())];
    assert_eq!(states(&events)[1], StepState::Asking);
    events.push(Event::Resumed { by: "ada".into() });
    let views = view(&events);
    assert_eq!((views[1].state, views[1].error.as_deref()), (StepState::Running, None));
}

#[test]
fn events_of_unknown_steps_are_passed_over() {
    assert_eq!(states(&[Event::Started { step: "other".into() }]), [StepState::Waiting; 2]);
}

#[test]
fn an_undo_that_is_tried_again_shows_no_old_error() {
    let views = view(&story()[..7]);
    assert_eq!((views[1].ended_ms, views[1].operator_error.as_deref()), (Some(1060), Some("busy")));
    let views = view(&story()[..8]);
    assert_eq!((views[1].ended_ms, &views[1].operator_error), (None, &None));
    assert_eq!(views[1].error.as_deref(), Some("It won't start."), "why it is undone");
    assert_eq!((views[0].state, views[0].ended_ms), (StepState::Done, Some(1010)), "other steps stay as they are");
}

#[test]
fn a_failure_without_a_cause_has_no_text_for_the_operator() {
    let failure = Failure { source: String::new(), ..failure() };
    assert_eq!(failure.to_string(), "It won't start.");
    let views = view(&[Event::Started { step: "start".into() }, Event::Failed(failure)]);
    assert_eq!((views[1].error.as_deref(), &views[1].operator_error), (Some("It won't start."), &None));
}

#[test]
fn steps_that_have_not_begun_show_their_titles() {
    let views = view(&[]);
    assert_eq!(
        views.iter().map(|view| (view.name, view.title)).collect::<Vec<_>>(),
        STEPS.map(|step| (step.name, step.title))
    );
    assert!(views.iter().all(|view| view.started_ms.is_none() && view.ended_ms.is_none() && view.detail.is_none()));
}
