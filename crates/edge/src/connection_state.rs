//! What connections wait for, and what happens when it takes too long.
//!
//! A timer per connection and request would cost more than routing. Instead each connection notes in plain
//! atomics what it has been waiting for and since when, and one ticker per thread checks all connections of
//! that thread a few times a second. A shutdown signal is one atomic that the connection reads whenever it is
//! polled. Timeouts are therefore late by up to one tick, never early.

mod listener_state;
mod stream_state;
mod timers;
mod wait_timer;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicU8, AtomicU32,
            Ordering::{Relaxed, SeqCst},
        },
    },
    task::Context,
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;
use tokio::task::AbortHandle;

pub(crate) use self::{
    listener_state::{ListenerState, ShutdownSignal},
    stream_state::StreamState,
    timers::{Clock, Stopwatch},
    wait_timer::WaitTimer,
};
use crate::{config::Timeouts, page::Page};

/// How long a client has to read our last response and close, before we close.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// So many small pieces of responses are sent before the client has taken any. After that they are combined.
const MAX_SMALL_PIECES: u32 = 256;

/// The state of one client connection.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    pub(crate) clock: Arc<Clock>,
    /// No request is in flight.
    pub(crate) idle: Stopwatch,
    /// A request's first bytes have arrived, the end of its head has not.
    pub(crate) head: Stopwatch,
    /// The client does not read.
    pub(crate) write: Stopwatch,
    /// Neither side of an upgraded connection sends.
    pub(crate) tunnel: Stopwatch,
    /// We are done, and the client has not closed yet.
    pub(crate) linger: Stopwatch,
    /// It has switched protocols: each direction ends by itself.
    upgraded: AtomicBool,
    listener: Arc<ListenerState>,
    /// Requests in flight; HTTP/2 has many.
    in_flight: AtomicU32,
    /// Requests so far.
    requests: AtomicU32,
    /// The number of a request that is refused, and its page.
    refused: OnceLock<(u32, Page)>,
    /// One per request in flight; HTTP/1 uses the same for all.
    streams: Mutex<Vec<Arc<StreamState>>>,
    /// Small pieces of responses sent since the client last took any bytes.
    small_pieces: AtomicU32,
    signal: AtomicU8,
    waker: AtomicWaker,
}

impl ConnectionState {
    fn new(clock: Arc<Clock>, listener: Arc<ListenerState>) -> Self {
        let state = Self {
            clock,
            listener,
            idle: Stopwatch::default(),
            head: Stopwatch::default(),
            write: Stopwatch::default(),
            tunnel: Stopwatch::default(),
            linger: Stopwatch::default(),
            upgraded: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            refused: OnceLock::new(),
            streams: Mutex::default(),
            small_pieces: AtomicU32::new(0),
            signal: AtomicU8::new(ShutdownSignal::Run as u8),
            waker: AtomicWaker::new(),
        };
        state.idle.start(&state.clock);
        state
    }

    /// A further stream, until its request ends. HTTP/1 opens one per connection.
    pub(crate) fn open_stream(&self) -> Arc<StreamState> {
        let stream = Arc::new(StreamState::new(&self.clock));
        self.streams().push(Arc::clone(&stream));
        stream
    }

    /// This task serves the stream that was opened last.
    pub(crate) fn set_stream_task(&self, task: AbortHandle) {
        if let Some(youngest) = self.streams().last() {
            youngest.set_task(task);
        }
    }

    /// The request after `number` others is answered with this page, and is the last one.
    pub(crate) fn refuse_request(&self, number: u32, page: Page) {
        // Only the first can be: nothing is read after it.
        let _ = self.refused.set((number, page));
    }

    /// A request's head has been read. Returns the page that answers it if it was refused.
    pub(crate) fn begin_request(&self) -> Option<Page> {
        let number = self.requests.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        self.idle.stop();
        self.head.stop();
        self.refused.get().filter(|(refused, _)| *refused == number).map(|(_, page)| *page)
    }

