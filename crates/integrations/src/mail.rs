//! Mail, written into an outbox folder as one `.eml` file (RFC 5322) per message.
//!
//! A library builds the messages and encodes every header, so line breaks in a customer's name add
//! no header.

use std::{fs, io, path::PathBuf};

use lettre::{
    Message,
    message::{Mailbox, MultiPart, header},
};
use stoa_model::text::EmailAddress;
use stoa_util::atomic_file;

/// An e-mail to one person, as text and as HTML.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Email {
    /// Identifies the e-mail: sending it again replaces the first one.
    pub key: String,
    /// Receiver.
    pub to: EmailAddress,
    /// Subject; control characters become spaces.
    pub subject: String,
    /// Plain text body.
    pub text: String,
    /// HTML body, with its values already escaped.
    pub html: String,
}

/// How mail leaves.
#[derive(Debug, Clone)]
pub enum Mailer {
    /// Into a folder, one file per e-mail.
    Outbox {
        /// The folder; created if it is missing.
        folder: PathBuf,
        /// Sender.
        from: EmailAddress,
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
}

impl Mailer {
    /// Whether e-mail leaves this machine.
    pub fn delivers(&self) -> bool {
        match self {
            Self::Outbox { .. } => false,
        }
    }

    /// Sends an e-mail. When this returns, the file and its folder are synced: a power cut can't take
    /// back an e-mail that counts as sent.
    pub fn send(&self, email: &Email) -> Result<(), MailError> {
        if email.to.as_str().ends_with(".invalid") {
            // Nobody can have such an address (RFC 2606): it stands for one that is not known.
            return Ok(());
        }
        let Self::Outbox { folder, from } = self;
        let message = build(email, from)?.formatted();
        let name: String = email.key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = folder.join(format!("{name}.eml"));
        fs::create_dir_all(folder)
            .and_then(|()| atomic_file::write_private(&path, &message))
            .map_err(|source| MailError::Write { path, source })
    }
}

fn build(email: &Email, from: &EmailAddress) -> Result<Message, MailError> {
    let invalid = |reason: String| MailError::Build { key: email.key.clone(), to: email.to.clone(), reason };
    let mailbox = |address: &EmailAddress| address.as_str().parse::<Mailbox>().map_err(|e| invalid(e.to_string()));
    let subject: String = email.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Message::builder()
        .from(mailbox(from)?)
        .to(mailbox(&email.to)?)
        .subject(subject)
        .header(header::MIME_VERSION_1_0)
        .multipart(MultiPart::alternative_plain_html(email.text.clone(), email.html.clone()))
        .map_err(|e| invalid(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_subject_adds_no_header_and_a_repeated_email_is_one_file() {
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
