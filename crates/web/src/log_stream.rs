//! Sends a site's log piece by piece: a client that reads slowly holds the lines themselves, and no rendered copy of
//! all of them. A client that does not read loses its log after [`DELIVERY_TIMEOUT`].

use std::{io, mem, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use stoa_sites::view::LogLine;
use tokio::{sync::mpsc, time::timeout};

/// How long a client may take to read a log.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(120);
/// A piece is sent when it has at least this many bytes.
const PIECE_BYTES: usize = 16 << 10;

enum Piece {
    Next(Bytes),
    Last(Bytes),
}

/// A body of `start`, each line as `write` appends it, and `end`. `guard` is dropped with the lines.
pub fn body(
    start: impl Into<Vec<u8>>,
    lines: Vec<LogLine>,
    guard: impl Send + 'static,
    write: impl Fn(&mut Vec<u8>, usize, LogLine) + Send + 'static,
    end: impl Into<Bytes>,
) -> Body {
    let (mut piece, end) = (start.into(), end.into());
    let (sender, receiver) = mpsc::channel(1);
    let deliver = async move {
        let _guard = guard;
        for (number, line) in lines.into_iter().enumerate() {
            write(&mut piece, number, line);
            if piece.len() >= PIECE_BYTES && sender.send(Piece::Next(mem::take(&mut piece).into())).await.is_err() {
                return;
            }
        }
        piece.extend_from_slice(&end);
        let _ = sender.send(Piece::Last(piece.into())).await;
    };
    tokio::spawn(timeout(DELIVERY_TIMEOUT, deliver));
    let pieces = stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        Some(match receiver.recv().await {
            Some(Piece::Next(piece)) => (Ok(piece), Some(receiver)),
            Some(Piece::Last(piece)) => (Ok(piece), None),
            // A cut connection tells the client that this was not all.
            None => (Err(io::Error::from(io::ErrorKind::TimedOut)), None),
        })
    });
    // Compression asks once more after the end.
    Body::from_stream(pieces.fuse())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn it_can_be_asked_after_its_end() {
        let mut pieces = log(&Arc::new(())).into_data_stream();
        while let Some(piece) = pieces.next().await {
            piece.expect("a piece");
        }
        assert!(pieces.next().await.is_none());
    }

    fn log(guard: &Arc<()>) -> Body {
        let line = |n: usize| LogLine { service: "web".into(), at: n.to_string(), line: "x".repeat(1000) };
        let write = |piece: &mut Vec<u8>, _: usize, line: LogLine| piece.extend_from_slice(line.line.as_bytes());
        body("[", (0..100).map(line).collect(), guard.clone(), write, "]")
    }

    #[tokio::test]
    async fn everything_arrives_in_pieces() {
        let guard = Arc::new(());
        let pieces: Vec<_> = log(&guard).into_data_stream().map(Result::unwrap).collect().await;
        assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 1001) && pieces.len() > 5);
        assert_eq!(pieces.concat(), format!("[{}]", "x".repeat(100_000)).into_bytes());
        assert_eq!(Arc::strong_count(&guard), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_loses_its_log() {
        let guard = Arc::new(());
        let mut pieces = log(&guard).into_data_stream();
        assert!(pieces.next().await.is_some_and(|piece| piece.is_ok()));
        tokio::time::sleep(DELIVERY_TIMEOUT + Duration::from_secs(1)).await;
        assert_eq!(Arc::strong_count(&guard), 1, "its place is free");
        let rest: Vec<_> = pieces.collect().await;
        assert!(rest.last().is_some_and(Result::is_err), "and the client can tell");
    }
}
