//! Bad input, case by case. For every case, whatever else it expects:
//!
//! * Only the requests of the case reach the upstream (nothing smuggled), each in one unambiguous framing. The
//!   upstream records what it receives, by rules stricter than any real server's.
//! * The client gets no more responses than it has sent requests.
//! * Another client, on its own connection to another site behind the *same* upstream connections, gets the
//!   answer to its own request during and after the attack.

mod chunks;
mod floods;
pub mod frames;
mod framing;
mod heads;
mod hosts;
mod pieces;
mod pseudo;
mod recorder;
mod standing;

use futures_util::future::join_all;
use stoa_edge::Config;
use stoa_model::route::{RouteLimits, Target};

use self::recorder::Recorder;
use crate::support::{HOST, OTHER_HOST, Raw, SHORT_TIMEOUT, TestEdge, impatient, status};

/// The expected outcome of a case.
#[derive(Debug, Clone, Copy)]
pub enum Expect {
    /// Answered with this status only; nothing else of the connection is read.
    Refused(u16),
    /// Answered 400, or closed without an answer.
    Dropped,
    /// The upstream gets this many requests, each answered 200.
    Passes(usize),
}
use Expect::{Dropped, Passes, Refused};

/// A name with its section of the RFC, the bytes, and the expected outcome. `~` in the bytes is replaced by a word
/// that only this case has.
pub type Case = (&'static str, &'static str, Expect);

/// An edge that gives up on slow clients quickly, in front of a recording upstream.
pub async fn recorded() -> (TestEdge, Recorder) {
    recorded_with(impatient(|t| (t.idle, t.header) = (SHORT_TIMEOUT, SHORT_TIMEOUT))).await
}

pub async fn recorded_with(config: Config) -> (TestEdge, Recorder) {
    let recorder = Recorder::start().await;
    let edge = TestEdge::start(config, None);
    edge.route_within(1, Target::Upstream(recorder.address), RouteLimits::body(100_000)).await;
    (edge, recorder)
}

/// Runs all cases at once against one edge.
pub async fn run(cases: &[Case]) {
    let (edge, recorder) = recorded().await;
    let attacks = cases.iter().enumerate().map(|(number, case)| attack(&edge, &recorder, number, case));
    let wrong: Vec<String> = join_all(attacks).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    recorder.assert_clean();
}

/// What is wrong with the outcome of a case, if anything.
async fn attack(edge: &TestEdge, recorder: &Recorder, number: usize, (name, bytes, expect): &Case) -> Option<String> {
    let word = format!("case-{number}-");
    let probe = format!("GET /{word}smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let mut raw = edge.connect().await;
    raw.write(bytes.replace('~', &word)).await;
    // What passes is followed by nothing; what should not be is followed by the probe.
    if !matches!(expect, Passes(_)) {
        // Whoever has closed already can't be smuggled anything.
        let _ = raw.try_write(&probe).await;
    }
    innocent(edge, &word).await;
    let answer = raw.rest().await;
    innocent(edge, &word).await;
    let got = recorder.requests_with(&word);
    let wrong = judge(*expect, &answer, &got)?;
    Some(format!("{name}: {wrong}; answered {answer:?}, the upstream got {got:?}"))
}

fn judge(expect: Expect, answer: &str, got: &[String]) -> Option<&'static str> {
    let count = |text: &str| {
        answer.matches(&format!("HTTP/1.1 {text}")).count() + answer.matches(&format!("HTTP/1.0 {text}")).count()
    };
    let (answers, passed) = (count(""), count("200 OK"));
    if got.iter().any(|head| head.contains("smuggled")) {
        return Some("a request was smuggled");
    }
    if answer.contains(OTHER_HOST) {
        return Some("another's answer came");
    }
    match expect {
        Refused(code) if answers != 1 || status(answer) != code => Some("another answer was expected"),
        Dropped if answers > 1 || answers == 1 && status(answer) != 400 => Some("no or a bad answer"),
        Refused(_) | Dropped if !got.is_empty() => Some("it should not have left"),
        // The mirrored head is part of the answer.
        Passes(count) if passed != count || got.len() != count => Some("it should have passed"),
        _ => None,
    }
}

/// Another client of another site gets the answer to its own request.
pub async fn innocent(edge: &TestEdge, word: &str) {
    let mut raw: Raw = edge.connect().await;
    let path = format!("/innocent-{word}");
    raw.write(format!("GET {path} HTTP/1.1\r\nHost: {OTHER_HOST}\r\nConnection: close\r\n\r\n")).await;
    let answer = raw.rest().await;
    assert_eq!(status(&answer), 200, "another client got {answer}");
    assert!(answer.contains(&format!("GET {path} ")) && answer.contains(OTHER_HOST), "another client got {answer}");
}
