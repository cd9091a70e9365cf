//! Looking inside a site: output, usage, history.

use crate::Sites;
use jiff::Timestamp;
use stoa_core::permissions::readable_site;
use stoa_db::history;
use stoa_model::id::SiteId;
use stoa_provider::engine::{EngineError, LogLine, ServiceStats, logs_tail};

use stoa_core::{Error, RequestContext, Result};
use stoa_util::concurrency::{ConcurrencyLimit, Full, Place};

/// So many lines of each service can be asked for at once.
pub const MAX_LOG_LINES: u32 = 2000;
/// Logs that one person reads at the same time, and all together: each holds up to
/// [`MAX_TAIL_BYTES`](stoa_provider::engine::MAX_TAIL_BYTES).
const LOGS_PER_PERSON: usize = 4;
const LOGS_IN_ALL: usize = 32;

/// A site's log; it counts as being read until it is dropped.
#[derive(Debug)]
pub struct SiteLog {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Keep it until the lines are gone.
    pub place: Place<String>,
}

/// The limit on logs that are read at the same time. Keys are actors.
pub(crate) fn log_limit() -> ConcurrencyLimit<String> {
    ConcurrencyLimit::new(LOGS_PER_PERSON, LOGS_IN_ALL)
}

impl Sites {
    /// The last lines of all the site's services, oldest first; at most [`MAX_LOG_LINES`] of each, and as much as
    /// [`logs_tail`] holds.
    ///
    /// # Errors
    /// Not found, too many logs are being read, or the engine does not answer.
    pub async fn logs(&self, cx: &RequestContext, id: SiteId, tail: u32) -> Result<SiteLog> {
        let site = readable_site(&self.core.db, cx, id).await?;
        let engine = self.engine_of(&site)?;
        let place = self.log_limit.enter(&cx.actor.to_string()).map_err(too_many_logs)?;
        let lines = logs_tail(&**engine, &site.project, None, tail.clamp(1, MAX_LOG_LINES))
            .await
            .or_else(nothing_there)
            .map_err(away)?;
        Ok(SiteLog { lines, place })
    }

    /// What the site's services use at this moment.
    ///
    /// # Errors
    /// Not found, or the engine does not answer.
    pub async fn stats(&self, cx: &RequestContext, id: SiteId) -> Result<Vec<ServiceStats>> {
        let site = readable_site(&self.core.db, cx, id).await?;
        self.engine_of(&site)?.stats(&site.project).await.or_else(nothing_there).map_err(away)
    }

    /// The last hundred lines of the site's history, newest first: when, what kind, in words.
    ///
    /// # Errors
    /// Not found, or the database does not answer.
    pub async fn history(&self, cx: &RequestContext, id: SiteId) -> Result<Vec<(Timestamp, String, String)>> {
        readable_site(&self.core.db, cx, id).await?;
        let events = history::site_events(&self.core.db, id, 100).await?;
        Ok(events.into_iter().map(|event| (event.at, event.kind, event.text)).collect())
    }
}

/// A site without containers has no output and uses nothing.
fn nothing_there<T>(error: EngineError) -> std::result::Result<Vec<T>, EngineError> {
    if matches!(error, EngineError::NotFound { .. }) { Ok(Vec::new()) } else { Err(error) }
}

fn too_many_logs(full: Full) -> Error {
    Error::Capacity(match full {
        Full::Key => format!(
            "The log can't be read now: {LOGS_PER_PERSON} logs are being sent to you already. Try again when one of \
             them has arrived."
        ),
        Full::Total => "The log can't be read now: too many logs are being read. Try again in a minute.".into(),
    })
}

fn away(error: EngineError) -> Error {
    Error::Unavailable {
        message: "The machine that runs the sites does not answer. Please try again in a moment.".into(),
        source: error.into(),
    }
}
