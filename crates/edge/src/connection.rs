//! Serves one client connection until both sides are done.
//!
//! A plain connection's protocol is detected by its first three bytes (`protocol`): only HTTP/2 with prior
//! knowledge begins with `PRI`. The socket is not wrapped, so HTTP/1 pays nothing for this. With TLS, the
//! handshake decides (ALPN, RFC 7301); without ALPN it is HTTP/1.

mod executor;
mod opening;
mod protocol;

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Instant,
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

use self::{executor::Executor, opening::within_head_timeout, protocol::DetectedProtocol};
use crate::{
    client::ClientConnection,
    client_stream::ClientStream,
    connection_state::{ConnectionState, ShutdownSignal},
    head_reader::HeadReader,
    proxy::handle,
    proxy_protocol, tls,
};

/// How much of one HTTP/2 response may wait for a client that does not read. A connection has up to 256
/// responses.
const MAX_UNSENT_BYTES: usize = 64 * 1024;

/// h2 decodes heads of so many times the limit, to answer those beyond it with a page. What is larger still h2 itself
/// refuses, unseen. (It also counts 32 bytes more for each field than there are.)
const DECODED_HEADS: usize = 2;

/// Serves a plain connection until it ends.
pub(crate) async fn serve(mut stream: TcpStream, mut client: ClientConnection) {
    if client.sends_proxy_header()
        && let Err(error) = read_proxy_header(&mut stream, &mut client).await
    {
        return tracing::debug!(peer = %client.peer, %error, "reading a balancer's PROXY protocol header");
    }
    let client = Arc::new(client);
    let served = match protocol::detect(&stream, &client).await {
        Ok(DetectedProtocol { is_http2: true, prefix }) => http2(stream, prefix, &client).await,
        Ok(DetectedProtocol { is_http2: false, prefix }) => http1(stream, prefix, &client).await,
        Err(error) => {
            return tracing::trace!(peer = %client.peer, %error, "waiting for the first bytes of a connection");
        }
    };
    if let Err(error) = served {
        tracing::trace!(peer = %client.peer, %error, "serving a connection");
    }
}

/// Serves a connection with TLS until it ends.
pub(crate) async fn serve_tls(mut stream: TcpStream, mut client: ClientConnection) {
    if client.sends_proxy_header()
        && let Err(error) = read_proxy_header(&mut stream, &mut client).await
    {
        return tracing::debug!(peer = %client.peer, %error, "reading a balancer's PROXY protocol header");
    }
    let shared = Arc::clone(&client.worker.shared);
    let certificates = || Arc::clone(&shared.table.load().certificates);
    let default_name = shared.config.platform_hosts.first().map(String::as_str);
    let begun = Instant::now();
    let handshake =
        within_head_timeout(&client.state, tls::accept(stream, &shared.tls, certificates, default_name)).await;
    let (stream, tls_session) = match handshake {
        Ok(done) => done,
        Err(error) => return tracing::debug!(peer = %client.peer, %error, "performing a TLS handshake"),
    };
    client.tls_session = Some(tls_session);
    client.round_trip = begun.elapsed();
    let client = Arc::new(client);
    let served = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => http2(stream, &[], &client).await,
        _ => http1(stream, &[], &client).await,
    };
    if let Err(error) = served {
        tracing::trace!(peer = %client.peer, %error, "serving a connection");
    }
}

/// Reads a balancer's header and takes over the client's address.
async fn read_proxy_header(stream: &mut TcpStream, client: &mut ClientConnection) -> io::Result<()> {
    if let Some(address) = within_head_timeout(&client.state, proxy_protocol::read_source(stream)).await? {
        client.set_announced_address(address);
        if !client.acquire_permit() {
            return Err(io::Error::other("its client has too many connections"));
        }
    }
    Ok(())
}

async fn http1<S>(stream: S, prefix: &'static [u8], client: &Arc<ClientConnection>) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let max_head = client.worker.shared.config.max_head;
    let io = ClientStream::http1(stream, HeadReader::new(prefix, max_head), Arc::clone(&client.state));
    let only = client.state.open_stream();
    let service = service_fn(|request| handle(Arc::clone(client), Arc::clone(&only), request));
    let conn = http1::Builder::new()
        .max_buf_size(max_head.max(8192))
        .max_header_size(max_head)
        .header_read_timeout(None)
        // Never `pipeline_flush`: with it hyper buffers without limit for a client that does not read.
        .serve_connection(io, service)
        .with_upgrades();
    // Closing an idle connection could cross the client's next request. Its response says that it is the last one.
    run_until_shutdown(pin!(conn), &client.state, ShutdownSignal::Drain, |conn| conn.graceful_shutdown()).await
}

async fn http2<S>(stream: S, prefix: &'static [u8], client: &Arc<ClientConnection>) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = ClientStream::http2(stream, prefix, Arc::clone(&client.state));
    let service_client = Arc::clone(client);
    let service = service_fn(move |request| {
        // Not in `handle`: the executor must find it when hyper spawns the returned future.
        let stream = service_client.state.open_stream();
        handle(Arc::clone(&service_client), stream, request)
    });
    let window = client.open_upload_window();
    let max_head = client.worker.shared.config.max_head;
    let max_list = u32::try_from(max_head.saturating_mul(DECODED_HEADS)).unwrap_or(u32::MAX);
    let conn = http2::Builder::new(Executor(Arc::clone(&client.state)))
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .max_header_list_size(max_list)
        .initial_stream_window_size(window.bytes())
        .initial_connection_window_size(window.bytes())
        .max_send_buf_size(MAX_UNSENT_BYTES)
        .serve_connection(io, service);
    // GOAWAY in two steps refuses no stream that is on its way (RFC 9113 6.8).
    run_until_shutdown(pin!(conn), &client.state, ShutdownSignal::Retire, |conn| conn.graceful_shutdown()).await
}

/// Runs a connection until it ends or is killed, and drains it from the signal `drain_at` on.
async fn run_until_shutdown<C>(
    mut conn: Pin<&mut C>,
    state: &ConnectionState,
    drain_at: ShutdownSignal,
    drain: impl Fn(Pin<&mut C>),
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut draining = false;
    poll_fn(|cx| {
        let signal = state.shutdown_signal(cx);
        if signal == ShutdownSignal::Kill {
            return Poll::Ready(Ok(()));
        }
        if signal >= drain_at && !draining {
            draining = true;
            drain(conn.as_mut());
        }
        conn.as_mut().poll(cx)
    })
    .await
}
