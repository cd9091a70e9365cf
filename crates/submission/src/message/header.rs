//! Splits the header of a message into its fields (RFC 5322, section 2.2), without the obsolete forms: a parser that
//! accepts `From :` beside one that does not is how a second author gets in.

use crate::Reply;

/// Longest header in bytes.
const MAX_HEADER_BYTES: usize = 256 << 10;
/// Fields of a header.
const MAX_FIELDS: usize = 500;

/// A field of the header.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// The name.
    pub(super) name: &'a [u8],
    /// What follows the colon, with its line ends.
    pub(super) value: &'a [u8],
    /// All of it, with the line end.
    pub(super) raw: &'a [u8],
}

/// The fields, and where the body begins. The data consists of lines that end in CRLF.
///
/// # Errors
/// If it is no header.
pub(super) fn split(data: &[u8]) -> Result<(Vec<Field<'_>>, usize), Reply> {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let end = field_end(data, at);
        let raw = &data[at..end];
        if raw.is_empty() || raw == b"\r\n" {
            return Ok((fields, end));
        }
        if end > MAX_HEADER_BYTES || fields.len() >= MAX_FIELDS {
            return Err(Reply::new(552, "5.3.4", "The header is too large"));
        }
        fields.push(field(raw).ok_or_else(|| Reply::new(550, "5.6.0", "A line of the header is not a field"))?);
        at = end;
    }
}

/// The end of the field that begins here: the first line end that no continuation line follows. An empty line has none.
fn field_end(data: &[u8], at: usize) -> usize {
    if data[at..].starts_with(b"\r\n") {
        return at + 2;
    }
    let mut from = at;
    loop {
        let Some(offset) = memchr::memchr(b'\n', &data[from..]) else { return data.len() };
        from += offset + 1;
        if !matches!(data.get(from), Some(b' ' | b'\t')) {
            return from;
        }
    }
}

fn field(raw: &[u8]) -> Option<Field<'_>> {
    let colon = memchr::memchr(b':', raw)?;
    let (name, value) = (&raw[..colon], &raw[colon + 1..]);
    let is_name = !name.is_empty() && name.iter().all(|byte| (0x21..0x7f).contains(byte));
    is_name.then_some(Field { name, value, raw })
}
