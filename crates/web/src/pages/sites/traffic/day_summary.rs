//! Summary of the last 24 hours, for the site's overview.

use stoa_sites::view::TrafficHour;

use super::clock;
use crate::ui::{number, plot::Spark};

/// Traffic of the last 24 hours.
pub struct DaySummary {
    /// Number of requests.
    pub count: String,
    /// Share of failed requests; a dash without requests.
    pub errors: String,
    /// The busiest hour, if there was traffic.
    pub busiest: Option<String>,
    /// Number of failed requests, if any.
    pub failed: Option<String>,
    /// Sparkline.
    pub spark: Spark,
}

impl DaySummary {
    /// Summarizes hours.
    pub fn new(hours: &[TrafficHour]) -> Self {
        let values: Vec<u64> = hours.iter().map(|hour| hour.traffic.requests).collect();
        let requests: u64 = values.iter().sum();
        let failed: u64 = hours.iter().map(|hour| hour.traffic.statuses[5]).sum();
        let busiest = hours.iter().max_by_key(|hour| hour.traffic.requests).filter(|hour| hour.traffic.requests > 0);
        Self {
            count: number::count(requests),
            errors: if requests > 0 { number::share(failed, requests) } else { "–".into() },
            busiest: busiest
                .map(|hour| format!("{} from {} UTC", number::count(hour.traffic.requests), clock(hour.from))),
            failed: (failed > 0).then(|| number::counted(failed, "request")),
            spark: Spark::new(&values),
        }
    }
}
