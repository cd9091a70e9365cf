//! The threads that carry the traffic.
//!
//! Each has its own runtime, and a connection stays on one of them with the upstream connections that it
//! uses: nothing that a request touches moves between cores.

use std::{
    io,
    net::{SocketAddr, TcpStream as StdStream},
    sync::Arc,
};

use tokio::{net::TcpStream, runtime, sync::mpsc};

use crate::{
    client::{ClientConnection, ConnectionGuard},
    connection,
    connection_state::{ListenerState, tick_interval},
    context::{SharedState, WorkerContext},
};

/// An accepted connection on its way to a thread.
pub(crate) struct Accepted<S = StdStream> {
    pub(crate) stream: S,
    pub(crate) peer: SocketAddr,
    pub(crate) listener: Arc<ListenerState>,
    pub(crate) guard: ConnectionGuard,
}

/// What a thread is asked to do.
enum WorkerMessage {
    /// Run this on the thread.
    Run(Box<dyn FnOnce(Arc<WorkerContext>) + Send>),
    /// Serve a connection that is already counted.
    Serve(Accepted),
}

/// A running thread. Dropping it ends the thread and its connections.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) context: Arc<WorkerContext>,
    messages: mpsc::UnboundedSender<WorkerMessage>,
}

impl Worker {
    /// Starts a thread.
    pub(crate) fn start(index: usize, shared: Arc<SharedState>) -> io::Result<Self> {
        let context = Arc::new(WorkerContext::new(index, shared));
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (messages, inbox) = mpsc::unbounded_channel();
        let there = Arc::clone(&context);
        std::thread::Builder::new().name(format!("edge-{index}")).spawn(move || runtime.block_on(run(there, inbox)))?;
        Ok(Self { context, messages })
    }

    /// Spawns a task on the thread.
    pub(crate) fn spawn<T>(&self, task: impl FnOnce(Arc<WorkerContext>) -> T + Send + 'static)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.send(WorkerMessage::Run(Box::new(move |context| drop(tokio::spawn(task(context))))));
    }

    /// Hands a connection over.
    pub(crate) fn serve(&self, accepted: Accepted) {
        // Counted here already, so that the next choice of a thread sees it.
        self.context.connection_opened();
        if !self.send(WorkerMessage::Serve(accepted)) {
            self.context.connection_closed();
        }
    }

    fn send(&self, message: WorkerMessage) -> bool {
        let sent = self.messages.send(message).is_ok();
        if !sent {
            tracing::error!(thread = self.context.index, "a thread of the edge has ended; restart the platform");
        }
        sent
    }
}

async fn run(context: Arc<WorkerContext>, mut inbox: mpsc::UnboundedReceiver<WorkerMessage>) {
    let ticking = Arc::clone(&context);
    tokio::spawn(async move {
        let limits = &ticking.shared.config.timeouts;
        let pooled = u64::try_from(limits.pooled.as_millis()).unwrap_or(u64::MAX);
        let sweep = |now: u64| ticking.pool.sweep(now.saturating_sub(pooled));
        ticking.connections.run(limits, tick_interval(limits), sweep).await;
    });
    while let Some(message) = inbox.recv().await {
        match message {
            WorkerMessage::Run(start) => start(Arc::clone(&context)),
            WorkerMessage::Serve(Accepted { stream, peer, listener, guard }) => match TcpStream::from_std(stream) {
                Ok(stream) => serve_counted(&context, Accepted { stream, peer, listener, guard }),
                Err(error) => {
                    context.connection_closed();
                    tracing::warn!(%error, "registering a client connection; check the limit of open files");
                }
            },
        }
    }
}

/// Serves a connection that was accepted on this thread.
pub(crate) fn serve_here(context: &Arc<WorkerContext>, accepted: Accepted<TcpStream>) {
    context.connection_opened();
    serve_counted(context, accepted);
}

fn serve_counted(context: &Arc<WorkerContext>, accepted: Accepted<TcpStream>) {
    let Accepted { stream, peer, listener, guard } = accepted;
    let mut client = ClientConnection::new(peer, listener, Arc::clone(context), guard);
    if !client.acquire_permit() {
        return;
    }
    // Two futures, so that a plain connection does not take the memory of a handshake.
    if client.listener.secure {
        tokio::spawn(connection::serve_tls(stream, client));
    } else {
        tokio::spawn(connection::serve(stream, client));
    }
}
