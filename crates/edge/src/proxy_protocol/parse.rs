//! Both forms of the header, from its bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The result of parsing the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The beginning of a header: all of these bytes belong to it, and more will follow.
    More,
    /// A complete header.
    Done {
        /// Its length in bytes; the client's bytes follow.
        length: usize,
        /// The client; `None` if the balancer speaks for itself.
        source: Option<SocketAddr>,
    },
}

/// Why the bytes are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("reading a PROXY protocol header: {0}")]
pub(super) struct BadHeader(&'static str);

/// The beginning of every version 2 header, and of no HTTP or TLS.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest line of version 1, with its end.
const MAX_V1_BYTES: usize = 107;

/// The longest accepted rest of a version 2 header, addresses and TLVs: far more than balancers send,
/// far less than would exhaust memory.
const MAX_V2_PAYLOAD_BYTES: usize = 4096;

/// Parses a header at the beginning of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Step, BadHeader> {
    let begins = |mark: &[u8]| bytes.iter().zip(mark).all(|(byte, expected)| byte == expected);
    if begins(SIGNATURE) {
        parse_v2(bytes)
    } else if begins(b"PROXY ") {
        parse_v1(bytes)
    } else {
        Err(BadHeader("it begins like none; is this peer configured to send it?"))
    }
}

fn parse_v1(bytes: &[u8]) -> Result<Step, BadHeader> {
    let within = &bytes[..bytes.len().min(MAX_V1_BYTES)];
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < MAX_V1_BYTES { Ok(Step::More) } else { Err(BadHeader("its line is too long")) };
    };
    let bad = BadHeader("its line is malformed");
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| bad)?;
    let mut words = text.split(' ').skip(1);
    let source = match words.next() {
        // The rest of the line is to be ignored.
        Some("UNKNOWN") => None,
        Some("TCP4") => Some(addresses::<Ipv4Addr>(words).ok_or(bad)?),
        Some("TCP6") => Some(addresses::<Ipv6Addr>(words).ok_or(bad)?),
        _ => return Err(bad),
    };
    Ok(Step::Done { length: end + 2, source })
}

/// The source in `source destination source-port destination-port`, all of which are required.
fn addresses<'a, A>(mut words: impl Iterator<Item = &'a str>) -> Option<SocketAddr>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let source: A = words.next()?.parse().ok()?;
    let _destination: A = words.next()?.parse().ok()?;
    let port = parse_port(words.next()?)?;
    parse_port(words.next()?)?;
    words.next().is_none().then(|| SocketAddr::new(source.into(), port))
}

/// A port in decimal digits; the standard library would also take a sign.
fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn parse_v2(bytes: &[u8]) -> Result<Step, BadHeader> {
    let &[command, family, high, low] = bytes.get(12..16).unwrap_or_default() else { return Ok(Step::More) };
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if rest > MAX_V2_PAYLOAD_BYTES {
        return Err(BadHeader("it is too long"));
    }
    let speaks_for = match command {
        0x20 => false,
        0x21 => true,
        _ => return Err(BadHeader("its version or command is unknown")),
    };
    let Some(rest) = bytes.get(16..16 + rest) else { return Ok(Step::More) };
    let source = if speaks_for { source(family, rest)? } else { None };
    Ok(Step::Done { length: 16 + rest.len(), source })
}

/// The client in a block of addresses; the TLVs after them are ignored. Families other than TCP over IP
/// are legal, but have no address that we could use.
fn source(family: u8, rest: &[u8]) -> Result<Option<SocketAddr>, BadHeader> {
    let short = BadHeader("its addresses are cut off");
    match family {
        0x11 => {
            let &[a, b, c, d, _, _, _, _, high, low, _, _] = rest.first_chunk::<12>().ok_or(short)?;
            Ok(Some(SocketAddr::new([a, b, c, d].into(), u16::from_be_bytes([high, low]))))
        }
        0x21 => {
            let block = rest.first_chunk::<36>().ok_or(short)?;
            let address: [u8; 16] = *block.first_chunk().ok_or(short)?;
            Ok(Some(SocketAddr::new(address.into(), u16::from_be_bytes([block[32], block[33]]))))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
