//! Mail: handed to an SMTP server, or, where none is set, written into an outbox folder as one `.eml` file (RFC 5322) per
//! message.

mod connection;
mod message;
mod reply;
mod smtp;

use std::{fs, io, path::PathBuf};

use stoa_model::{mail::MailKind, text::EmailAddress};
use stoa_util::atomic_file;

pub use self::{
    connection::{SmtpError, Step},
    reply::Reply,
    smtp::{Security, Smtp, SmtpConfig, is_loopback},
};

/// An e-mail to one person, as text and as HTML.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Email {
    /// Identifies the e-mail: sending it again replaces the first one.
    pub key: String,
    /// What it is about.
    #[serde(default = "MailKind::unknown")]
    pub kind: MailKind,
    /// Receiver.
    pub to: EmailAddress,
    /// Subject; control characters become spaces.
    pub subject: String,
    /// Plain text body.
    pub text: String,
    /// HTML body, with its values already escaped.
    pub html: String,
}

/// Who e-mail is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The address.
    pub address: EmailAddress,
    /// The name that is shown beside it; empty: none.
    pub name: String,
}

impl From<EmailAddress> for Sender {
    fn from(address: EmailAddress) -> Self {
        Self { address, name: String::new() }
    }
}

/// How mail leaves. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Mailer {
    /// Into a folder, one file per e-mail.
    Outbox {
        /// The folder; created if it is missing.
        folder: PathBuf,
        /// Sender.
        from: Sender,
    },
    /// To an SMTP server, which takes it to its recipient.
    Smtp {
        /// The server.
        server: Smtp,
        /// Sender.
        from: Sender,
    },
}

/// Why an e-mail was not sent. Sending it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The message could not be built.
    #[error("building the e-mail {key} to {to}: {reason}")]
    Build {
        /// The e-mail's key.
        key: String,
        /// Its recipient.
        to: EmailAddress,
        /// What is wrong.
        reason: String,
    },
    /// The message could not be written to the outbox.
    #[error("writing the e-mail to {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// The server did not take it.
    #[error(transparent)]
    Smtp(#[from] SmtpError),
}

/// What a failure to send an e-mail means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It may succeed later.
    Temporary,
    /// It never will, for a reason that lies in the message, the sender or the server.
    Permanent,
    /// The recipient's mailbox doesn't exist or is closed: nothing sent there will arrive.
    BadRecipient,
}

impl MailError {
    /// What the failure means.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Build { .. } => Failure::Permanent,
            Self::Write { .. } => Failure::Temporary,
            Self::Smtp(SmtpError::Refused { step, reply }) => refusal(*step, reply),
            Self::Smtp(_) => Failure::Temporary,
        }
    }
}

/// What a server's refusal means. Before the sender is named it is not about this e-mail: the server is out of order or
/// our login is, and all e-mail waits until somebody has fixed it. After that 4xx is temporary and 5xx permanent, but only
/// a status that says so condemns the recipient: 5xx is also what a blocked or misconfigured sender gets.
pub(crate) fn refusal(step: Step, reply: &Reply) -> Failure {
    let is_about_recipient = matches!(step, Step::Recipient | Step::Message);
    match (step, reply.code(), reply.status()) {
        (Step::Greeting | Step::StartTls | Step::LogIn, _, _) => Failure::Temporary,
        (_, ..500, _) => Failure::Temporary,
        // The server wants a login, or another one (RFC 4954): that is not about this e-mail either.
        (_, 530 | 534 | 535, _) => Failure::Temporary,
        (_, _, Some((5, 1, 1 | 2 | 10) | (5, 2, 1))) if is_about_recipient => Failure::BadRecipient,
        // The mailbox is full: it may be emptied.
        (_, _, Some((5, 2, 2))) if is_about_recipient => Failure::Temporary,
        _ => Failure::Permanent,
    }
}

impl Mailer {
    /// Whether e-mail leaves this machine.
    pub fn delivers(&self) -> bool {
        match self {
            Self::Outbox { .. } => false,
            Self::Smtp { .. } => true,
        }
    }

    /// Sends an e-mail and returns what became of it: the server's answer, or the file. When this returns, the file and
    /// its folder are synced: a power cut can't take back an e-mail that counts as sent.
    pub async fn send(&self, email: &Email) -> Result<String, MailError> {
        self.send_in_steps(email, &mut Vec::new()).await
    }

    /// [`Mailer::send`]; each step that succeeded is noted in `steps`.
    pub async fn send_in_steps(&self, email: &Email, steps: &mut Vec<String>) -> Result<String, MailError> {
        if email.to.is_placeholder() {
            // Nobody can have such an address (RFC 2606): it stands for one that is not known.
            return Ok("not sent: the address is a placeholder".into());
        }
        match self {
            Self::Outbox { folder, from } => {
                let message = message::build(email, from)?;
                let path = folder.join(format!("{}.eml", message::file_name(&email.key)));
                // It waits for the disk.
                let written = tokio::task::spawn_blocking(move || write(path, &message)).await;
                let failed = |panic| MailError::Write { path: folder.clone(), source: io::Error::other(panic) };
                written.map_err(failed)?
            }
            Self::Smtp { server, from } => {
                let message = message::build(email, from)?;
                let reply = server.deliver((from.address.as_str(), email.to.as_str()), &message, steps).await?;
                Ok(reply.to_string())
            }
        }
    }
}

fn write(path: PathBuf, message: &[u8]) -> Result<String, MailError> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| atomic_file::write_private(&path, message))
        .map_err(|source| MailError::Write { path: path.clone(), source })?;
    Ok(format!("written to {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(step: Step, line: &str) -> Failure {
        MailError::from(SmtpError::Refused { step, reply: Reply::parse(&[line.to_owned()]).unwrap() }).failure()
    }

    #[test]
    fn only_a_status_that_says_so_condemns_the_recipient() {
        for line in ["550 5.1.1 no such user", "550 5.1.2 no such host", "556 5.1.10 null MX", "550 5.2.1 disabled"] {
            assert_eq!(refused(Step::Recipient, line), Failure::BadRecipient, "{line}");
            assert_eq!(refused(Step::Message, line), Failure::BadRecipient, "{line}");
            assert_eq!(refused(Step::Sender, line), Failure::Permanent, "{line}: about the sender");
            assert_eq!(refused(Step::LogIn, line), Failure::Temporary, "{line}: about the server");
        }
        for line in
            ["550 5.7.1 blocked", "554 5.7.26 not aligned", "550 who knows", "552 5.3.4 too large", "550 5.1.8 sender"]
        {
            assert_eq!(refused(Step::Recipient, line), Failure::Permanent, "{line}");
        }
        for line in ["451 4.7.1 greylisted", "421 busy", "452 4.2.2 full", "552 5.2.2 full", "450 4.1.1 not now"] {
            assert_eq!(refused(Step::Recipient, line), Failure::Temporary, "{line}");
        }
        for line in ["535 5.7.8 wrong password", "554 no service here", "454 4.7.0 later"] {
            assert_eq!(refused(Step::LogIn, line), Failure::Temporary, "{line}");
        }
        let lost = SmtpError::Broken { step: Step::Message, source: io::ErrorKind::UnexpectedEof.into() };
        assert_eq!(MailError::from(lost).failure(), Failure::Temporary);
    }
}
