//! The charts of the traffic page.

use stoa_model::traffic::{LATENCY_MS, Traffic};

use super::range::{Bin, Range};
use crate::ui::{
    number,
    plot::{Axes, BarChart, Pattern, QuantileChart, Quantiles, Series},
    time,
};

/// All charts.
pub struct Charts {
    /// Requests by response status.
    pub requests: BarChart,
    /// Bytes sent.
    pub sent: BarChart,
    /// Bytes received.
    pub received: BarChart,
    /// Response times.
    pub latency: QuantileChart,
}

impl Charts {
    /// Charts of the binned traffic; `all` is the total.
    pub fn new(range: Range, bins: &[Bin], all: &Traffic) -> Self {
        Self {
            requests: requests(range, bins, all),
            sent: bytes("sent", "sent to visitors", range, bins, |t| t.bytes_out),
            received: bytes("received", "received from visitors", range, bins, |t| t.bytes_in),
            latency: latency(range, bins, all),
        }
    }
}

/// Formats the bound of a latency bucket exactly: `250 ms`, `2.5 s`.
pub fn bound(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        _ if ms.is_multiple_of(1000) => format!("{} s", ms / 1000),
        _ => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    }
}

/// Labels below the bars, padded for days that are still to come.
fn x_labels(range: Range, bins: &[Bin]) -> Vec<String> {
    let labeled = bins.iter().step_by(range.label_every());
    let mut labels: Vec<String> = labeled.map(|bin| range.tick(bin.from)).collect();
    labels.resize(range.bars() / range.label_every(), String::new());
    labels
}

fn busiest(range: Range, bins: &[Bin], of: impl Fn(&Traffic) -> u64) -> Option<(String, u64)> {
    let most = bins.iter().max_by_key(|bin| of(&bin.traffic))?;
    Some((range.period(most.from), of(&most.traffic)))
}

fn requests(range: Range, bins: &[Bin], all: &Traffic) -> BarChart {
    let series = |name, pattern, of: fn(&Traffic) -> u64| Series {
        name,
        pattern,
        values: bins.iter().map(|bin| of(&bin.traffic)).collect(),
    };
    let kinds = vec![
        series("Successful (1xx, 2xx)", Pattern::Plain, |t| t.statuses[1] + t.statuses[2]),
        series("Redirected or unchanged (3xx)", Pattern::Stripes, |t| t.statuses[3]),
        series("Rejected or not found (4xx)", Pattern::Hatch, |t| t.statuses[4]),
        series("Failed (5xx)", Pattern::Cross, |t| t.statuses[5]),
        series("Cancelled by visitor", Pattern::Dots, |t| t.statuses[0]),
    ];
    let most = busiest(range, bins, |t| t.requests);
    let top = number::nice(most.as_ref().map_or(0, |(_, n)| *n));
    let peak = most.map(|(when, n)| format!(" The most were {} in {when} UTC.", number::count(n)));
    let labels = (
        format!("Requests per {}", range.each()),
        format!(
            "{} in all, {} of them failed.{} All numbers stand in the table below.",
            number::counted(all.requests, "request"),
            number::count(all.statuses[5]),
            peak.unwrap_or_default()
        ),
    );
    let hints = bins.iter().map(|bin| hint(range, bin)).collect();
    let y_labels = [top, top / 2, 0].map(number::count);
    BarChart::new(
        "requests",
        labels,
        Axes { y_labels, x_labels: x_labels(range, bins) },
        top,
        range.bars(),
        kinds,
        hints,
    )
}

fn hint(range: Range, bin: &Bin) -> String {
    let t = &bin.traffic;
    let failed = if t.statuses[5] > 0 { format!(", {} failed", number::count(t.statuses[5])) } else { String::new() };
    format!("{}: {}{failed}", range.period(bin.from), number::counted(t.requests, "request"))
}

fn bytes(id: &'static str, what: &str, range: Range, bins: &[Bin], of: fn(&Traffic) -> u64) -> BarChart {
    let most = busiest(range, bins, of);
    let top = number::nice_bytes(most.as_ref().map_or(0, |(_, n)| *n));
    let peak = most.map_or_else(String::new, |(when, n)| format!("The most were {} in {when} UTC.", time::bytes(n)));
    let labels = (format!("Bytes {what} per {}", range.each()), peak);
    let series =
        Series { name: "Bytes", pattern: Pattern::Plain, values: bins.iter().map(|bin| of(&bin.traffic)).collect() };
    let hints = bins.iter().map(|bin| format!("{}: {}", range.period(bin.from), time::bytes(of(&bin.traffic))));
    let y_labels = [time::bytes(top), time::bytes(top / 2), "0".to_owned()];
    BarChart::new(
        id,
        labels,
        Axes { y_labels, x_labels: x_labels(range, bins) },
        top,
        range.bars(),
        vec![series],
        hints.collect(),
    )
}

fn latency(range: Range, bins: &[Bin], all: &Traffic) -> QuantileChart {
    let names = LATENCY_MS.iter().map(|ms| bound(*ms)).chain(["longer".to_owned()]).collect();
    let quantiles = |bin: &Bin| {
        let t = &bin.traffic;
        (t.requests > 0).then(|| Quantiles {
            buckets: [0.5, 0.95, 0.99].map(|share| bucket(t, share)),
            hint: quantile_hint(range, bin),
        })
    };
    let labels = (
        format!("Response time per {}", range.each()),
        format!(
            "Over all, half of the requests were answered in {}, 95 of 100 in {}, 99 of 100 in {}.",
            within(all, 0.5),
            within(all, 0.95),
            within(all, 0.99)
        ),
    );
    QuantileChart::new(
        "latency",
        labels,
        names,
        x_labels(range, bins),
        range.bars(),
        bins.iter().map(quantiles).collect(),
    )
}

/// Index of the latency bucket of a quantile; the last one is beyond all bounds.
fn bucket(traffic: &Traffic, share: f64) -> usize {
    let bound = traffic.quantile(share);
    LATENCY_MS.iter().position(|ms| Some(*ms) == bound).unwrap_or(LATENCY_MS.len())
}

fn within(traffic: &Traffic, share: f64) -> String {
    traffic.quantile(share).map_or_else(|| "more than 10 s".to_owned(), |ms| format!("at most {}", bound(ms)))
}

fn quantile_hint(range: Range, bin: &Bin) -> String {
    let [half, most, nearly] = [0.5, 0.95, 0.99].map(|share| within(&bin.traffic, share));
    format!("{}: half {half}, 95 of 100 {most}, 99 of 100 {nearly}", range.period(bin.from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_exact() {
        let all: Vec<_> = LATENCY_MS.iter().map(|ms| bound(*ms)).collect();
        assert_eq!(all.join(" "), "5 ms 10 ms 25 ms 50 ms 100 ms 250 ms 500 ms 1 s 2.5 s 5 s 10 s");
    }

    #[test]
    fn beyond_the_last_bound_is_the_last_bucket() {
        let mut traffic = Traffic::default();
        traffic.count(200, 0, 0, 4_000);
        traffic.count(200, 0, 0, 60_000_000);
        assert_eq!((bucket(&traffic, 0.5), bucket(&traffic, 0.99)), (0, LATENCY_MS.len()));
        assert_eq!(within(&traffic, 0.99), "more than 10 s");
    }
}
