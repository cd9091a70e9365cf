//! Runs the streams of an HTTP/2 connection as tasks of its thread. The connection's state knows them, so one
//! can be aborted without the others.

use std::sync::Arc;

use hyper::rt;

use crate::connection_state::ConnectionState;

/// Spawns the future that hyper makes of a request right after it has called the service.
#[derive(Debug, Clone)]
pub(super) struct Executor(pub(super) Arc<ConnectionState>);

impl<F> rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.set_stream_task(tokio::spawn(future).abort_handle());
    }
}
