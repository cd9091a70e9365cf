//! The author of a message: exactly one mailbox (RFC 5322, section 3.4), with or without a name.

use stoa_model::text::EmailAddress;

use crate::{Reply, command::address};

/// Longest name in bytes; with the rest it fits into a line.
const MAX_NAME_BYTES: usize = 800;

/// The author.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Author {
    /// The name as it was written; it has no part that could be read as an address.
    name: Vec<u8>,
    /// The address.
    pub(super) address: EmailAddress,
}

impl Author {
    /// The field `From` with this address.
    pub(super) fn field(&self, address: &EmailAddress) -> Vec<u8> {
        let name = self.name.as_slice();
        if name.is_empty() {
            return format!("From: <{address}>\r\n").into_bytes();
        }
        [b"From: ", name, format!("\r\n <{address}>\r\n").as_bytes()].concat()
    }
}

/// Where a text of the field is.
enum Part {
    Text,
    Quoted,
    Comment(u32),
    Angle,
}

/// Reads the value of the field.
///
/// # Errors
/// If it is not exactly one mailbox.
pub(super) fn parse(value: &[u8]) -> Result<Author, Reply> {
    let wrong = || Reply::new(550, "5.7.1", "The From field must contain exactly one address");
    let parts = split(value).ok_or_else(wrong)?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes.trim_ascii()).ok().and_then(|text| address(text).ok());
    let (name, address) = match parts.angle {
        Some(angle) => (parts.text.trim_ascii().to_vec(), text(&angle)),
        None => (Vec::new(), text(&parts.bare)),
    };
    let address = address.ok_or_else(wrong)?;
    let name = if name.len() > MAX_NAME_BYTES { Vec::new() } else { name };
    Ok(Author { name, address })
}

#[derive(Default)]
struct Parts {
    /// Before the angle brackets, unfolded, without comments.
    text: Vec<u8>,
    /// The same without what is in quotes, which is no address.
    bare: Vec<u8>,
    /// Between the angle brackets.
    angle: Option<Vec<u8>>,
}

/// `None` for a list, a group, two addresses, or brackets and quotes that don't close.
fn split(value: &[u8]) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut part = Part::Text;
    let mut has_angle_ended = false;
    let mut bytes = value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n'));
    while let Some(byte) = bytes.next() {
        if byte < 0x20 && byte != b'\t' || byte == 0x7f {
            return None;
        }
        match (&mut part, byte) {
            (Part::Quoted, b'\\') => parts.text.extend([b'\\', bytes.next()?]),
            (Part::Quoted, _) => {
                parts.text.push(byte);
                if byte == b'"' {
                    part = Part::Text;
                }
            }
            (Part::Comment(_), b'\\') => drop(bytes.next()?),
            (Part::Comment(depth), b'(') => *depth += 1,
            (Part::Comment(1), b')') => part = Part::Text,
            (Part::Comment(depth), b')') => *depth -= 1,
            (Part::Comment(_), _) => {}
            (Part::Angle, b'>') => (part, has_angle_ended) = (Part::Text, true),
            (Part::Angle, b'<') => return None,
            (Part::Angle, _) => parts.angle.as_mut()?.push(byte),
            (Part::Text, b'(') => part = Part::Comment(1),
            (Part::Text, b' ' | b'\t') if has_angle_ended => {}
            (Part::Text, _) if has_angle_ended => return None,
            (Part::Text, b'<') => (part, parts.angle) = (Part::Angle, Some(Vec::new())),
            (Part::Text, b',' | b';' | b':' | b'>' | b')' | b'\\') => return None,
            (Part::Text, _) => {
                parts.text.push(byte);
                parts.bare.push(byte);
                if byte == b'"' {
                    part = Part::Quoted;
                }
            }
        }
    }
    // A name with an address in it that is not quoted: some programs show or use that one.
    let is_two_addresses = parts.angle.is_some() && parts.bare.contains(&b'@');
    (matches!(part, Part::Text) && !is_two_addresses).then_some(parts)
}
