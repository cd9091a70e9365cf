//! Mail. Where no SMTP server is set, messages are written into an outbox folder, one `.eml` file
//! (RFC 5322) each, so that nothing is lost and everything can be looked at.
//!
//! Messages are built by a library that encodes every header: a customer's name can hold line
//! breaks and still add no header.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use lettre::{
    Message,
    message::{Mailbox, MultiPart, header},
};
use stoa_model::text::EmailAddress;

/// A message to one person, as text and as HTML.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Email {
    /// Names the message, so that sending it again replaces it instead of doubling it.
    pub key: String,
    /// Receiver.
    pub to: EmailAddress,
    /// Subject; line breaks become blanks.
    pub subject: String,
    /// Body for readers of plain text.
    pub text: String,
    /// Body for readers of HTML; values in it are escaped already.
    pub html: String,
}

/// How mail leaves.
#[derive(Debug, Clone)]
pub enum Mailer {
    /// Into a folder, one file a message.
    Outbox {
        /// Which folder; made when missing.
        folder: PathBuf,
        /// Sender.
        from: EmailAddress,
    },
}

/// Why a message did not leave; it can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It can't be put together.
    #[error("building the message {key} to {to}: {reason}")]
    Build {
        /// Which message.
        key: String,
        /// To whom.
        to: EmailAddress,
        /// Why.
        reason: String,
    },
    /// It can't be written to the outbox.
    #[error("writing the message to {path}: {source}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Mailer {
    /// Sends a email. Sending the same key again leaves one message.
    ///
    /// # Errors
    /// If it could not be built or handed over; nothing has left then.
    pub fn send(&self, email: &Email) -> Result<(), MailError> {
        let Self::Outbox { folder, from } = self;
        let bytes = build(email, from)?.formatted();
        let name: String = email.key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let failed = |source| MailError::Write { path: folder.join(format!("{name}.eml")), source };
        write_aside(folder, &name, &bytes).map_err(failed)
    }
}

fn build(email: &Email, from: &EmailAddress) -> Result<Message, MailError> {
    let bad = |reason: String| MailError::Build { key: email.key.clone(), to: email.to.clone(), reason };
    let mailbox = |address: &EmailAddress| address.as_str().parse::<Mailbox>().map_err(|e| bad(e.to_string()));
    let subject: String = email.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Message::builder()
        .from(mailbox(from)?)
        .to(mailbox(&email.to)?)
        .subject(subject)
        .header(header::MIME_VERSION_1_0)
        .multipart(MultiPart::alternative_plain_html(email.text.clone(), email.html.clone()))
        .map_err(|e| bad(e.to_string()))
}

/// Writes beside the target, syncs, and renames: a reader never sees half a message. The folder is
/// synced too, else a power cut could take a message back that counts as sent.
fn write_aside(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (path, aside) = (folder.join(format!("{name}.eml")), folder.join(format!("{name}.part")));
    fs::create_dir_all(folder)?;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_subject_adds_no_header_and_a_repeated_letter_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let from = EmailAddress::parse("stoa@example.com").unwrap();
        let mailer = Mailer::Outbox { folder: folder.path().join("outbox"), from };
        let email = Email {
            key: "welcome/site_1".into(),
            to: EmailAddress::parse("jane@example.com").unwrap(),
            subject: "Hello\r\nBcc: thief@example.com".into(),
            text: "Grüße".into(),
            html: "<p>Grüße</p>".into(),
        };
        mailer.send(&email).unwrap();
        mailer.send(&email).unwrap();
        let files: Vec<_> = fs::read_dir(folder.path().join("outbox")).unwrap().map(|f| f.unwrap().path()).collect();
        assert_eq!(files, [folder.path().join("outbox/welcome-site-1.eml")]);
        let text = fs::read_to_string(&files[0]).unwrap();
        assert!(text.contains("To: jane@example.com"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
    }
}
