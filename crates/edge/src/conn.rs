//! One client connection: which HTTP it speaks, and its life until both sides are done.
//!
//! The protocol is told by the first three bytes (`first`): only HTTP/2 with prior knowledge begins
//! with `PRI`. The socket itself stays bare, so HTTP/1 pays nothing for the choice. With TLS, the
//! handshake tells it (ALPN, RFC 7301); who does not negotiate speaks HTTP/1.

mod executor;
mod first;

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioTimer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use self::{executor::Executor, first::First};
use crate::{
    client::Client,
    io::Io,
    proxy::handle,
    proxy_protocol, tls,
    watch::{Verdict, Watched},
};

/// How much of one HTTP/2 response may wait for a client that does not read, in bytes. A connection
/// has up to 256 of them.
const MAX_UNSENT: usize = 64 * 1024;

/// Serves a plain connection until it ends.
pub(crate) async fn serve(mut stream: TcpStream, mut client: Client) {
    if client.announces()
        && let Err(error) = announced(&mut stream, &mut client).await
    {
        return tracing::debug!(peer = %client.peer, %error, "waiting for whom a balancer speaks");
    }
    let client = Arc::new(client);
    let served = match first::read(&stream, &client).await {
        Ok(First { is_http2: true, taken }) => http2(stream, taken, &client).await,
        Ok(First { is_http2: false, taken }) => http1(stream, taken, &client).await,
        Err(error) => {
            return tracing::trace!(peer = %client.peer, %error, "waiting for the first bytes of a connection");
        }
    };
    if let Err(error) = served {
        tracing::trace!(peer = %client.peer, %error, "serving a connection");
    }
}

/// Serves a connection with TLS until it ends.
pub(crate) async fn serve_tls(mut stream: TcpStream, mut client: Client) {
    if client.announces()
        && let Err(error) = announced(&mut stream, &mut client).await
    {
        return tracing::debug!(peer = %client.peer, %error, "waiting for whom a balancer speaks");
    }
    let shaken = in_time(&client.watched, tls::accept(stream, &client)).await;
    let (stream, secured) = match shaken {
        Ok(shaken) => shaken,
        Err(error) => return tracing::debug!(peer = %client.peer, %error, "shaking hands with a client"),
    };
    client.secured = Some(secured);
    let client = Arc::new(client);
    let served = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => http2(stream, &[], &client).await,
        _ => http1(stream, &[], &client).await,
    };
    if let Err(error) = served {
        tracing::trace!(peer = %client.peer, %error, "serving a connection");
    }
}

/// Learns from a balancer who the client is.
async fn announced(stream: &mut TcpStream, client: &mut Client) -> io::Result<()> {
    if let Some(address) = in_time(&client.watched, proxy_protocol::read(stream)).await? {
        client.speaks_for(address);
        if !client.takes_place() {
            return Err(io::Error::other("its client has too many connections"));
        }
    }
    Ok(())
}

/// Goes on with what comes before HTTP for as long as a request's head may take.
async fn in_time<T>(watched: &Watched, opening: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    watched.head.start(&watched.clock);
    let opened = while_running(watched, opening).await;
    watched.head.stop();
    opened
}

/// Goes on with what comes before HTTP for as long as nothing is said against the connection.
async fn while_running<T>(watched: &Watched, opening: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let mut opening = pin!(opening);
    poll_fn(|cx| match watched.verdict(cx) {
        Verdict::Run => opening.as_mut().poll(cx),
        Verdict::Drain | Verdict::Kill => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
    })
    .await
}

async fn http1<S>(stream: S, taken: &'static [u8], client: &Arc<Client>) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = Io::new(stream, taken, Arc::clone(&client.watched), true);
    let max_head = client.worker.shared.config.max_head;
    let only = client.watched.stream_begins();
    let service = service_fn(|request| handle(Arc::clone(client), Arc::clone(&only), request));
    let conn = http1::Builder::new()
        .max_buf_size(max_head.max(8192))
        .max_header_size(max_head)
        .header_read_timeout(None)
        // Never `pipeline_flush`: it makes hyper buffer without limit for a client that does not read.
        .serve_connection(io, service)
        .with_upgrades();
    drive(pin!(conn), &client.watched, |conn| conn.graceful_shutdown()).await
}

async fn http2<S>(stream: S, taken: &'static [u8], client: &Arc<Client>) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = Io::new(stream, taken, Arc::clone(&client.watched), false);
    let service_client = Arc::clone(client);
    let service = service_fn(move |request| {
        // Here and not in `handle`: the executor must find it when hyper spawns what this returns.
        let stream = service_client.watched.stream_begins();
        handle(Arc::clone(&service_client), stream, request)
    });
    let max_head = u32::try_from(client.worker.shared.config.max_head).unwrap_or(u32::MAX);
    let conn = http2::Builder::new(Executor(Arc::clone(&client.watched)))
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .max_header_list_size(max_head)
        .max_send_buf_size(MAX_UNSENT)
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
