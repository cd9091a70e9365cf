//! Who waits for what since when, and what follows when it takes too long.
//!
//! A timer per connection and request would cost more than routing does. Instead each connection
//! notes *what it waits for since when* in plain atomics, and one ticker per thread looks at all
//! connections of that thread a few times a second. A verdict is one atomic that the connection
//! reads whenever it is polled. Timeouts are therefore late by up to one tick, never early.

mod door;
mod notes;
mod stream;
mod wait;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
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
    door::{Door, Verdict},
    notes::{Clock, Due, Since},
    stream::Stream,
    wait::Wait,
};
use crate::config::Timeouts;

/// How long a client gets to read our last words and close, before we do.
const LINGER: Duration = Duration::from_secs(2);

/// So many small pieces of responses may leave before the client has taken something. More are put
/// together first.
const MANY: u32 = 256;

/// The notes of one client connection.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) clock: Arc<Clock>,
    /// No request is in flight.
    pub(crate) idle: Since,
    /// A request's first bytes are here, the end of its head is not.
    pub(crate) head: Since,
    /// The client does not take what we write.
    pub(crate) write: Since,
    /// Neither side of an upgraded connection speaks.
    pub(crate) tunnel: Since,
    /// We are done, and the client has not closed yet.
    pub(crate) linger: Since,
    /// It has changed to another protocol: its two directions end each for itself.
    upgraded: AtomicBool,
    door: Arc<Door>,
    /// Requests in flight; HTTP/2 has many.
    in_flight: AtomicU32,
    /// One for each request in flight; HTTP/1 has the same for all.
    streams: Mutex<Vec<Arc<Stream>>>,
    /// Small pieces of responses that left since the client took something.
    small_pieces: AtomicU32,
    verdict: AtomicU8,
    waker: AtomicWaker,
}

impl Watched {
    fn new(clock: Arc<Clock>, door: Arc<Door>) -> Self {
        let watched = Self {
            clock,
            door,
            idle: Since::default(),
            head: Since::default(),
            write: Since::default(),
            tunnel: Since::default(),
            linger: Since::default(),
            upgraded: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            streams: Mutex::default(),
            small_pieces: AtomicU32::new(0),
            verdict: AtomicU8::new(Verdict::Run as u8),
            waker: AtomicWaker::new(),
        };
        watched.idle.start(&watched.clock);
        watched
    }

    /// One more stream, until its request ends; HTTP/1 asks but once.
    pub(crate) fn stream_begins(&self) -> Arc<Stream> {
        let stream = Arc::new(Stream::new(&self.clock));
        self.streams().push(Arc::clone(&stream));
        stream
    }

    /// The stream that began last is served by this task.
    pub(crate) fn stream_runs(&self, task: AbortHandle) {
        if let Some(youngest) = self.streams().last() {
            youngest.is_served_by(task);
        }
    }

    /// A request's head has been read.
    pub(crate) fn request_begins(&self) {
        self.in_flight.fetch_add(1, Relaxed);
        self.idle.stop();
        self.head.stop();
    }

    /// A request's response is written or given up.
    pub(crate) fn request_ends(&self, stream: &Arc<Stream>) {
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

    /// The response that changes the protocol is about to leave.
    pub(crate) fn upgrades(&self) {
        self.upgraded.store(true, SeqCst);
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded.load(SeqCst)
    }

    /// Bytes came from the client; if no request is in flight, they are a head's.
    pub(crate) fn bytes_came(&self) {
        if self.in_flight.load(Relaxed) == 0 {
            self.head.start(&self.clock);
        }
    }

    pub(crate) fn small_piece_leaves(&self) {
        self.small_pieces.fetch_add(1, Relaxed);
    }

    /// Whether small pieces shall be held back.
    pub(crate) fn is_crowded(&self) -> bool {
        self.small_pieces.load(Relaxed) >= MANY
    }

    /// The client has taken some bytes: what was held back leaves.
    pub(crate) fn takes(&self) {
        if self.small_pieces.load(Relaxed) != 0 && self.small_pieces.swap(0, Relaxed) >= MANY {
            self.streams().iter().for_each(|stream| stream.room.wake());
        }
    }

    /// What to do now; the task of `cx` is woken when that changes.
    pub(crate) fn verdict(&self, cx: &Context<'_>) -> Verdict {
        self.waker.register(cx.waker());
        Verdict::of(&self.verdict)
    }

    /// Speaks a verdict; a milder one than before changes nothing.
    pub(crate) fn sentence(&self, verdict: Verdict) {
        if self.verdict.fetch_max(verdict as u8, SeqCst) < verdict as u8 {
            self.waker.wake();
        }
    }

    fn judge(&self, limits: &Timeouts, now: u64) {
        // Each stream is looked at: one that ends is no reason to leave out the next.
        let stands = self.streams().iter().fold(false, |stands, stream| stream.judge(now) | stands);
        let stalled = stands
            || self.head.longer_than(limits.header, now)
            || self.write.longer_than(limits.idle, now)
            || self.idle.longer_than(limits.idle * 2, now)
            || self.tunnel.longer_than(limits.tunnel, now)
            || self.linger.longer_than(LINGER, now);
        if stalled {
            self.sentence(Verdict::Kill);
        } else if self.idle.longer_than(limits.idle, now) {
            self.sentence(Verdict::Drain);
        }
    }

    fn streams(&self) -> MutexGuard<'_, Vec<Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All connections of one thread.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) clock: Arc<Clock>,
    watched: Mutex<Vec<Arc<Watched>>>,
}

impl Watch {
    /// Begins to watch a connection; it is forgotten when its last other holder is gone.
    pub(crate) fn add(&self, door: &Arc<Door>) -> Arc<Watched> {
        let watched = Arc::new(Watched::new(Arc::clone(&self.clock), Arc::clone(door)));
        let mut list = self.list();
        list.push(Arc::clone(&watched));
        watched.sentence(Verdict::of(&door.verdict));
        watched
    }

    /// Sentences all connections of a listener. Close the door first, so that late ones are met too.
    pub(crate) fn sentence(&self, door: &Arc<Door>, verdict: Verdict) {
        for watched in self.list().iter().filter(|watched| Arc::ptr_eq(&watched.door, door)) {
            watched.sentence(verdict);
        }
    }

    /// Looks at every connection once in `tick`, for ever.
    pub(crate) async fn run(&self, limits: &Timeouts, tick: Duration, mut also: impl FnMut(u64)) {
        let begun = Instant::now();
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.clock.set(begun);
            let now = self.clock.now();
            self.list().retain(|watched| {
                watched.judge(limits, now);
                Arc::strong_count(watched) > 1
            });
            also(now);
        }
    }

    fn list(&self) -> MutexGuard<'_, Vec<Arc<Watched>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often a thread looks: four times within the shortest timeout, between 10 ms and 1 s.
pub(crate) fn tick_for(limits: &Timeouts) -> Duration {
    let shortest = limits.idle.min(limits.header).min(limits.response).min(limits.tunnel).min(limits.pooled);
    (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(1))
}
