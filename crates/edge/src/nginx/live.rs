//! Which configuration nginx answers by now.
//!
//! `nginx -s reload` returns before anything has changed. The main process starts new workers, waits
//! a tenth of a second, and only then tells the old ones to stop accepting; for that while either may
//! get a new connection. So it is not enough that the new configuration answers once: it must be the
//! only one that answers for [`SETTLE_DURATION`].

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

/// How long only the new configuration must have answered.
const SETTLE_DURATION: Duration = Duration::from_millis(200);

/// Between two questions.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// One question.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The stamp of the configuration that answers now; nothing if none does.
pub(crate) async fn live_stamp(at: SocketAddr) -> Option<String> {
    let ask = async {
        let mut stream = TcpStream::connect(at).await?;
        stream.write_all(b"GET /stoa-version HTTP/1.1\r\nHost: stoa\r\nConnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = timeout(REQUEST_TIMEOUT, ask).await.ok()?.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then(|| body.trim().to_owned())
}

/// Waits until only this configuration answers.
///
/// # Errors
/// At the deadline, with what has answered last.
pub(crate) async fn wait_until_live(at: SocketAddr, wanted: &str, deadline: Duration) -> Result<(), Option<String>> {
    let (begun, mut since) = (Instant::now(), None);
    loop {
        let now = live_stamp(at).await;
        if now.as_deref() == Some(wanted) {
            if since.get_or_insert_with(Instant::now).elapsed() >= SETTLE_DURATION {
                return Ok(());
            }
        } else {
            since = None;
            if begun.elapsed() > deadline {
                return Err(now);
            }
        }
        sleep(POLL_INTERVAL).await;
    }
}
