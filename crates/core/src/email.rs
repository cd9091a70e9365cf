//! The text of an e-mail, written once: [`EmailBody`] is rendered as text and as HTML. Values are escaped here.

mod layout;

use jiff::Timestamp;
use stoa_integrations::mail::Email;
use stoa_model::{mail::MailKind, text::EmailAddress};

use crate::Settings;

/// A time as people read it, such as "09:48 UTC on 1 December 2026".
pub fn utc(time: Timestamp) -> String {
    time.strftime("%H:%M UTC on %-d %B %Y").to_string()
}

/// What the mail log shows in place of a secret link.
const LINK_PLACEHOLDER: &str = "[link]";
/// What it shows in place of a password.
const SECRET_PLACEHOLDER: &str = "[secret]";

/// A part of an e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    /// A paragraph.
    Paragraph(String),
    /// A link that is the thing to do, on a line of its own.
    Button {
        /// What it does: a verb first.
        label: String,
        /// Where it leads.
        url: String,
    },
    /// A name and its value.
    Fact {
        /// The name.
        name: String,
        /// The value; a link if it is an address of the web.
        value: String,
    },
    /// A name and a value that is kept nowhere, such as a temporary password.
    Secret {
        /// The name.
        name: String,
        /// The value.
        value: String,
    },
    /// Conditions and advice for those who look for them.
    SmallPrint(String),
}

/// What an e-mail says, without greeting and footer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmailBody {
    blocks: Vec<Block>,
}

impl EmailBody {
    /// An e-mail that begins with this paragraph.
    pub fn new(text: impl Into<String>) -> Self {
        Self::default().paragraph(text)
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.with(Block::Paragraph(text.into()))
    }

    /// Adds a button; in the text it is its label and its address.
    #[must_use]
    pub fn button(self, label: impl Into<String>, url: impl Into<String>) -> Self {
        self.with(Block::Button { label: label.into(), url: url.into() })
    }

    /// Adds a name with its value.
    #[must_use]
    pub fn fact(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(Block::Fact { name: name.into(), value: value.into() })
    }

    /// Adds a name with a value that the mail log doesn't keep.
    #[must_use]
    pub fn secret(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(Block::Secret { name: name.into(), value: value.into() })
    }

    /// Adds small print.
    #[must_use]
    pub fn small_print(self, text: impl Into<String>) -> Self {
        self.with(Block::SmallPrint(text.into()))
    }

    fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// The same with a placeholder for the address of each button and for each secret.
    fn without_links(&self) -> Self {
        let blocks = self.blocks.iter().cloned().map(|block| match block {
            Block::Button { label, .. } => Block::Button { label, url: LINK_PLACEHOLDER.to_owned() },
            Block::Secret { name, .. } => Block::Secret { name, value: SECRET_PLACEHOLDER.to_owned() },
            other => other,
        });
        Self { blocks: blocks.collect() }
    }
}

/// An e-mail before it is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailDraft {
    /// Identifies the e-mail: of two with the same key only one is sent.
    pub key: String,
    /// What it is about.
    pub kind: MailKind,
    /// Receiver.
    pub to: EmailAddress,
    /// Subject.
    pub subject: String,
    /// What it says.
    pub body: EmailBody,
}

impl EmailDraft {
    /// The e-mail as it is sent.
    pub fn render(&self, settings: &Settings) -> Email {
        self.render_body(&self.body, settings)
    }

    /// The e-mail as it may be kept: without its secret links.
    pub fn render_without_links(&self, settings: &Settings) -> Email {
        self.render_body(&self.body.without_links(), settings)
    }

    fn render_body(&self, body: &EmailBody, settings: &Settings) -> Email {
        let page = layout::Page {
            subject: &self.subject,
            product: &settings.product_name,
            support: settings.support_email.as_ref(),
            // Alerts are not addressed to a person.
            greets: self.kind != MailKind::Alert,
            blocks: &body.blocks,
        };
        Email {
            key: self.key.clone(),
            kind: self.kind,
            to: self.to.clone(),
            subject: self.subject.clone(),
            text: page.text(),
            html: page.html(),
        }
    }
}
