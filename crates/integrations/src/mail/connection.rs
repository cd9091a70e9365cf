//! A connection to an SMTP server: commands, answers, TLS.
//!
//! Not lettre's: it keeps what it has read before the handshake of STARTTLS and takes it for the server's answers after
//! it (RFC 3207, section 4.2, forbids that), and it doesn't say which command failed, which decides whether a recipient
//! is at fault.

use std::{fmt, io, net::SocketAddr, time::Duration};

use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::reply::{Reply, is_last};

/// How long one address of the server may take to accept the connection, so that the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest line of an answer; RFC 5321 allows 512 bytes.
const MAX_LINE_BYTES: u64 = 4096;
/// The most lines of an answer.
const MAX_LINES: usize = 100;

/// What was being done when something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The server greets, and names what it can do.
    Greeting,
    /// STARTTLS.
    StartTls,
    /// Logging in.
    LogIn,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before the message is sent.
    Data,
    /// The message has been sent, the answer is awaited.
    Message,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "at the greeting",
            Self::StartTls => "at STARTTLS",
            Self::LogIn => "at the login",
            Self::Sender => "at the sender (MAIL FROM)",
            Self::Recipient => "at the recipient (RCPT TO)",
            Self::Data => "at DATA",
            Self::Message => "after the message",
        })
    }
}

/// Why an e-mail was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// No address of the server accepts connections.
    #[error("connecting to {server}: {source}")]
    Connect {
        /// Host and port.
        server: String,
        /// The last address's error.
        source: io::Error,
    },
    /// The handshake failed, or the certificate is not valid for the host.
    #[error("TLS with {server}: {source}")]
    Tls {
        /// Host and port.
        server: String,
        /// What is wrong.
        source: io::Error,
    },
    /// The server doesn't offer STARTTLS, and nothing is sent in plain text.
    #[error(
        "{server} does not offer STARTTLS, and mail.security does not permit plain text; use `tls` with port 465, or \
         another server"
    )]
    NoStartTls {
        /// Host and port.
        server: String,
    },
    /// The server offers no way to log in that is known here.
    #[error("{server} offers no login by PLAIN or LOGIN; clear mail.user, or use another port")]
    NoLogin {
        /// Host and port.
        server: String,
    },
    /// The server refused.
    #[error("the server refused {step}: {reply}")]
    Refused {
        /// What it refused.
        step: Step,
        /// Its answer.
        reply: Reply,
    },
    /// The connection broke.
    #[error("the connection to the server broke {step}: {source}")]
    Broken {
        /// When.
        step: Step,
        /// Why.
        source: io::Error,
    },
    /// The server does not speak SMTP.
    #[error("the server's answer {step} is not SMTP: {text:?}")]
    Protocol {
        /// To what.
        step: Step,
        /// The answer.
        text: String,
    },
    /// It took too long.
    #[error("the server took longer than {} seconds", .0.as_secs())]
    Timeout(Duration),
}

/// A plain or encrypted byte stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection; plain text until [`Connection::encrypt`].
pub(super) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    server: String,
}

