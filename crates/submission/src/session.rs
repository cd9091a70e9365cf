//! One connection: greeting, login, messages.

use std::{io, mem, ops::ControlFlow, sync::Arc, time::Duration};

use stoa_model::{id::SiteId, text::EmailAddress};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Backend, Limits, Login, Reply, Submission,
    command::Command,
    data::{self, MemoryBudget, too_large},
    limits::{MAX_BAD_COMMANDS, MAX_COMMAND_BYTES, MAX_FAILED_LOGINS},
    line_reader::{LineError, LineReader},
};

/// A message before its content.
struct Transaction {
    sender: Option<EmailAddress>,
    recipients: Vec<EmailAddress>,
}

/// The state of a connection.
pub(crate) struct Session<R, W, B> {
    pub(crate) reader: LineReader<R>,
    pub(crate) writer: W,
    pub(crate) backend: Arc<B>,
    pub(crate) network: i64,
    pub(crate) hostname: Arc<str>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory: MemoryBudget,
    pub(crate) progress: Progress,
}

/// What was said so far.
#[derive(Default)]
pub(crate) struct Progress {
    client_name: Option<String>,
    site: Option<SiteId>,
    transaction: Option<Transaction>,
    bad_commands: u32,
    failed_logins: u32,
}

/// After a command: continue, or close the connection.
type Next = io::Result<ControlFlow<()>>;

