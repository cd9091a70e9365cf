//! Reloads nginx, and finds out which configuration answers.
//!
//! `nginx -s reload` returns before anything has changed. The main process starts new workers, waits
//! 0.1 s, and only then tells the old ones to stop accepting; meanwhile either may get a new connection.
//! So it is not enough that the new configuration answers once: it must be the only one that answers for
//! [`SETTLE_DURATION`].

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{config::NginxConfig, program};

/// How long only the new configuration must have answered.
const SETTLE_DURATION: Duration = Duration::from_millis(200);

/// Between two requests.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// For one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Makes nginx load the files, and waits until no new connection gets the former configuration.
pub(crate) async fn reload(config: &NginxConfig, stamp: &str) -> Result<(), String> {
    if !config.pid.as_deref().is_some_and(program::signal_reload) {
        program::run(&config.reload, config.deadline).await.map_err(|error| {
            format!("the files are written, but nginx could not be told to reload: {error}. Is it running, and may stoa signal it?")
        })?;
    }
    wait_until_live(config.version_at, stamp, config.deadline).await.map_err(|last| {
        let last = last.unwrap_or_else(|| "nothing".into());
        format!(
            "nginx was told to reload, but after {} s {last} answers at {} instead of {stamp}; check its error log, and whether it includes the enabled sites",
            config.deadline.as_secs(),
            config.version_at
        )
    })
}

/// The stamp of the configuration that answers now; `None` if none does.
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

/// Waits until only this configuration answers. The error, at the deadline, is the last other answer.
async fn wait_until_live(at: SocketAddr, stamp: &str, deadline: Duration) -> Result<(), Option<String>> {
    let (started, mut since) = (Instant::now(), None);
    loop {
        let now = live_stamp(at).await;
        if now.as_deref() == Some(stamp) {
            if since.get_or_insert_with(Instant::now).elapsed() >= SETTLE_DURATION {
                return Ok(());
            }
        } else {
            since = None;
            if started.elapsed() > deadline {
                return Err(now);
            }
        }
        sleep(POLL_INTERVAL).await;
    }
}
