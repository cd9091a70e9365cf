//! The bytes of a client through the whole edge, over real sockets, to an upstream that reads by
//! rules stricter than anybody's. It may get no request in doubtful framing, and the client no more
//! responses than it can have sent requests, an interim one for each included.
#![no_main]
#![allow(dead_code, reason = "helpers of the tests that are not needed here")]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stoa_edge::Config;
use stoa_model::route::{RouteLimits, Target};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time::timeout,
};

#[path = "../../crates/testkit/src/port.rs"]
mod port;
#[path = "../../crates/edge/tests/it/bad/recorder.rs"]
mod recorder;
#[path = "../../crates/edge/tests/it/support.rs"]
mod support;

use recorder::Recorder;
use support::{TEST_TIMEOUT, TestEdge};

struct World {
    runtime: Runtime,
    edge: TestEdge,
    recorder: Recorder,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (edge, recorder) = runtime.block_on(async {
        let recorder = Recorder::start().await;
        let edge = TestEdge::start(Config { threads: 1, ..Config::default() }, None);
        edge.route_within(1, Target::Upstream(recorder.address), RouteLimits::body(1 << 20)).await;
        (edge, recorder)
    });
    World { runtime, edge, recorder }
});

fuzz_target!(|bytes: &[u8]| {
    let world = &*WORLD;
    world.runtime.block_on(async {
        let mut stream = TcpStream::connect(world.edge.address).await.expect("the edge listens");
        let mut answer = Vec::new();
        // The edge may have had enough before all of it is written.
        drop(stream.write_all(bytes).await);
        drop(stream.shutdown().await);
        drop(timeout(TEST_TIMEOUT, stream.read_to_end(&mut answer)).await.expect("the edge answers or closes"));
        world.recorder.assert_clean();
        let requests = bytes.windows(5).filter(|window| window == b"HTTP/").count() + 1;
        let answers = answer.windows(9).filter(|window| window == b"HTTP/1.1 " || window == b"HTTP/1.0 ").count();
        assert!(answers <= 2 * requests, "{answers} answers: {}", answer.escape_ascii());
        world.recorder.forget();
    });
});
