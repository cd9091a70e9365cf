//! Current resource usage of a site's services. A page of its own, because the engine takes a while to measure;
//! the overview loads it afterwards.

use askama::Template;
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use stoa_sites::view::{ServiceStats, StorageView};

use super::show::SiteHead;
use crate::{
    app::App,
    extract::permissions::AccessibleSite,
    http_error::{ErrorKind, HttpError},
    ui::{
        self,
        frame::Frame,
        time::{self, Moment},
    },
};

/// `/sites/{id}/usage`
#[derive(Template)]
#[template(path = "sites/usage.html")]
pub struct UsagePage {
    /// Layout of the page.
    pub frame: Frame,
    /// Heading shared by the pages of a site.
    pub head: SiteHead,
    /// A line per service.
    pub services: Vec<ServiceLine>,
    /// Why there are none.
    pub missing: Option<String>,
    /// What it stores.
    pub storage: StorageLines,
}

/// What a site stores.
pub struct StorageLines {
    /// In use, and the limit if there is one.
    pub total: String,
    /// In percent of the limit, if there is one.
    pub percent: Option<u64>,
    /// When it was measured.
    pub measured: Option<Moment>,
    /// A warning.
    pub message: Option<String>,
    /// Each volume and its size, the largest first.
    pub volumes: Vec<(String, String)>,
}

impl StorageLines {
    /// The lines of a view.
    pub fn new(view: StorageView, now: Timestamp) -> Self {
        let mut volumes: Vec<_> = view.volumes.into_iter().collect();
        volumes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let name = |name: String| if name.is_empty() { "outside of volumes".to_owned() } else { name };
        let used = time::bytes(view.bytes);
        Self {
            total: if view.limit > 0 { format!("{used} of {}", time::bytes(view.limit)) } else { used },
            percent: (view.limit > 0).then(|| (view.bytes.saturating_mul(100) / view.limit.max(1)).min(100)),
            measured: view.measured_at.map(|at| time::moment(at, now)),
            message: view.message,
            volumes: volumes.into_iter().map(|(volume, bytes)| (name(volume), time::bytes(bytes))).collect(),
        }
    }
}

/// Resource usage of a service.
pub struct ServiceLine {
    /// Its name.
    pub name: String,
    /// CPU usage, in percent of a core.
    pub cpu: String,
    /// Memory in use.
    pub memory: String,
    /// Its limit.
    pub limit: String,
    /// Memory in percent of the limit.
    pub percent: u64,
    /// Processes.
    pub processes: u32,
}

impl From<ServiceStats> for ServiceLine {
    fn from(stats: ServiceStats) -> Self {
        Self {
            cpu: format!("{}.{} %", stats.cpu_milli / 10, stats.cpu_milli % 10),
            memory: time::bytes(stats.memory),
            limit: time::bytes(stats.memory_limit),
            percent: (stats.memory.saturating_mul(100) / stats.memory_limit.max(1)).min(100),
            processes: stats.pids,
            name: stats.service,
        }
    }
}

/// `GET /sites/{id}/usage`
pub async fn show(State(app): State<App>, access: AccessibleSite, frame: Frame) -> Result<Response, HttpError> {
    let (services, missing) = match app.control.sites.stats(&access.cx, access.site.id).await.map_err(HttpError::from) {
        Ok(stats) => (stats.into_iter().map(ServiceLine::from).collect(), None),
        Err(error) if matches!(error.kind, ErrorKind::Conflict | ErrorKind::Unavailable) => {
            (Vec::new(), Some(error.detail))
        }
        Err(error) => return Err(error),
    };
    let storage = app.control.sites.storage(&access.cx, access.site.id).await?;
    let storage = StorageLines::new(storage, access.cx.now);
    Ok(ui::ok(&UsagePage { frame, head: SiteHead::new(&access.site), services, missing, storage }))
}
