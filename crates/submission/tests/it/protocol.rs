//! What a mail program does.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::{Client, Fixture, PLAIN};

#[tokio::test]
async fn a_message_is_received_with_its_envelope() {
    let fixture = Fixture::new(|_| {}).await;
    let mut client = fixture.site().await;
    client.expect("MAIL FROM:<Jane@Shop.example> SIZE=100 BODY=8BITMIME", "250 2.1.0").await;
    client.expect("RCPT TO:<d@e.f>", "250 2.1.5").await;
    client.expect("RCPT TO:<D@e.f>", "250 2.1.5").await;
    client.expect("RCPT TO:<x@y.z>", "250 2.1.5").await;
    client.expect("DATA", "354").await;
    client.expect("Subject: Hi\r\n\r\n..dots\r\n.stuffed\r\n.", "250 2.0.0 Queued as mail_1").await;
    // The next one on the same connection.
    client.start().await;
    client.expect("second\r\n.", "250 2.0.0").await;
    client.expect("QUIT", "221 2.0.0").await;
    assert_eq!(client.reply().await, "");
    assert_eq!(fixture.messages(), ["Subject: Hi\r\n\r\n.dots\r\nstuffed\r\n", "second\r\n"]);
    let messages = fixture.recorder.0.lock().unwrap();
    assert_eq!(messages[0].sender.as_ref().map(|s| s.as_str()), Some("jane@shop.example"));
    let recipients: Vec<_> = messages[0].recipients.iter().map(|recipient| recipient.as_str()).collect();
    assert_eq!((recipients, messages[0].client_name.as_str()), (vec!["d@e.f", "x@y.z"], "web"));
}

#[tokio::test]
async fn nothing_is_relayed_without_a_login() {
    let fixture = Fixture::new(|_| {}).await;
    let mut client = fixture.client().await;
    for line in ["AUTH PLAIN AHNpdGUAc2VjcmV0", "RCPT TO:<d@e.f>", "DATA"] {
        client.expect(line, "503 5.5.1").await;
    }
    client.expect("MAIL FROM:<a@b.c>", "530 5.7.0").await;
    client.expect("EHLO web", "250").await;
    client.expect("MAIL FROM:<a@b.c>", "530 5.7.0").await;
    client.expect("AUTH CRAM-MD5", "504 5.5.4").await;
    client.expect("AUTH PLAIN AHNpdGUAd3Jvbmc=", "535 5.7.8").await;
    client.expect("MAIL FROM:<a@b.c>", "530 5.7.0").await;
    client.expect("AUTH PLAIN", "334 ").await;
    client.expect("*", "535 5.7.8").await;
    client.expect("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    client.expect("c2l0ZQ==", "334 UGFzc3dvcmQ6").await;
    client.expect("c2VjcmV0", "235 2.7.0").await;
    client.expect(PLAIN, "503 5.5.1").await;
    client.expect("MAIL FROM:<>", "250 2.1.0").await;
    client.expect("DATA", "554 5.5.1").await;
    assert!(fixture.messages().is_empty());
}

#[tokio::test]
async fn guessing_ends_the_connection() {
    let fixture = Fixture::new(|_| {}).await;
    let mut client = fixture.client().await;
    client.expect("EHLO web", "250").await;
    client.expect("AUTH LOGIN c2l0ZQ==", "334").await;
    client.expect("d3Jvbmc=", "535").await;
    client.expect("AUTH PLAIN =", "535").await;
    client.expect("AUTH PLAIN AHNpdGUAd3Jvbmc=", "421 4.7.0").await;
    assert_eq!(client.reply().await, "");
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let fixture = Fixture::new(|_| {}).await;
    let mut client = fixture.site().await;
    client
        .send(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<nobody>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nbody\r\n.\r\nRSET\r\nMAIL FROM:<a@b.c>\r\nQUIT\r\n")
        .await;
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(client.reply().await[..3].to_owned());
    }
    assert_eq!(codes, ["250", "553", "250", "354", "250", "250", "250", "221"]);
    assert_eq!(fixture.messages(), ["body\r\n"]);
}

#[tokio::test]
async fn sizes_and_recipients_are_limited() {
    let fixture = Fixture::new(|limits| (limits.max_message_bytes, limits.max_recipients) = (1000, 2)).await;
    let mut client = fixture.site().await;
    client.expect("MAIL FROM:<a@b.c> SIZE=1001", "552 5.3.4").await;
    client.start().await;
    client.send(&b"0123456789012345678901234567890123456789\r\n".repeat(1000)).await;
    client.expect(".", "552 5.3.4").await;
    client.expect("MAIL FROM:<a@b.c>", "250").await;
    client.expect("RCPT TO:<1@e.f>", "250").await;
    client.expect("RCPT TO:<2@e.f>", "250").await;
    client.expect("RCPT TO:<3@e.f>", "452 4.5.3").await;
    client.expect("DATA", "354").await;
    client.expect("ok\r\n.", "250").await;
    assert_eq!(fixture.recorder.0.lock().unwrap()[0].recipients.len(), 2);
    client.start().await;
    client.expect("Subject: full\r\n\r\n.", "452 4.3.1").await;
    assert_eq!(fixture.messages(), ["ok\r\n"]);
}

#[tokio::test]
async fn each_network_has_so_many_connections_and_so_much_memory() {
    let fixture = Fixture::new(|limits| {
        limits.max_connections_per_network = 2;
        limits.max_buffered_bytes_per_network = 128 << 10;
        limits.memory_timeout = Duration::from_millis(50);
    })
    .await;
    let (mut one, mut two) = (fixture.site().await, fixture.site().await);
    let mut three = Client { stream: TcpStream::connect(fixture.address).await.unwrap(), seen: String::new() };
    assert!(three.reply().await.starts_with("421 4.7.0"));
    one.start().await;
    let line = [&[b'x'; 998][..], b"\r\n"].concat();
    one.send(&line.repeat(120)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    two.start().await;
    two.expect("x\r\n.", "451 4.3.1").await;
    one.expect(".", "250").await;
    two.start().await;
    two.expect("x\r\n.", "250").await;
    two.expect("QUIT", "221").await;
    assert_eq!(two.reply().await, "");
    fixture.site().await;
}

#[tokio::test]
async fn whoever_is_slow_is_not_waited_for() {
    let fixture = Fixture::new(|limits| {
        limits.login_timeout = Duration::from_millis(300);
        limits.data_timeout = Duration::from_millis(300);
    })
    .await;
    let mut site = fixture.site().await;
    let mut silent = fixture.client().await;
    assert!(silent.reply().await.starts_with("421 4.4.2"));
    site.start().await;
    site.send(b"half a mess").await;
    assert!(site.reply().await.starts_with("421 4.4.2"));
    assert!(fixture.messages().is_empty());
}

#[tokio::test]
async fn a_message_under_way_is_finished_when_the_server_stops() {
    let fixture = Fixture::new(|_| {}).await;
    let (mut busy, mut idle) = (fixture.site().await, fixture.site().await);
    busy.start().await;
    busy.send(b"half").await;
    fixture.stop.cancel();
    assert!(idle.reply().await.starts_with("421 4.3.2"));
    busy.expect(" and half\r\n.", "250").await;
    assert!(busy.reply().await.starts_with("421 4.3.2"));
    assert!(TcpStream::connect(fixture.address).await.is_err());
    assert_eq!(fixture.messages(), ["half and half\r\n"]);
}
