//! Quantiles of response times by slot, over the latency buckets.

use askama::{Template, filters::HtmlSafe};

use super::{Percent, slot_position};

/// A chart with three marks per slot: median, 95th and 99th percentile. The vertical axis is the latency buckets.
#[derive(Template)]
#[template(path = "part/plot/quantile_chart.html")]
pub struct QuantileChart {
    id: &'static str,
    title: String,
    description: String,
    buckets: Vec<(Percent, String)>,
    x_labels: Vec<String>,
    marks: Vec<Mark>,
}

impl HtmlSafe for QuantileChart {}

struct Mark {
    x: Percent,
    left: Percent,
    right: Percent,
    p50: Percent,
    p95: Percent,
    p99: Percent,
    hint: String,
}

/// The marks of a slot.
pub struct Quantiles {
    /// Bucket index of the median, the 95th and the 99th percentile.
    pub buckets: [usize; 3],
    /// Tooltip.
    pub hint: String,
}

impl QuantileChart {
    /// Bucket names from the bottom up, and quantiles by slot; a slot without traffic has no marks.
    pub fn new(
        id: &'static str,
        (title, description): (String, String),
        names: Vec<String>,
        x_labels: Vec<String>,
        slots: usize,
        quantiles: Vec<Option<Quantiles>>,
    ) -> Self {
        let count = names.len();
        // Half a bucket of room above and below, so that no mark is cut off.
        let y = |bucket: usize| Percent(100.0 - (bucket as f64 + 0.5) * 100.0 / count.max(1) as f64);
        let mark = |(slot, quantiles): (usize, Option<Quantiles>)| {
            let Quantiles { buckets: [p50, p95, p99], hint } = quantiles?;
            let (x, left, right) =
                (slot_position(slot, slots, 0.5), slot_position(slot, slots, 0.2), slot_position(slot, slots, 0.8));
            Some(Mark { x, left, right, p50: y(p50), p95: y(p95), p99: y(p99), hint })
        };
        let marks = quantiles.into_iter().take(slots).enumerate().filter_map(mark).collect();
        let buckets = names.into_iter().enumerate().map(|(bucket, name)| (y(bucket), name)).rev().collect();
        Self { id, title, description, buckets, x_labels, marks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_without_traffic_have_no_marks() {
        let names = vec!["5 ms".to_owned(), "10 ms".to_owned()];
        let quantiles = vec![None, Some(Quantiles { buckets: [0, 1, 1], hint: "x".into() })];
        let html = QuantileChart::new("l", ("T".into(), "D".into()), names, vec![], 2, quantiles).to_string();
        assert_eq!(html.matches("class=\"rungs\"><title>").count(), 1, "{html}");
        assert!(html.contains(r#"cx="75%" cy="75%""#) && html.contains(r#"cx="75%" cy="25%""#), "{html}");
    }
}
