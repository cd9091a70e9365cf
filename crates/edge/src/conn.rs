//! One client connection: which HTTP it speaks, and its life until both sides are done.
//!
//! The protocol is told by peeking at the first three bytes: only HTTP/2 with prior knowledge
//! begins with `PRI`. The socket itself stays bare, so HTTP/1 pays nothing for the choice.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::{io::ReadBuf, net::TcpStream, time::timeout};

use crate::{
    client::{Client, Held},
    io::Io,
    proxy::handle,
    watch::{Door, Verdict, Watched},
    worker::Worker,
};

/// Serves a connection until it ends.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, door: Arc<Door>, worker: Arc<Worker>, held: Held) {
    let client = Arc::new(Client::new(peer, door, worker, held));
    let served = match is_http2(&stream, &client).await {
        Ok(true) => http2(stream, &client).await,
        Ok(false) => http1(stream, &client).await,
        Err(error) => return tracing::trace!(%peer, %error, "waiting for the first bytes of a connection"),
    };
    if let Err(error) = served {
        tracing::trace!(%peer, %error, "serving a connection");
    }
}

/// Waits for the first bytes and looks at them without taking them.
async fn is_http2(stream: &TcpStream, client: &Client) -> io::Result<bool> {
    let mut first = [0; 3];
    let limit = client.worker.shared.config.timeouts.header;
    let mut peek = ReadBuf::new(&mut first);
    let peeked = poll_fn(|cx| match client.watched.verdict(cx) {
        Verdict::Run => stream.poll_peek(cx, &mut peek),
        Verdict::Drain | Verdict::Kill => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
    });
    timeout(limit, peeked).await.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok(first == *b"PRI")
}

async fn http1(stream: TcpStream, client: &Arc<Client>) -> hyper::Result<()> {
    let io = Io::new(stream, Arc::clone(&client.watched), true);
    let max_head = client.worker.shared.config.max_head;
    let service = service_fn(|request| handle(Arc::clone(client), request));
    let conn = http1::Builder::new()
        .max_buf_size(max_head.max(8192))
        .max_header_size(max_head)
        .header_read_timeout(None)
        // Never `pipeline_flush`: it makes hyper buffer without limit for a client that does not read.
        .serve_connection(io, service)
        .with_upgrades();
    drive(pin!(conn), &client.watched, |conn| conn.graceful_shutdown()).await
}

async fn http2(stream: TcpStream, client: &Arc<Client>) -> hyper::Result<()> {
    let io = Io::new(stream, Arc::clone(&client.watched), false);
    let service_client = Arc::clone(client);
    let service = service_fn(move |request| handle(Arc::clone(&service_client), request));
    let max_head = u32::try_from(client.worker.shared.config.max_head).unwrap_or(u32::MAX);
    let conn = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .max_header_list_size(max_head)
        .serve_connection(io, service);
    drive(pin!(conn), &client.watched, |conn| conn.graceful_shutdown()).await
}

/// Runs a connection as the verdicts over it say.
async fn drive<C>(mut conn: Pin<&mut C>, watched: &Watched, drain: impl Fn(Pin<&mut C>)) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut draining = false;
    poll_fn(|cx| {
        match watched.verdict(cx) {
            Verdict::Run => {}
            Verdict::Kill => return Poll::Ready(Ok(())),
            Verdict::Drain if draining => {}
            Verdict::Drain => {
                draining = true;
                drain(conn.as_mut());
            }
        }
        conn.as_mut().poll(cx)
    })
    .await
}
