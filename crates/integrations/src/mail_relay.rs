//! The way out for mail that sites send: the operator's mail server, or a folder where there is none.
//!
//! A message is handed over once for each recipient, so that each has a result of its own. It may be handed over twice if
//! the connection breaks before the answer; its Message-ID stays the same.

use std::{fs, path::PathBuf, time::Duration};

use async_trait::async_trait;
use stoa_model::text::EmailAddress;
use stoa_util::atomic_file;

use crate::mail::{Failure, Smtp, SmtpError, refusal};

/// Longer than a message takes: `SmtpConfig::timeout` ends connection, login and transfer earlier.
pub const RELAY_TIMEOUT: Duration = Duration::from_secs(300);

/// A message for one recipient.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingMail<'a> {
    /// Identifies message and recipient; letters, digits and `_`, `-`.
    pub key: &'a str,
    /// The sender of the envelope; `None`: `<>`.
    pub sender: Option<&'a EmailAddress>,
    /// The recipient of the envelope.
    pub recipient: &'a EmailAddress,
    /// Header and body, in lines that end in CRLF.
    pub content: &'a [u8],
}

/// Why a message was not handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// There is no mail server. The message is in the outbox too.
    #[error("no mail server is configured")]
    NotConfigured,
    /// It may work later.
    #[error("{0}")]
    Deferred(String),
    /// The mail server does not want this message.
    #[error("{0}")]
    Refused(String),
}

/// Hands messages to the next mail server.
#[async_trait]
pub trait MailRelay: Send + Sync + 'static {
    /// Whether mail leaves this machine.
    fn delivers(&self) -> bool;

    /// Hands a message over; returns the server's answer.
    ///
    /// # Errors
    /// Why it was not accepted.
    async fn relay(&self, mail: OutgoingMail<'_>) -> Result<String, RelayError>;
}

/// A folder with a file for each message, for an operator without a mail server.
#[derive(Debug, Clone)]
pub struct OutboxRelay {
    /// The folder; created if it is missing.
    pub folder: PathBuf,
}

#[async_trait]
impl MailRelay for OutboxRelay {
    fn delivers(&self) -> bool {
        false
    }

    async fn relay(&self, mail: OutgoingMail<'_>) -> Result<String, RelayError> {
        let path = self.folder.join(format!("{}.eml", mail.key));
        let folder = self.folder.clone();
        let envelope = format!("X-Envelope-To: <{}>\r\n", mail.recipient);
        let content = [envelope.as_bytes(), mail.content].concat();
        let written = tokio::task::spawn_blocking(move || {
            // A message that waits is handed over again and again.
            if path.exists() {
                return Ok(());
            }
            fs::create_dir_all(&folder).and_then(|()| atomic_file::write_private(&path, &content))
        });
        match written.await {
            Ok(Ok(())) => Err(RelayError::NotConfigured),
            Ok(Err(error)) => Err(RelayError::Deferred(format!("writing to the outbox: {error}"))),
            Err(panic) => Err(RelayError::Deferred(panic.to_string())),
        }
    }
}

#[async_trait]
impl MailRelay for Smtp {
    fn delivers(&self) -> bool {
        true
    }

    async fn relay(&self, mail: OutgoingMail<'_>) -> Result<String, RelayError> {
        let envelope = (mail.sender.map_or("", EmailAddress::as_str), mail.recipient.as_str());
        match self.deliver(envelope, mail.content, &mut Vec::new()).await {
            Ok(reply) => Ok(reply.to_string()),
            Err(SmtpError::Refused { step, reply }) => Err(match refusal(step, &reply) {
                Failure::Temporary => RelayError::Deferred(reply.to_string()),
                Failure::Permanent | Failure::BadRecipient => RelayError::Refused(reply.to_string()),
            }),
            Err(error) => Err(RelayError::Deferred(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
        net::TcpListener,
    };

    use super::*;
    use crate::mail::{Security, SmtpConfig};

    /// A mail server that answers each command with the reply of its verb, and the messages with the last one.
    async fn server(replies: &'static [(&'static str, &'static str)]) -> Smtp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let _ = stream.write_all(b"220 test\r\n").await;
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    let mut replies = replies.iter().chain(&[("QUIT", "221 Goodbye")]);
                    if let Some((_, reply)) = replies.find(|(verb, _)| line.starts_with(verb)) {
                        let _ = stream.write_all(format!("{reply}\r\n").as_bytes()).await;
                    }
                    line.clear();
                }
            }
        });
        smtp(port)
    }

    fn smtp(port: u16) -> Smtp {
        let config = SmtpConfig {
            host: "127.0.0.1".into(),
            port,
            security: Security::None,
            login: None,
            roots: None,
            hello: "stoa.example".into(),
            timeout: Duration::from_secs(10),
        };
        Smtp::new(config).unwrap()
    }

    async fn result(replies: &'static [(&'static str, &'static str)]) -> Result<String, RelayError> {
        let address = EmailAddress::parse("a@x.example").unwrap();
        let mail =
            OutgoingMail { key: "mail_1-0", sender: None, recipient: &address, content: b"Subject: Hi\r\n\r\n..x\r\n" };
        server(replies).await.relay(mail).await
    }

    #[tokio::test]
    async fn answers_are_classified_by_whom_they_are_about() {
        const OK: [(&str, &str); 3] = [("EHLO", "250 test"), ("MAIL FROM:<>", "250 OK"), ("DATA", "354 go")];
        let sent = result(&[OK[0], OK[1], ("RCPT TO:<a@x.example>", "250 OK"), OK[2], (".\r\n", "250 queued as 7")]);
        assert_eq!(sent.await, Ok("250 queued as 7".into()));
        let unknown = result(&[OK[0], OK[1], ("RCPT", "550 5.1.1 No such user")]);
        assert_eq!(unknown.await, Err(RelayError::Refused("550 5.1.1 No such user".into())));
        let greylisted = result(&[OK[0], OK[1], ("RCPT", "451 4.7.1 Try later")]);
        assert_eq!(greylisted.await, Err(RelayError::Deferred("451 4.7.1 Try later".into())));
        let login = result(&[OK[0], ("MAIL", "530 5.7.0 Authentication required")]);
        assert_eq!(login.await, Err(RelayError::Deferred("530 5.7.0 Authentication required".into())));
    }

    #[tokio::test]
    async fn a_server_that_is_away_defers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let relay = smtp(port);
        let address = EmailAddress::parse("a@x.example").unwrap();
        let mail = OutgoingMail { key: "k", sender: Some(&address), recipient: &address, content: b"\r\n" };
        assert!(matches!(relay.relay(mail).await, Err(RelayError::Deferred(_))));
    }

    #[tokio::test]
    async fn without_a_server_each_message_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let relay = OutboxRelay { folder: folder.path().join("outbox") };
        let address = EmailAddress::parse("a@x.example").unwrap();
        let mail = OutgoingMail { key: "mail_1-0", sender: None, recipient: &address, content: b"Subject: Hi\r\n\r\n" };
        for _ in 0..2 {
            assert_eq!(relay.relay(mail).await, Err(RelayError::NotConfigured));
        }
        let written = fs::read_to_string(folder.path().join("outbox/mail_1-0.eml")).unwrap();
        assert_eq!(written, "X-Envelope-To: <a@x.example>\r\nSubject: Hi\r\n\r\n");
    }
}
