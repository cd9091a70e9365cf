//! Lines that end in CRLF and in nothing else.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 8 << 10;

/// Why there is no line.
#[derive(Debug)]
pub(crate) enum LineError {
    /// The client closed the connection.
    Closed,
    /// The line was longer than permitted; all of it was read and dropped.
    TooLong,
    /// A CR or LF that is not part of a CRLF: where the line ends is a matter of opinion.
    BareLineEnd,
    /// The connection failed.
    Io(io::Error),
}

/// Reads lines. Holds at most one line of the permitted length and what was read with it.
pub(crate) struct LineReader<R> {
    inner: R,
    buffer: Vec<u8>,
    /// What lies before was returned.
    start: usize,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, buffer: Vec::new(), start: 0 }
    }

    /// The next line without its CRLF; with it, it has at most `max_bytes`.
    pub(crate) async fn read_line(&mut self, max_bytes: usize) -> Result<&[u8], LineError> {
        let mut is_too_long = false;
        let mut at = self.start;
        loop {
            let end = memchr::memchr2(b'\r', b'\n', &self.buffer[at..]).map(|offset| at + offset);
            match end.map(|end| (end, self.buffer[end], self.buffer.get(end + 1))) {
                Some((end, b'\r', Some(b'\n'))) => {
                    let line = self.start..end;
                    self.start = end + 2;
                    if is_too_long || line.len() + 2 > max_bytes {
                        return Err(LineError::TooLong);
                    }
                    return Ok(&self.buffer[line]);
                }
                Some((end, b'\r', None)) => at = end,
                Some(_) => return Err(LineError::BareLineEnd),
                None => at = self.buffer.len(),
            }
            if at - self.start + 2 > max_bytes {
                is_too_long = true;
                self.start = at;
            }
            at -= self.start;
            self.fill().await?;
        }
    }

    /// Reads more, in place of what was returned.
    async fn fill(&mut self) -> Result<(), LineError> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve(CHUNK_BYTES);
        match self.inner.read_buf(&mut self.buffer).await {
            Ok(0) => Err(LineError::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(LineError::Io(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader makes of this input: lines, and `!` with the error that ended it.
    async fn lines(input: &[u8], max_bytes: usize) -> Vec<String> {
        let mut reader = LineReader::new(input);
        let mut found = Vec::new();
        loop {
            match reader.read_line(max_bytes).await {
                Ok(line) => found.push(String::from_utf8_lossy(line).into_owned()),
                Err(LineError::TooLong) => found.push("!TooLong".into()),
                Err(error) => {
                    found.push(format!("!{error:?}"));
                    return found;
                }
            }
        }
    }

    #[tokio::test]
    async fn only_crlf_ends_a_line() {
        assert_eq!(lines(b"a\r\n\r\nb", 512).await, ["a", "", "!Closed"]);
        for bad in [&b"a\nb\r\n"[..], b"a\rb\r\n", b"a\n\r\n", b"a\r\r\n", b"\n.\n", b"\r.\r", b"a\r\n.\r\r\n"] {
            assert_eq!(lines(bad, 512).await.last().map(String::as_str), Some("!BareLineEnd"), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_long_line_is_dropped_as_a_whole_and_the_next_one_is_read() {
        let input = [&[b'x'; 100_000][..], b"\r\nnext\r\n"].concat();
        assert_eq!(lines(&input, 512).await, ["!TooLong", "next", "!Closed"]);
        let fits = [&[b'x'; 510][..], b"\r\n"].concat();
        assert_eq!(lines(&fits, 512).await[0].len(), 510);
        let longer = [&[b'x'; 511][..], b"\r\n"].concat();
        assert_eq!(lines(&longer, 512).await, ["!TooLong", "!Closed"]);
    }

    #[tokio::test]
    async fn a_line_may_arrive_in_pieces() {
        use tokio::io::AsyncWriteExt;
        let (mut client, server) = tokio::io::duplex(64);
        tokio::spawn(async move {
            for piece in ["EH", "LO a\r", "\nNO", "OP\r\n"] {
                client.write_all(piece.as_bytes()).await.expect("written");
                tokio::task::yield_now().await;
            }
        });
        let mut reader = LineReader::new(server);
        assert_eq!(reader.read_line(512).await.expect("a line"), b"EHLO a");
        assert_eq!(reader.read_line(512).await.expect("a line"), b"NOOP");
    }
}
