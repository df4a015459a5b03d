//! The app's own counters, printed in the Prometheus text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Upper bounds of the histogram, in seconds, as they are printed.
const BOUNDS: [(&str, f64); 11] = [
    ("0.01", 0.01),
    ("0.025", 0.025),
    ("0.05", 0.05),
    ("0.1", 0.1),
    ("0.25", 0.25),
    ("0.5", 0.5),
    ("1", 1.0),
    ("1.5", 1.5),
    ("2", 2.0),
    ("5", 5.0),
    ("10", 10.0),
];

/// Counts of one instance since its start. Probes and scrapes are not requests here.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    by_status: BTreeMap<u16, u64>,
    /// Observations at or below each bound, already cumulative.
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl Metrics {
    pub(super) fn observe(&mut self, status: u16, took: Duration) {
        *self.by_status.entry(status).or_default() += 1;
        for (bucket, (_, bound)) in self.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(took.as_secs_f64() <= bound);
        }
        self.count += 1;
        self.sum += took;
    }

    /// The whole page, with `color` and `version` on every series.
    pub(super) fn page(&self, color: &str, version: &str, active: usize) -> String {
        let labels = format!("color=\"{color}\",version=\"{version}\"");
        let mut page = String::new();
        self.requests(&mut page, &labels);
        self.durations(&mut page, &labels);
        gauge(&mut page, "process_resident_memory_bytes", "Memory of the whole demo process.", &labels, resident());
        gauge(&mut page, "active_connections", "Connections with a request in flight.", &labels, active as u64);
        page
    }

    /// Zeros are shown for 200 and 500, so that a rate over either exists from the first scrape on, and no errors are
    /// not the same as no data.
    fn requests(&self, page: &mut String, labels: &str) {
        header(page, "http_requests_total", "counter", "Requests answered, by status.");
        let zeros = BTreeMap::from([(200, 0), (500, 0)]);
        for (status, count) in zeros.iter().filter(|(status, _)| !self.by_status.contains_key(status)) {
            line(page, &format!("http_requests_total{{{labels},status=\"{status}\"}} {count}"));
        }
        for (status, count) in &self.by_status {
            line(page, &format!("http_requests_total{{{labels},status=\"{status}\"}} {count}"));
        }
    }

    fn durations(&self, page: &mut String, labels: &str) {
        let name = "http_request_duration_seconds";
        header(page, name, "histogram", "Time from request to answer.");
        let bounds = BOUNDS.iter().map(|(printed, _)| *printed).chain(["+Inf"]);
        for (bound, count) in bounds.zip(self.buckets.iter().chain([&self.count])) {
            line(page, &format!("{name}_bucket{{{labels},le=\"{bound}\"}} {count}"));
        }
        line(page, &format!("{name}_sum{{{labels}}} {}", self.sum.as_secs_f64()));
        line(page, &format!("{name}_count{{{labels}}} {}", self.count));
    }
}

fn gauge(page: &mut String, name: &str, help: &str, labels: &str, value: u64) {
    header(page, name, "gauge", help);
    line(page, &format!("{name}{{{labels}}} {value}"));
}

fn header(page: &mut String, name: &str, kind: &str, help: &str) {
    line(page, &format!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

fn line(page: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, "{text}");
}

/// Resident memory of this process in bytes; zero where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0_u64) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_the_last_one_counts_all() {
        let mut metrics = Metrics::default();
        metrics.observe(200, Duration::from_millis(5));
        metrics.observe(200, Duration::from_millis(300));
        metrics.observe(500, Duration::from_secs(30));
        let page = metrics.page("blue", "v1.0.0", 2);
        for expected in [
            "http_requests_total{color=\"blue\",version=\"v1.0.0\",status=\"200\"} 2",
            "http_requests_total{color=\"blue\",version=\"v1.0.0\",status=\"500\"} 1",
            "http_request_duration_seconds_bucket{color=\"blue\",version=\"v1.0.0\",le=\"0.01\"} 1",
            "http_request_duration_seconds_bucket{color=\"blue\",version=\"v1.0.0\",le=\"0.5\"} 2",
            "http_request_duration_seconds_bucket{color=\"blue\",version=\"v1.0.0\",le=\"10\"} 2",
            "http_request_duration_seconds_bucket{color=\"blue\",version=\"v1.0.0\",le=\"+Inf\"} 3",
            "active_connections{color=\"blue\",version=\"v1.0.0\"} 2",
        ] {
            assert!(page.lines().any(|line| line == expected), "{expected} is missing in\n{page}");
        }
    }
}