impl Connection {
    /// Connects to the first address that accepts.
    pub(super) async fn open(host: &str, port: u16) -> Result<(Self, SocketAddr), SmtpError> {
        let server = format!("{host}:{port}");
        let failed = |source| SmtpError::Connect { server: server.clone(), source };
        let mut error = io::Error::other("the host has no address");
        for address in lookup_host((host, port)).await.map_err(failed)? {
            let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
            match stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(stream) => return Ok((Self { stream: BufReader::new(Box::new(stream)), server }, address)),
                Err(refused) => error = refused,
            }
        }
        Err(failed(error))
    }

    /// The handshake of TLS; verifies that the certificate is valid for `name`.
    pub(super) async fn encrypt(self, tls: &TlsConnector, name: ServerName<'static>) -> Result<Self, SmtpError> {
        let server = self.server;
        let failed = |source| SmtpError::Tls { server: server.clone(), source };
        if !self.stream.buffer().is_empty() {
            return Err(failed(io::Error::other("data was sent ahead of the handshake: somebody may interfere")));
        }
        let encrypted = tls.connect(name, self.stream.into_inner()).await.map_err(failed)?;
        Ok(Self { stream: BufReader::new(Box::new(encrypted)), server })
    }

    /// Host and port.
    pub(super) fn server(&self) -> String {
        self.server.clone()
    }

    /// Sends a command and reads the answer, which must be positive.
    pub(super) async fn command(&mut self, step: Step, command: &str) -> Result<Reply, SmtpError> {
        self.write(step, format!("{command}\r\n").as_bytes()).await?;
        self.reply(step).await
    }

    /// Sends the message and reads the answer.
    pub(super) async fn message(&mut self, message: &[u8]) -> Result<Reply, SmtpError> {
        self.write(Step::Message, &encode(message)).await?;
        self.reply(Step::Message).await
    }

    /// Says goodbye; the answer doesn't matter.
    pub(super) async fn quit(&mut self) {
        let goodbye = async {
            let _ = self.stream.get_mut().write_all(b"QUIT\r\n").await;
            let _ = self.stream.get_mut().shutdown().await;
        };
        let _ = timeout(Duration::from_secs(2), goodbye).await;
    }

    async fn write(&mut self, step: Step, bytes: &[u8]) -> Result<(), SmtpError> {
        let stream = self.stream.get_mut();
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        written.await.map_err(|source| SmtpError::Broken { step, source })
    }

    /// Reads an answer, which must be positive.
    pub(super) async fn reply(&mut self, step: Step) -> Result<Reply, SmtpError> {
        let mut lines = Vec::new();
        loop {
            let line = self.line(step).await?;
            let last = is_last(&line);
            lines.push(line);
            if last != Some(false) || lines.len() > MAX_LINES {
                break;
            }
        }
        let reply = Reply::parse(&lines).map_err(|text| SmtpError::Protocol { step, text })?;
        if reply.is_positive() { Ok(reply) } else { Err(SmtpError::Refused { step, reply }) }
    }

    async fn line(&mut self, step: Step) -> Result<String, SmtpError> {
        let broken = |source| SmtpError::Broken { step, source };
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await.map_err(broken)?;
        let line = String::from_utf8_lossy(&line);
        match line.strip_suffix('\n') {
            Some(line) => Ok(line.strip_suffix('\r').unwrap_or(line).to_owned()),
            None if line.len() as u64 >= MAX_LINE_BYTES => {
                Err(SmtpError::Protocol { step, text: line.chars().take(80).collect() })
            }
            None => Err(broken(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed it"))),
        }
    }
}

/// The message as DATA sends it: every line ends with CR LF, whatever ended it before, a dot at the beginning of a line
/// is doubled (RFC 5321, section 4.5.2), and the final dot. So nothing within a message looks like its end to any server.
fn encode(message: &[u8]) -> Vec<u8> {
    let text = message.strip_suffix(b"\r\n").or(message.strip_suffix(b"\n")).unwrap_or(message);
    let mut out = Vec::with_capacity(message.len() + 64);
    let (mut at_start, mut previous) = (true, 0);
    for &byte in text {
        match byte {
            b'\n' if previous == b'\r' => {}
            b'\r' | b'\n' => {
                out.extend(b"\r\n");
                at_start = true;
            }
            byte => {
                if at_start && byte == b'.' {
                    out.push(b'.');
                }
                out.push(byte);
                at_start = false;
            }
        }
        previous = byte;
    }
    out.extend(b"\r\n.\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_looks_like_its_end() {
        let end = "\r\n.\r\n";
        assert_eq!(encode(b"a\r\n.b\r\n"), b"a\r\n..b\r\n.\r\n");
        for hostile in [
            "a\r\n.\r\nMAIL",
            "a\n.\nMAIL",
            "a\r.\rMAIL",
            "a\n.\r\nMAIL",
            "a\r\n.\rMAIL",
            "a\r\n.\r\r\nMAIL",
            ".\r\nMAIL",
        ] {
            let sent = String::from_utf8(encode(hostile.as_bytes())).unwrap();
            assert!(sent.ends_with("MAIL\r\n.\r\n"), "{sent:?}");
            assert_eq!(sent.matches(end).count(), 1, "{sent:?}");
            assert!(!sent.starts_with(".\r"), "{sent:?}");
            assert!(!sent.replace("\r\n", "").contains(['\r', '\n']), "{sent:?}");
        }
    }
}
