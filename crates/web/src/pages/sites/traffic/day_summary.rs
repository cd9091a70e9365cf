//! The last day at a glance, for the site's overview.

use stoa_control::view::TrafficHour;

use super::clock;
use crate::ui::{number, plot::Spark};

/// A day of a site.
pub struct Day {
    /// How many requests, in words.
    pub words: String,
    /// The busiest hour, if there was anybody.
    pub busiest: Option<String>,
    /// How many failed, if any did.
    pub failed: Option<String>,
    /// Drawn.
    pub spark: Spark,
}

impl Day {
    /// Of these hours.
    pub fn new(hours: &[TrafficHour]) -> Self {
        let values: Vec<u64> = hours.iter().map(|hour| hour.traffic.requests).collect();
        let failed: u64 = hours.iter().map(|hour| hour.traffic.statuses[5]).sum();
        let busiest = hours.iter().max_by_key(|hour| hour.traffic.requests).filter(|hour| hour.traffic.requests > 0);
        Self {
            words: number::counted(values.iter().sum(), "request"),
            busiest: busiest
                .map(|hour| format!("{} from {} UTC", number::count(hour.traffic.requests), clock(hour.from))),
            failed: (failed > 0).then(|| number::counted(failed, "request")),
            spark: Spark::new(&values),
        }
    }
}
