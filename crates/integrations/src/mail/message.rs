//! The message (RFC 5322). A library builds it and encodes every header, so line breaks in a customer's name add none.

use std::fmt::Write as _;

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{self, HeaderName, HeaderValue},
    },
};
use sha2::{Digest, Sha256};
use stoa_model::text::EmailAddress;

use super::{Email, MailError, Sender};

/// The whole message. Its Message-ID follows from the e-mail's key, so a message that is sent twice, because the answer
/// to the first time was lost, is recognized as one.
pub(super) fn build(email: &Email, from: &Sender) -> Result<Vec<u8>, MailError> {
    let invalid = |reason: String| MailError::Build { key: email.key.clone(), to: email.to.clone(), reason };
    let address = |address: &EmailAddress| address.as_str().parse::<Address>().map_err(|e| invalid(e.to_string()));
    let name = Some(one_line(&from.name)).filter(|name| !name.is_empty());
    // For vacation responders (RFC 3834).
    let auto_submitted = HeaderName::new_from_ascii_str("Auto-Submitted");
    let message = Message::builder()
        .from(Mailbox::new(name, address(&from.address)?))
        .to(Mailbox::new(None, address(&email.to)?))
        .subject(one_line(&email.subject))
        .message_id(Some(message_id(&email.key, &from.address)))
        .raw_header(HeaderValue::new(auto_submitted, "auto-generated".to_owned()))
        .header(header::MIME_VERSION_1_0)
        .multipart(MultiPart::alternative_plain_html(email.text.clone(), email.html.clone()))
        .map_err(|e| invalid(e.to_string()))?;
    Ok(message.formatted())
}

/// Hashed: keys contain addresses.
fn message_id(key: &str, from: &EmailAddress) -> String {
    let domain = from.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
    let hash = Sha256::digest(key.as_bytes());
    let hash = hash.iter().take(16).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("<{hash}@{domain}>")
}

/// The name of the e-mail's file in the outbox.
pub(super) fn file_name(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use stoa_model::mail::MailKind;

    use super::*;
    use crate::mail::Mailer;

    fn email(to: &str, subject: &str) -> Email {
        Email {
            key: "welcome/site_1".into(),
            kind: MailKind::Welcome,
            to: EmailAddress::parse(to).unwrap(),
            subject: subject.into(),
            text: "Grüße".into(),
            html: "<p>Grüße</p>".into(),
        }
    }

    fn sender(name: &str) -> Sender {
        Sender { address: EmailAddress::parse("stoa@example.com").unwrap(), name: name.into() }
    }

    #[tokio::test]
    async fn a_hostile_subject_adds_no_header_and_a_repeated_email_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let from = sender("Stoa\r\nBcc: thief@example.com");
        let mailer = Mailer::Outbox { folder: folder.path().join("outbox"), from };
        let email = email("jane@example.com", "Hello\r\nBcc: thief@example.com");
        mailer.send(&email).await.unwrap();
        mailer.send(&email).await.unwrap();
        let files: Vec<_> = fs::read_dir(folder.path().join("outbox")).unwrap().map(|f| f.unwrap().path()).collect();
        assert_eq!(files, [folder.path().join("outbox/welcome-site-1.eml")]);
        let text = fs::read_to_string(&files[0]).unwrap();
        assert!(text.contains("To: jane@example.com"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
    }

    #[test]
    fn the_headers_are_those_of_an_automatic_message_and_the_id_is_stable() {
        let text = |email: &Email| String::from_utf8(build(email, &sender("Müller, \"Hosting\"")).unwrap()).unwrap();
        let one = email("jane@example.com", "Your store 🛒 is online");
        let (first, second) = (text(&one), text(&one));
        let id = |text: &str| text.lines().find(|line| line.starts_with("Message-ID: <")).unwrap().to_owned();
        assert_eq!(id(&first), id(&second));
        assert!(id(&first).ends_with("@example.com>"), "{first}");
        assert_ne!(id(&first), id(&text(&Email { key: "welcome/site_2".into(), ..one })));
        for header in
            ["Auto-Submitted: auto-generated", "Date: ", "MIME-Version: 1.0", "Content-Type: multipart/alternative"]
        {
            assert!(first.lines().any(|line| line.starts_with(header)), "{header} in {first}");
        }
        assert!(first.is_ascii(), "no extension of the server is needed");
        assert!(first.lines().all(|line| line.len() <= 998), "{first}");
    }

    #[test]
    fn every_address_that_accounts_can_have_can_be_written_to() {
        let long = format!("{}@{}.example", "a".repeat(64), ["b".repeat(60), "c".repeat(60), "d".repeat(50)].join("."));
        for to in [&long, "o'brien+shop=1@example.com", "!#$%&'*+-/=?^_`{|}~@example.com", "jo@xn--mnchen-3ya.example"]
        {
            let message = String::from_utf8(build(&email(to, "Hi"), &sender("")).unwrap()).unwrap();
            let unfolded = message.replace("\r\n ", " ");
            assert!(unfolded.contains(&format!("To: {to}")), "{to} in {message}");
        }
    }
}
