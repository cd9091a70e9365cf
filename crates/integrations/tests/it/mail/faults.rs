//! What becomes of an e-mail when the server refuses, breaks off, hangs or lies.

use std::time::Duration;

use stoa_integrations::mail::{Failure, Mailer, Security};

use super::{
    config, email, mailer, mailer_of,
    scripted::{CLOSE, HANG, Scripted},
};

async fn server(script: impl IntoIterator<Item = (&'static str, Vec<&'static str>)>) -> (Scripted, Mailer) {
    let server = Scripted::start(script).await;
    let mailer = mailer(server.port, Security::None, None, None);
    (server, mailer)
}

/// What a failure of the first attempt means, and its text.
async fn failure(command: &'static str, answer: &'static str) -> (Failure, String) {
    let (_server, mailer) = server([(command, vec![answer])]).await;
    let error = mailer.send(&email("jane@example.com")).await.expect_err("a refusal");
    (error.failure(), error.to_string())
}

#[tokio::test]
async fn an_email_is_handed_over_in_order_and_whole() {
    let (server, mailer) = server([]).await;
    let mut steps = Vec::new();
    let answer = mailer.send_in_steps(&email("o'brien+a@example.com"), &mut steps).await.expect("sent");
    assert_eq!(answer, "250 2.0.0 Ok: queued as 4ABC");
    let commands = ["EHLO stoa.example", "MAIL FROM:<noreply@stoa.example>", "RCPT TO:<o'brien+a@example.com>", "DATA"];
    assert_eq!(server.commands()[..4], commands);
    assert_eq!(steps.len(), 5, "{steps:?}");
    let message = server.messages().remove(0);
    assert!(message.contains("From: Stoa <noreply@stoa.example>\r\n"), "{message}");
    assert!(message.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{message}");
}

#[tokio::test]
async fn refusals_of_the_recipient_of_the_message_and_of_us_differ() {
    for (command, answer, expected) in [
        ("RCPT", "550 5.1.1 No such user", Failure::BadRecipient),
        ("MESSAGE", "550 5.1.1 No such user", Failure::BadRecipient),
        ("RCPT", "550-5.2.1 Disabled\r\n550 5.2.1 Really", Failure::BadRecipient),
        ("RCPT", "554 5.7.1 Relay access denied", Failure::Permanent),
        ("RCPT", "550 no status", Failure::Permanent),
        ("MAIL", "553 5.7.1 Sender address rejected: not owned by user", Failure::Permanent),
        ("MESSAGE", "554 5.7.1 Spam", Failure::Permanent),
        ("RCPT", "451 4.7.1 Greylisted", Failure::Temporary),
        ("MESSAGE", "452 4.3.1 Insufficient storage", Failure::Temporary),
        ("CONNECT", "554 5.7.1 You are blocked", Failure::Temporary),
        ("EHLO", "421 4.3.2 Shutting down", Failure::Temporary),
        ("CONNECT", CLOSE, Failure::Temporary),
        ("MAIL", CLOSE, Failure::Temporary),
        ("MESSAGE", CLOSE, Failure::Temporary),
        ("CONNECT", "HTTP/1.1 400 Bad Request", Failure::Temporary),
        ("DATA", "250 2.0.0 Ok", Failure::Temporary),
    ] {
        let (failure, text) = failure(command, answer).await;
        assert_eq!(failure, expected, "{command}: {answer}: {text}");
        let status = answer.split([' ', '-']).next().unwrap_or_default();
        assert!(answer == CLOSE || text.contains(status), "the text shows the answer: {text}");
    }
}

#[tokio::test]
async fn a_greylisted_email_and_one_whose_answer_was_lost_are_sent_again_as_the_same() {
    let (server, mailer) =
        server([("RCPT", vec!["451 4.7.1 Come back", "250 ok"]), ("MESSAGE", vec![CLOSE, "250 2.0.0 Taken"])]).await;
    let email = email("jane@example.com");
    for _ in 0..2 {
        assert_eq!(mailer.send(&email).await.expect_err("not yet").failure(), Failure::Temporary);
    }
    assert_eq!(mailer.send(&email).await.expect("sent"), "250 2.0.0 Taken");
    let ids: Vec<_> = server.messages().iter().map(|message| message_id(message).to_owned()).collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]), "the receiving side sees one message");
}

