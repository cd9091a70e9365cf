//! What a site's services use now. A page of its own, as the engine needs a moment to measure; the
//! overview fetches it afterwards.

use askama::Template;
use axum::{extract::State, response::Response};
use stoa_control::view::ServiceStats;

use super::show::SiteHead;
use crate::{
    app::App,
    extract::rights::OwnSite,
    fault::{Fault, Kind},
    ui::{self, frame::Frame, time},
};

/// `/sites/{id}/usage`
#[derive(Template)]
#[template(path = "sites/usage.html")]
pub struct UsagePage {
    /// What surrounds it.
    pub frame: Frame,
    /// The site's head.
    pub head: SiteHead,
    /// A line per service.
    pub services: Vec<ServiceLine>,
    /// Why there are none.
    pub missing: Option<String>,
}

/// What a service uses.
pub struct ServiceLine {
    /// Its name.
    pub name: String,
    /// Processor time, in hundredths of a core.
    pub cpu: String,
    /// Memory in use.
    pub memory: String,
    /// Its limit.
    pub limit: String,
    /// Memory in hundredths of the limit.
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
pub async fn show(State(app): State<App>, own: OwnSite, frame: Frame) -> Result<Response, Fault> {
    let (services, missing) = match app.control.site_stats(&own.cx, own.site.id).await.map_err(Fault::from) {
        Ok(stats) => (stats.into_iter().map(ServiceLine::from).collect(), None),
        Err(fault) if matches!(fault.kind, Kind::Conflict | Kind::Unavailable) => (Vec::new(), Some(fault.detail)),
        Err(fault) => return Err(fault),
    };
    Ok(ui::ok(&UsagePage { frame, head: SiteHead::new(&own.site), services, missing }))
}