const CONTINUE: Next = Ok(ControlFlow::Continue(()));

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin, B: Backend> Session<R, W, B> {
    /// Serves the connection until it ends, or until `stop` while it is between two messages.
    pub(crate) async fn run(mut self, stop: &CancellationToken) -> io::Result<()> {
        let greeting = format!("{} ESMTP Stoa", self.hostname);
        self.reply(&Reply::new(220, "", greeting)).await?;
        let login_deadline = Instant::now() + self.limits.login_timeout;
        loop {
            let mut time = self.limits.command_timeout;
            if self.progress.site.is_none() {
                time = time.min(login_deadline.saturating_duration_since(Instant::now()));
            }
            let is_idle = self.progress.transaction.is_none();
            let line = tokio::select! {
                line = self.read_line(time) => line?,
                () = stop.cancelled(), if is_idle => {
                    return self.reply(&Reply::new(421, "4.3.2", "The server is restarting; try again")).await;
                }
            };
            let Some(line) = line else { return Ok(()) };
            let next = match line.and_then(|line| Command::parse(&line)) {
                Ok(command) => self.execute(command).await?,
                Err(reply) => self.refuse(&reply).await?,
            };
            if next.is_break() {
                return Ok(());
            }
        }
    }

    /// A line; the reply to one that is too long; or `None` at the end of the connection.
    async fn read_line(&mut self, time: Duration) -> io::Result<Option<Result<Vec<u8>, Reply>>> {
        let error = match timeout(time, self.reader.read_line(MAX_COMMAND_BYTES)).await {
            Ok(Ok(line)) => return Ok(Some(Ok(line.to_vec()))),
            Ok(Err(LineError::TooLong)) => return Ok(Some(Err(Reply::new(500, "5.5.6", "The line is too long")))),
            Ok(Err(error)) => error,
            Err(_) => {
                self.reply(&Reply::new(421, "4.4.2", "Timeout, closing the connection")).await?;
                return Ok(None);
            }
        };
        self.end(error).await.map(|()| None)
    }

    /// Says why the connection is closed, if there is something to say.
    async fn end(&mut self, error: LineError) -> io::Result<()> {
        match error {
            LineError::BareLineEnd => {
                let reply = Reply::new(521, "5.5.2", "Lines must end in CRLF; a bare CR or LF is not accepted");
                self.reply(&reply).await
            }
            LineError::Io(error) => Err(error),
            LineError::Closed | LineError::TooLong => Ok(()),
        }
    }

    async fn execute(&mut self, command: Command) -> Next {
        match command {
            Command::Ehlo(name) => self.greet(name, true).await,
            Command::Helo(name) => self.greet(name, false).await,
            Command::Auth(mechanism, initial) => self.authenticate(&mechanism, initial).await,
            Command::Mail(sender, size) => self.begin(sender, size).await,
            Command::Rcpt(recipient) => self.add_recipient(recipient).await,
            Command::Data => self.receive().await,
            Command::Rset => {
                self.progress.transaction = None;
                self.accept(&Reply::new(250, "2.0.0", "OK")).await
            }
            Command::Noop => self.accept(&Reply::new(250, "2.0.0", "OK")).await,
            Command::Vrfy => self.accept(&Reply::new(252, "2.5.0", "Send a message to find out")).await,
            Command::Quit => {
                self.reply(&Reply::new(221, "2.0.0", "Goodbye")).await?;
                Ok(ControlFlow::Break(()))
            }
        }
    }

    async fn greet(&mut self, name: String, is_extended: bool) -> Next {
        self.progress.client_name = Some(name);
        self.progress.transaction = None;
        let hostname = &self.hostname;
        let text = if is_extended {
            let size = self.limits.max_message_bytes;
            format!(
                "250-{hostname}\r\n250-PIPELINING\r\n250-SIZE {size}\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n\
                 250 AUTH PLAIN LOGIN\r\n"
            )
        } else {
            format!("250 {hostname}\r\n")
        };
        self.write(&text).await?;
        CONTINUE
    }

    async fn authenticate(&mut self, mechanism: &str, initial: Option<String>) -> Next {
        if self.progress.client_name.is_none() || self.progress.site.is_some() || self.progress.transaction.is_some() {
            return self.refuse(&Reply::new(503, "5.5.1", "AUTH is not permitted now")).await;
        }
        let login = match mechanism {
            "PLAIN" => self.response(initial, "").await?.map(|response| Login::from_plain(&response)),
            // The questions are Base64 for "Username:" and "Password:".
            "LOGIN" => match self.response(initial, "VXNlcm5hbWU6").await? {
                Some(user) => {
                    let password = self.response(None, "UGFzc3dvcmQ6").await?;
                    password.map(|password| Login::from_responses(&user, &password))
                }
                None => None,
            },
            _ => return self.refuse(&Reply::new(504, "5.5.4", "Use AUTH PLAIN or LOGIN")).await,
        };
        let Some(login) = login else { return Ok(ControlFlow::Break(())) };
        let site = match login {
            Some(login) => self.backend.authenticate(self.network, &login).await,
            None => Ok(None),
        };
        match site {
            Ok(Some(site)) => {
                self.progress.site = Some(site);
                self.accept(&Reply::new(235, "2.7.0", "Authentication succeeded")).await
            }
            Ok(None) => self.refuse_login().await,
            Err(reply) => self.accept(&reply).await,
        }
    }

    /// A response of the client; `None` if the connection has ended.
    async fn response(&mut self, initial: Option<String>, question: &str) -> io::Result<Option<String>> {
        if let Some(initial) = initial {
            return Ok(Some(initial));
        }
        self.write(&format!("334 {question}\r\n")).await?;
        let line = self.read_line(self.limits.command_timeout).await?;
        // What is no text is no response, and a wrong one is refused anyway.
        Ok(line.map(|line| line.ok().and_then(|line| String::from_utf8(line).ok()).unwrap_or_default()))
    }

    async fn refuse_login(&mut self) -> Next {
        sleep(self.limits.failed_login_delay).await;
        self.progress.failed_logins += 1;
        if self.progress.failed_logins >= MAX_FAILED_LOGINS {
            self.reply(&Reply::new(421, "4.7.0", "Too many failed logins, closing the connection")).await?;
            return Ok(ControlFlow::Break(()));
        }
        self.accept(&Reply::new(535, "5.7.8", "The user name or password is wrong, or belongs to another site")).await
    }

    async fn begin(&mut self, sender: Option<EmailAddress>, size: Option<u64>) -> Next {
        if self.progress.site.is_none() {
            return self.refuse(&Reply::new(530, "5.7.0", "Authentication required")).await;
        }
        if self.progress.transaction.is_some() {
            return self.refuse(&Reply::new(503, "5.5.1", "A message has been started already")).await;
        }
        if size.is_some_and(|size| size > self.limits.max_message_bytes as u64) {
            return self.refuse(&too_large(self.limits.max_message_bytes)).await;
        }
        self.progress.transaction = Some(Transaction { sender, recipients: Vec::new() });
        self.accept(&Reply::new(250, "2.1.0", "Sender OK")).await
    }

    async fn add_recipient(&mut self, recipient: EmailAddress) -> Next {
        let max = self.limits.max_recipients;
        let Some(transaction) = &mut self.progress.transaction else {
            return self.refuse(&Reply::new(503, "5.5.1", "Send MAIL first")).await;
        };
        if !transaction.recipients.contains(&recipient) {
            if transaction.recipients.len() >= max {
                // Not a bad command: RFC 5321, section 4.5.3.1.10, has the client send the rest in another transaction.
                return self.accept(&Reply::new(452, "4.5.3", "Too many recipients")).await;
            }
            transaction.recipients.push(recipient);
        }
        self.accept(&Reply::new(250, "2.1.5", "Recipient OK")).await
    }

    async fn receive(&mut self) -> Next {
        let (Some(site), Some(transaction)) = (self.progress.site, self.progress.transaction.take()) else {
            return self.refuse(&Reply::new(503, "5.5.1", "Send MAIL and RCPT first")).await;
        };
        if transaction.recipients.is_empty() {
            return self.refuse(&Reply::new(554, "5.5.1", "No valid recipients")).await;
        }
        self.reply(&Reply::new(354, "", "End the message with CRLF.CRLF")).await?;
        let received = data::receive(&mut self.reader, &self.memory, self.limits.max_message_bytes);
        let received = match timeout(self.limits.data_timeout, received).await {
            Ok(Ok(Ok(received))) => received,
            Ok(Ok(Err(reply))) => return self.accept(&reply).await,
            Ok(Err(error)) => return self.end(error).await.map(|()| ControlFlow::Break(())),
            Err(_) => {
                self.reply(&Reply::new(421, "4.4.2", "Timeout, closing the connection")).await?;
                return Ok(ControlFlow::Break(()));
            }
        };
        let mut received = received;
        let message = Submission {
            client_name: self.progress.client_name.clone().unwrap_or_default(),
            sender: transaction.sender,
            recipients: transaction.recipients,
            data: mem::take(&mut received.bytes),
        };
        let reply = match self.backend.accept(site, message).await {
            Ok(id) => Reply::new(250, "2.0.0", format!("Queued as {id}")),
            Err(reply) => reply,
        };
        // Its memory is free from here on.
        drop(received);
        self.accept(&reply).await
    }

    /// Answers a command that was understood.
    async fn accept(&mut self, reply: &Reply) -> Next {
        self.reply(reply).await?;
        CONTINUE
    }

    /// Answers a command that was wrong; who sends too many of them is no mail program.
    async fn refuse(&mut self, reply: &Reply) -> Next {
        self.progress.bad_commands += 1;
        if self.progress.bad_commands > MAX_BAD_COMMANDS {
            self.reply(&Reply::new(421, "4.7.0", "Too many errors, closing the connection")).await?;
            return Ok(ControlFlow::Break(()));
        }
        self.accept(reply).await
    }

    async fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        self.write(&format!("{reply}\r\n")).await
    }

    /// A client that doesn't read its replies is not waited for.
    async fn write(&mut self, text: &str) -> io::Result<()> {
        let written = async {
            self.writer.write_all(text.as_bytes()).await?;
            self.writer.flush().await
        };
        timeout(self.limits.command_timeout, written).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}
