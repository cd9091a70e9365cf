//! Checks a message and writes the header with which it leaves (RFC 5322, RFC 6409).
//!
//! The sender is what abuse is about, so `From` is never passed on as it was: it is read strictly and written again, with
//! an address that the site may use. What identifies recipients or claims a way that the message has not come is removed.

mod from;
mod header;
mod subject;

use jiff::Timestamp;
use stoa_model::{host::Hostname, text::EmailAddress};

use self::header::Field;
use crate::Reply;

/// Servers that a message has passed (RFC 5321, section 6.3).
const MAX_RECEIVED_FIELDS: usize = 50;
/// Fields that are not passed on: they name hidden recipients, or are for the last server or the platform to write.
/// `Sender` would let a message claim another author beside the checked one.
const REMOVED_FIELDS: [&str; 6] = ["from", "bcc", "resent-bcc", "return-path", "sender", "x-stoa-site"];

/// Whose addresses a site may use.
#[derive(Debug, Clone)]
pub struct SenderPolicy {
    /// Domains that the customer has proven to control.
    pub verified: Vec<Hostname>,
    /// The site's name below the platform's own domain.
    pub platform_hostname: Hostname,
    /// The address of the site at the operator's sender domain.
    pub fallback: EmailAddress,
}

/// How a message came.
pub struct Trace<'a> {
    /// Its id.
    pub id: &'a str,
    /// The site that submitted it.
    pub site: &'a str,
    /// The name that the client gave itself.
    pub client_name: &'a str,
    /// This server.
    pub hostname: &'a str,
    /// When.
    pub now: Timestamp,
}

/// A message as it is passed on.
#[derive(Debug)]
pub struct Prepared {
    /// The address in `From`.
    pub from: EmailAddress,
    /// The address that the site wrote there, if it may not use it.
    pub replaced_from: Option<EmailAddress>,
    /// The sender of the envelope: where a bounce goes.
    pub return_path: EmailAddress,
    /// The subject as text.
    pub subject: String,
    /// The header, with the empty line at its end.
    pub header: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
}

/// Prepares a message.
///
/// # Errors
/// The reply to a message that is refused.
pub fn prepare(mut data: Vec<u8>, policy: &SenderPolicy, trace: &Trace<'_>) -> Result<Prepared, Reply> {
    let (fields, body_start) = header::split(&data)?;
    let mut froms = fields.iter().filter(|field| field.is("from"));
    let (Some(from), None) = (froms.next(), froms.next()) else {
        return Err(Reply::new(550, "5.7.1", "The message must have exactly one From field"));
    };
    if fields.iter().filter(|field| field.is("received")).count() > MAX_RECEIVED_FIELDS {
        return Err(Reply::new(554, "5.4.6", "The message is in a loop: it has too many Received fields"));
    }
    let author = from::parse(from.value)?;
    let (from, replaced_from) = policy.choose(&author.address);
    let mut header = trace.received();
    for field in fields.iter().filter(|field| !REMOVED_FIELDS.iter().any(|name| field.is(name))) {
        header.extend_from_slice(field.raw);
    }
    header.extend(author.field(&from));
    let has = |name: &str| fields.iter().any(|field| field.is(name) && !field.is_empty());
    if let Some(old) = replaced_from.as_ref().filter(|_| !has("reply-to")) {
        header.extend(format!("Reply-To: <{old}>\r\n").bytes());
    }
    if !has("date") {
        header.extend(format!("Date: {}\r\n", date(trace.now)).bytes());
    }
    if !has("message-id") {
        let domain = from.as_str().rsplit_once('@').map_or(trace.hostname, |(_, domain)| domain);
        header.extend(format!("Message-ID: <{}@{domain}>\r\n", trace.id).bytes());
    }
    header.extend_from_slice(b"\r\n");
    let subject =
        fields.iter().find(|field| field.is("subject")).map_or_else(String::new, |f| subject::decode(f.value));
    let return_path = policy.return_path(&from);
    data.drain(..body_start);
    Ok(Prepared { from, replaced_from, return_path, subject, header, body: data })
}

impl SenderPolicy {
    /// The address for `From`, and the one that it replaces.
    fn choose(&self, address: &EmailAddress) -> (EmailAddress, Option<EmailAddress>) {
        let own = self.platform_hostname.as_str();
        let is_permitted = *address == self.fallback || self.is_verified(address) || domain(address) == own;
        if is_permitted { (address.clone(), None) } else { (self.fallback.clone(), Some(address.clone())) }
    }

    fn is_verified(&self, address: &EmailAddress) -> bool {
        self.verified.iter().any(|name| name.as_str() == domain(address))
    }

    /// Of the customer's own domain, so that its SPF record aligns with `From` (DMARC) and bounces reach the customer.
    /// No mail is received for the platform's names, so bounces of those go to the site's address at the sender domain.
    fn return_path(&self, from: &EmailAddress) -> EmailAddress {
        if self.is_verified(from) { from.clone() } else { self.fallback.clone() }
    }
}

fn domain(address: &EmailAddress) -> &str {
    address.as_str().rsplit_once('@').map_or("", |(_, domain)| domain)
}

impl Trace<'_> {
    /// The trace field of this server (RFC 5321, section 4.4). The address of the container says nothing to others.
    fn received(&self) -> Vec<u8> {
        let Self { id, site, client_name, hostname, now } = self;
        let date = date(*now);
        format!("Received: from {client_name} ({site})\r\n\tby {hostname} with ESMTPA id {id};\r\n\t{date}\r\n")
            .into_bytes()
    }
}

/// As in RFC 5322.
fn date(now: Timestamp) -> String {
    now.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

impl Field<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    fn is_empty(&self) -> bool {
        self.value.trim_ascii().is_empty()
    }
}

#[cfg(test)]
mod tests;
