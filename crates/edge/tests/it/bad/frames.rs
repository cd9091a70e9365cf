//! HTTP/2 by hand: frames (RFC 9113 4.1) and header blocks (RFC 7541) that no library would send.

use tokio::{io::AsyncReadExt, net::TcpSocket};

use crate::support::{Raw, TestEdge};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const ACK: u8 = 1;

/// Anything in a stream's life that ends the waiting for an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response's status; 0 for those without a place in the static table.
    Status(u16),
    /// The stream or the connection was ended with this error code.
    Error(u32),
    Closed,
}

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A literal field without indexing, with a new name (RFC 7541 6.2.2).
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.extend(integer(text.len(), 7, 0));
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// A prefixed integer (RFC 7541 5.1).
pub fn integer(number: usize, prefix: u32, flags: u8) -> Vec<u8> {
    let most = (1 << prefix) - 1;
    if number < most {
        return vec![flags | u8::try_from(number).unwrap()];
    }
    let mut bytes = vec![flags | u8::try_from(most).unwrap()];
    let mut rest = number - most;
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

/// A header block of literals.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

/// The block of a plain request.
pub fn request(method: &str, host: &str, path: &str) -> Vec<u8> {
    block(&[(":method", method), (":scheme", "http"), (":authority", host), (":path", path)])
}

/// A setting (RFC 9113 6.5.1).
pub fn setting(id: u16, value: u32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A client's connection.
pub struct H2(pub Raw);

impl H2 {
    /// Says hello with these settings.
    pub async fn open(edge: &TestEdge, settings: &[u8]) -> Self {
        Self::over(edge.connect().await, settings).await
    }

    /// Opens every window as far as it goes, and has little room for what it has not read.
    pub async fn open_wide(edge: &TestEdge) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        let stream = socket.connect(edge.address).await.unwrap();
        let mut h2 = Self::over(Raw { stream, buf: Vec::new() }, &setting(4, 0x7fff_ffff)).await;
        h2.0.write(frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000u32.to_be_bytes())).await;
        h2
    }

    pub async fn over(mut raw: Raw, settings: &[u8]) -> Self {
        raw.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        raw.write(frame(SETTINGS, 0, 0, settings)).await;
        Self(raw)
    }

    /// The next frame: kind, flags, stream and payload.
    pub async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let head = self.take(9).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], head[4], stream, self.take(length).await?))
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.0.buf.len() < length {
            if self.0.stream.read_buf(&mut self.0.buf).await.ok()? == 0 {
                return None;
            }
        }
        Some(self.0.buf.drain(..length).collect())
    }

    /// Waits for the answer on a stream.
    pub async fn outcome(&mut self, wanted: u32) -> Outcome {
        loop {
            let Some((kind, flags, stream, payload)) = self.next().await else { return Outcome::Closed };
            let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match kind {
                HEADERS if stream == wanted => return Outcome::Status(status(&payload)),
                RST_STREAM if stream == wanted => return Outcome::Error(code(0)),
                GOAWAY => return Outcome::Error(code(4)),
                SETTINGS if flags & ACK == 0 => self.0.write(frame(SETTINGS, ACK, 0, &[])).await,
                _ => {}
            }
        }
    }
}

/// The status in a response's block: the first field, from the static table (RFC 7541 A).
fn status(block: &[u8]) -> u16 {
    match block.first() {
        Some(0x88) => 200,
        Some(0x8c) => 400,
        Some(0x8d) => 404,
        _ => 0,
    }
}