    /// A request's response is written or abandoned.
    pub(crate) fn end_request(&self, stream: &Arc<StreamState>) {
        if stream.has_task() {
            let mut streams = self.streams();
            if let Some(at) = streams.iter().position(|other| Arc::ptr_eq(other, stream)) {
                streams.swap_remove(at);
            }
        }
        if self.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.idle.start(&self.clock);
        }
    }

    /// Since when no request is in flight; `None` if one is, or if the connection is about to be closed.
    fn idle_since(&self) -> Option<u64> {
        let is_open = ShutdownSignal::of(&self.signal) != ShutdownSignal::Kill;
        self.idle.since().filter(|_| is_open && self.in_flight.load(Relaxed) == 0)
    }

    /// The response that switches protocols is about to be sent.
    pub(crate) fn mark_upgraded(&self) {
        self.upgraded.store(true, SeqCst);
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded.load(SeqCst)
    }

    /// Bytes arrived from the client; if no request is in flight, they belong to a head.
    pub(crate) fn note_received(&self) {
        if self.in_flight.load(Relaxed) == 0 {
            self.head.start(&self.clock);
        }
    }

    pub(crate) fn note_small_piece(&self) {
        self.small_pieces.fetch_add(1, Relaxed);
    }

    /// Whether small pieces should be combined before they are sent.
    pub(crate) fn is_congested(&self) -> bool {
        self.small_pieces.load(Relaxed) >= MAX_SMALL_PIECES
    }

    /// The client has taken some bytes: pieces that were held back can be sent.
    pub(crate) fn note_sent(&self) {
        if self.small_pieces.load(Relaxed) != 0 && self.small_pieces.swap(0, Relaxed) >= MAX_SMALL_PIECES {
            self.streams().iter().for_each(|stream| stream.send_waker.wake());
        }
    }

    /// What to do now; the task of `cx` is woken when it changes.
    pub(crate) fn shutdown_signal(&self, cx: &Context<'_>) -> ShutdownSignal {
        self.waker.register(cx.waker());
        ShutdownSignal::of(&self.signal)
    }

    /// Whether the client should open a new connection for its next request.
    pub(crate) fn is_ending(&self) -> bool {
        ShutdownSignal::of(&self.signal) != ShutdownSignal::Run
    }

    /// Raises the signal; a weaker one than before changes nothing.
    pub(crate) fn send_signal(&self, signal: ShutdownSignal) {
        if self.signal.fetch_max(signal as u8, SeqCst) < signal as u8 {
            self.waker.wake();
        }
    }

    fn check_timeouts(&self, limits: &Timeouts, now: u64) {
        // No short circuit: every stream must be checked.
        let has_stalled_stream =
            self.streams().iter().fold(false, |is_stalled, stream| stream.check_timeouts(now) | is_stalled);
        let stalled = has_stalled_stream
            || self.head.exceeds(limits.header, now)
            || self.write.exceeds(limits.idle, now)
            || self.idle.exceeds(limits.idle * 2, now)
            || self.tunnel.exceeds(limits.tunnel, now)
            || self.linger.exceeds(LINGER_TIMEOUT, now);
        if stalled {
            self.send_signal(ShutdownSignal::Kill);
        } else if self.idle.exceeds(limits.idle, now) {
            self.send_signal(ShutdownSignal::Drain);
        }
    }

    fn streams(&self) -> MutexGuard<'_, Vec<Arc<StreamState>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All connections of one thread.
#[derive(Debug, Default)]
pub(crate) struct ConnectionRegistry {
    pub(crate) clock: Arc<Clock>,
    connections: Mutex<Vec<Arc<ConnectionState>>>,
}

impl ConnectionRegistry {
    /// Adds a connection, until its last other holder is gone.
    pub(crate) fn add(&self, listener: &Arc<ListenerState>) -> Arc<ConnectionState> {
        let state = Arc::new(ConnectionState::new(Arc::clone(&self.clock), Arc::clone(listener)));
        let mut connections = self.connections();
        connections.push(Arc::clone(&state));
        state.send_signal(ShutdownSignal::of(&listener.signal));
        state
    }

    /// Signals all connections of a listener. Close the listener first, so that later ones get it
    /// too.
    pub(crate) fn signal(&self, listener: &Arc<ListenerState>, signal: ShutdownSignal) {
        for state in self.connections().iter().filter(|state| Arc::ptr_eq(&state.listener, listener)) {
            state.send_signal(signal);
        }
    }

    /// The connections without a request, and since when they have been.
    pub(crate) fn idle(&self) -> Vec<(u64, Arc<ConnectionState>)> {
        let connections = self.connections();
        connections.iter().filter_map(|state| Some((state.idle_since()?, Arc::clone(state)))).collect()
    }

    /// Checks every connection once per `tick`, forever.
    pub(crate) async fn run(&self, limits: &Timeouts, tick: Duration, mut on_tick: impl FnMut(u64)) {
        let started = Instant::now();
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.clock.set(started);
            let now = self.clock.now();
            self.connections().retain(|state| {
                state.check_timeouts(limits, now);
                Arc::strong_count(state) > 1
            });
            on_tick(now);
        }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<ConnectionState>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Four checks within the shortest timeout, and between 10 ms and 1 s apart.
pub(crate) fn tick_interval(limits: &Timeouts) -> Duration {
    let shortest = limits.idle.min(limits.header).min(limits.response).min(limits.tunnel).min(limits.pooled);
    (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(1))
}