fn message_id(message: &str) -> &str {
    message.lines().find(|line| line.starts_with("Message-ID: ")).expect("a Message-ID")
}

#[tokio::test]
async fn a_server_that_hangs_is_left_after_the_deadline() {
    for command in ["CONNECT", "RCPT", "MESSAGE"] {
        let server = Scripted::start([(command, vec![HANG])]).await;
        let mut config = config(server.port, Security::None, None, None);
        config.timeout = Duration::from_secs(1);
        let error = mailer_of(config).send(&email("jane@example.com")).await.expect_err("no answer");
        assert_eq!(error.failure(), Failure::Temporary);
        assert_eq!(error.to_string(), "the server took longer than 1 seconds");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    static LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("250 {}", "x".repeat(100_000)));
    static MANY: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "250-x\r\n".repeat(100_000));
    for answer in [LONG.as_str(), MANY.as_str()] {
        let (failure, text) = failure("EHLO", answer).await;
        assert_eq!(failure, Failure::Temporary);
        assert!(text.len() < 1_000, "{}", text.len());
    }
}

#[tokio::test]
async fn nothing_is_sent_in_plain_text_where_tls_is_required() {
    // No STARTTLS is offered, as when somebody removes the offer on the way.
    let server = Scripted::start([]).await;
    let starttls = mailer(server.port, Security::StartTls, None, Some(("user", "secret password")));
    let error = starttls.send(&email("jane@example.com")).await.expect_err("no TLS");
    assert_eq!(error.failure(), Failure::Temporary);
    assert!(error.to_string().contains("does not offer STARTTLS"), "{error}");
    assert_eq!(server.commands(), ["EHLO stoa.example"], "neither login nor message");

    // An answer that was injected before the handshake.
    let offer = "250-scripted.test\r\n250 STARTTLS";
    let server =
        Scripted::start([("EHLO", vec![offer]), ("STARTTLS", vec!["220 2.0.0 Ready\r\n250-evil\r\n250 AUTH PLAIN"])])
            .await;
    let starttls = mailer(server.port, Security::StartTls, None, Some(("user", "secret password")));
    let error = starttls.send(&email("jane@example.com")).await.expect_err("an injection");
    assert!(error.to_string().contains("ahead of the handshake"), "{error}");

    // Plain text on a port where TLS is expected from the beginning.
    let server = Scripted::start([]).await;
    let tls = mailer(server.port, Security::Tls, None, None);
    let error = tls.send(&email("jane@example.com")).await.expect_err("no TLS");
    assert!(error.to_string().starts_with("TLS with localhost:"), "{error}");
}

#[tokio::test]
async fn the_login_uses_what_the_server_offers() {
    let offer = |auth| {
        Scripted::start([
            ("EHLO", vec![auth]),
            ("AUTH", vec!["334 VXNlcm5hbWU6"]),
            ("OTHER", vec!["334 UGFzc3dvcmQ6", "235 2.7.0 Ok"]),
        ])
    };
    let server = offer("250-scripted.test\r\n250 AUTH LOGIN XOAUTH2").await;
    let by_login = mailer(server.port, Security::None, None, Some(("user", "password")));
    by_login.send(&email("jane@example.com")).await.expect("sent");
    assert_eq!(server.commands()[1..4], ["AUTH LOGIN", "dXNlcg==", "cGFzc3dvcmQ="]);

    let server = offer("250-scripted.test\r\n250 AUTH XOAUTH2").await;
    let error = mailer(server.port, Security::None, None, Some(("user", "password")));
    let error = error.send(&email("jane@example.com")).await.expect_err("no way to log in");
    assert!(error.to_string().contains("no login by PLAIN or LOGIN"), "{error}");

    let server = Scripted::start([("EHLO", vec!["250-x\r\n250 AUTH PLAIN"]), ("AUTH", vec!["535 5.7.8 Wrong"])]).await;
    let wrong = mailer(server.port, Security::None, None, Some(("user", "password")));
    let error = wrong.send(&email("jane@example.com")).await.expect_err("a wrong password");
    assert_eq!(error.failure(), Failure::Temporary, "the operator will correct it");
    assert_eq!(error.to_string(), "the server refused at the login: 535 5.7.8 Wrong");
}
