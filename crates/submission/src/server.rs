//! Accepts connections, within the limits of each network.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Backend, Limits, Reply,
    data::{MemoryBudget, memory},
    line_reader::LineReader,
    session::{Progress, Session},
};

/// Pause after a failure to accept a connection, such as for lack of file descriptors.
const ACCEPT_ERROR_DELAY: Duration = Duration::from_millis(200);
/// How long a message may take that is being received when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused client may take to read why.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The submission server. Cheap to clone.
pub struct Server<B>(Arc<Inner<B>>);

struct Inner<B> {
    backend: Arc<B>,
    hostname: Arc<str>,
    limits: Arc<Limits>,
    connections: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    networks: Mutex<HashMap<i64, Weak<Network>>>,
}

/// What the connections of one network share.
struct Network {
    connections: Arc<Semaphore>,
    memory: Arc<Semaphore>,
}

/// Leave to serve one connection.
struct Admission {
    network: Arc<Network>,
    _permits: [OwnedSemaphorePermit; 2],
}

impl<B> Clone for Server<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Backend> Server<B> {
    /// A server that calls itself `hostname`.
    pub fn new(backend: B, hostname: &str, limits: Limits) -> Self {
        Self(Arc::new(Inner {
            backend: Arc::new(backend),
            hostname: hostname.into(),
            connections: Arc::new(Semaphore::new(limits.max_connections)),
            memory: memory(limits.max_buffered_bytes),
            networks: Mutex::default(),
            limits: Arc::new(limits),
        }))
    }

    /// Serves until `stop`. Then idle connections are closed, and those that are sending a message have a little time to
    /// finish it.
    pub async fn serve(&self, listener: TcpListener, stop: &CancellationToken) {
        let (tracker, abort) = (TaskTracker::new(), CancellationToken::new());
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, source)) = accepted else {
                sleep(ACCEPT_ERROR_DELAY).await;
                continue;
            };
            let Some(network) = self.0.backend.network_of(source.ip()) else { continue };
            let (server, stop) = (self.clone(), stop.clone());
            let abort = abort.clone();
            tracker.spawn(async move {
                tokio::select! {
                    () = abort.cancelled() => {}
                    served = server.serve_stream(stream, network, &stop) => if let Err(error) = served {
                        tracing::debug!(%error, %source, "a submission connection failed");
                    },
                }
            });
        }
        drop(listener);
        tracker.close();
        if timeout(DRAIN_TIMEOUT, tracker.wait()).await.is_err() {
            abort.cancel();
            tracker.wait().await;
        }
    }

    async fn serve_stream(&self, mut stream: TcpStream, network: i64, stop: &CancellationToken) -> io::Result<()> {
        let Some(admission) = self.admit(network) else {
            let reply = format!("{}\r\n", Reply::new(421, "4.7.0", "Too many connections; try again later"));
            let _ = timeout(REFUSAL_TIMEOUT, stream.write_all(reply.as_bytes())).await;
            return Ok(());
        };
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        self.run(reader, writer, network, &admission, stop).await
    }

    async fn run(
        &self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        network: i64,
        admission: &Admission,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let limits = self.0.limits.clone();
        let memory = MemoryBudget::new(self.0.memory.clone(), admission.network.memory.clone(), limits.memory_timeout);
        let session = Session {
            reader: LineReader::new(reader),
            writer,
            backend: self.0.backend.clone(),
            network,
            hostname: self.0.hostname.clone(),
            limits,
            memory,
            progress: Progress::default(),
        };
        session.run(stop).await
    }

    /// `None` if there are too many connections.
    fn admit(&self, network: i64) -> Option<Admission> {
        let network = self.network(network);
        let own = network.connections.clone().try_acquire_owned().ok()?;
        let any = self.0.connections.clone().try_acquire_owned().ok()?;
        Some(Admission { network, _permits: [own, any] })
    }

    fn network(&self, number: i64) -> Arc<Network> {
        let mut networks = self.0.networks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = networks.get(&number).and_then(Weak::upgrade) {
            return known;
        }
        networks.retain(|_, network| network.strong_count() > 0);
        let limits = &self.0.limits;
        let network = Arc::new(Network {
            connections: Arc::new(Semaphore::new(limits.max_connections_per_network)),
            memory: memory(limits.max_buffered_bytes_per_network),
        });
        networks.insert(number, Arc::downgrade(&network));
        network
    }
}
