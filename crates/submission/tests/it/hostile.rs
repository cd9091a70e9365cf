//! What a broken or malicious program does.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{io::AsyncReadExt, time::timeout};

use crate::Fixture;

/// Servers that disagree about the end of a message take what follows for another one (SMTP smuggling). So whatever is
/// no CRLF ends the connection, and nothing of it is accepted.
#[tokio::test]
async fn a_bare_cr_or_lf_ends_the_connection() {
    let fixture = Fixture::new(|_| {}).await;
    for end in [
        "\n.\n",
        "\r.\r",
        "\n.\r\n",
        "\r\n.\n",
        "\r\n.\r",
        "\r.\r\n",
        "\r\r\n.\r\n",
        "\n\r\n.\r\n",
        "\r\n.\r\r\n",
        "x\ny\r\n",
    ] {
        let mut client = fixture.site().await;
        client.start().await;
        client
            .send(
                format!("Subject: one{end}MAIL FROM:<ceo@bank.example>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n.\r\n").as_bytes(),
            )
            .await;
        let reply = client.reply().await;
        assert!(reply.starts_with("521 5.5.2"), "{end:?}: {reply}");
        assert_eq!(client.reply().await, "", "{end:?}");
    }
    let mut client = fixture.client().await;
    client.send(b"EHLO web\nEHLO web\r\n").await;
    assert!(client.reply().await.starts_with("521 5.5.2"));
    assert!(fixture.messages().is_empty());
}

#[tokio::test]
async fn nul_and_long_lines_are_refused_and_the_connection_goes_on() {
    let fixture = Fixture::new(|_| {}).await;
    let mut client = fixture.site().await;
    client.send(b"NOOP \0\r\n").await;
    assert!(client.reply().await.starts_with("500 5.5.2"));
    client.send(&[&[b'x'; 100_000][..], b"\r\n"].concat()).await;
    assert!(client.reply().await.starts_with("500 5.5.6"));
    client.start().await;
    client.send(b"a\0b\r\n.\r\n").await;
    assert!(client.reply().await.starts_with("550 5.6.0"));
    client.start().await;
    client.send(&[&[b'x'; 999][..], b"\r\nmore\r\n.\r\n"].concat()).await;
    assert!(client.reply().await.starts_with("550 5.6.0"));
    client.start().await;
    client.send(&[&[b'x'; 998][..], b"\r\n.\r\n"].concat()).await;
    assert!(client.reply().await.starts_with("250"));
    assert_eq!(fixture.messages().len(), 1);
}

#[tokio::test]
async fn who_sends_only_errors_is_disconnected() {
    let fixture = Fixture::new(|_| {}).await;
    let mut client = fixture.client().await;
    client.send(&b"GET / HTTP/1.1\r\n".repeat(30)).await;
    for _ in 0..20 {
        assert!(client.reply().await.starts_with("500"));
    }
    assert!(client.reply().await.starts_with("421 4.7.0"));
    assert_eq!(client.reply().await, "");
}

/// Random bytes and random commands, in random pieces: the server answers with replies of its own only, closes the
/// connection in time, and goes on serving others.
#[tokio::test]
async fn random_input_is_survived() {
    let fixture = Fixture::new(|limits| {
        limits.command_timeout = Duration::from_millis(200);
        limits.data_timeout = Duration::from_millis(200);
        limits.failed_login_delay = Duration::ZERO;
        limits.max_message_bytes = 5000;
    })
    .await;
    let pieces: [&[u8]; 22] = [
        b"EHLO a\r\n",
        b"MAIL FROM:<a@b.c>\r\n",
        b"RCPT TO:<d@e.f>\r\n",
        b"DATA\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b"RSET\r\n",
        b"AUTH LOGIN\r\n",
        b"AUTH PLAIN AHNpdGUAc2VjcmV0\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\xff\xfe",
        b"..\r\n",
        b"From: x\r\n",
        b"*\r\n",
        b"=\r\n",
        b"NOOP\r\n",
        b"VRFY x\r\n",
        b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        b" ",
    ];
    let mut random = StdRng::seed_from_u64(5321);
    for round in 0..300 {
        let mut client = fixture.client().await;
        let is_noise = round % 4 == 0;
        for _ in 0..random.random_range(1..20) {
            let bytes = if is_noise {
                (0..random.random_range(1..300)).map(|_| random.random()).collect()
            } else {
                pieces[random.random_range(0..pieces.len())].to_vec()
            };
            client.send(&bytes).await;
        }
        client.send(b"\r\nQUIT\r\n").await;
        let mut answer = Vec::new();
        let ended = timeout(Duration::from_secs(5), client.stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "round {round} has not ended");
        let answer = String::from_utf8(answer).expect("replies are ASCII");
        let is_reply = |line: &&str| line.len() >= 4 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit);
        assert!(answer.split_terminator("\r\n").all(|line| is_reply(&line)), "round {round}: {answer}");
    }
    let mut client = fixture.site().await;
    client.start().await;
    client.expect("still here\r\n.", "250").await;
}
