//! Programs with more input and output than memory should hold.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::TryStreamExt;
use tokio::{io::AsyncWriteExt, time};

use super::{Case, named};
use crate::engine::{Exec, ExecEvent, ExecSession};

const TOTAL_BYTES: usize = 32 << 20;
/// What may be in flight between the writer and a reader that does not read: pipes and sockets.
const MAX_IN_FLIGHT_BYTES: usize = 8 << 20;

/// A byte that its position decides, so that lost, doubled or swapped parts are seen.
fn byte_at(position: usize) -> u8 {
    (position.wrapping_mul(31) ^ (position >> 9)) as u8
}

pub(super) async fn large_input_and_output(case: &Case) {
    let deployment = case.deployment(&["web"]);
    case.engine.deploy(&deployment).await.expect("deployed");
    let exec = Exec { argv: vec!["/bin/cat".into()], stdin: true, user: None };
    let session = case.engine.exec(&deployment.stack.project, &named("web"), exec).await.expect("cat starts");
    let ExecSession { mut stdin, mut output } = session;
    let written = Arc::new(AtomicUsize::new(0));
    let counter = written.clone();
    let write = async move {
        for start in (0..TOTAL_BYTES).step_by(64 << 10) {
            let chunk: Vec<u8> = (start..start + (64 << 10)).map(byte_at).collect();
            stdin.write_all(&chunk).await.expect("cat reads");
            counter.fetch_add(chunk.len(), Ordering::Relaxed);
        }
        stdin.shutdown().await.expect("the input ends");
    };
    let read = async {
        // Nobody reads for a while: the writer has to wait.
        time::sleep(Duration::from_secs(1)).await;
        let ahead = written.load(Ordering::Relaxed);
        assert!(ahead < MAX_IN_FLIGHT_BYTES, "{ahead} bytes were taken that nobody reads");
        let mut position = 0;
        while let Some(event) = output.try_next().await.expect("cat writes") {
            match event {
                ExecEvent::Stdout(chunk) => {
                    let right = chunk.iter().zip(position..).all(|(byte, at)| *byte == byte_at(at));
                    assert!(right, "the output differs from the input after {position} bytes");
                    position += chunk.len();
                    let ahead = written.load(Ordering::Relaxed).saturating_sub(position);
                    assert!(ahead < MAX_IN_FLIGHT_BYTES, "{ahead} bytes are in flight");
                }
                ExecEvent::Stderr(text) => panic!("cat complains: {text:?}"),
                ExecEvent::Exit(code) => {
                    assert_eq!((code, position), (0, TOTAL_BYTES));
                    assert_eq!(output.try_next().await.expect("the stream ends"), None);
                    return;
                }
            }
        }
        panic!("no exit code after {position} bytes");
    };
    tokio::join!(write, read);
}
