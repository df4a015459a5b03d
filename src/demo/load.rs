//! The witness: an open-loop load that records every answer and every missing one.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::{Method, Response, Uri};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::MissedTickBehavior;

use super::error::DemoError;
use super::exchange::{NoAnswer, block_on, exchange, raise_descriptor_limit};

pub(super) const HIGHEST_RATE: u32 = 1000;
pub(super) const LONGEST: Duration = Duration::from_secs(3600);
/// Requests waiting for an answer at the same time; beyond it requests are held back and counted as unsent.
const MOST_IN_FLIGHT: usize = 1000;
/// A request without an answer for so long counts as dropped.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadPlan {
    /// `http://127.0.0.1:PORT/path`; loopback only.
    pub url: String,
    /// Requests per second, 1 to 1000, sent on time whether or not earlier ones are answered.
    pub rps: u32,
    /// How long to send, at most an hour.
    pub duration: Duration,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LoadReport {
    /// Requests sent.
    pub sent: u64,
    /// Answered with 2xx by an app of the demo.
    pub ok: u64,
    /// Answered with 2xx by something that gives no `X-Color`: a page of somebody else.
    pub strange: u64,
    /// Answered with another status, by status.
    pub errors: BTreeMap<u16, u64>,
    /// No complete answer: refused, broken or late.
    pub dropped: u64,
    /// The different reasons among them, with how often each came.
    pub drop_reasons: BTreeMap<String, u64>,
    /// Not sent because 1000 requests were waiting already.
    pub unsent: u64,
    /// Answers by their `X-Color`.
    pub by_color: BTreeMap<String, u64>,
    /// Answers by their `X-Version`.
    pub by_version: BTreeMap<String, u64>,
    /// Half of the answers took at most so many milliseconds.
    pub p50_ms: Option<f64>,
    /// 95% of the answers took at most so many milliseconds.
    pub p95_ms: Option<f64>,
}

impl LoadReport {
    /// Answers with a status outside 2xx: a redirection leads away from what was asked for.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    fn count(&mut self, answer: Result<Response<Bytes>, NoAnswer>) {
        self.sent += 1;
        let answer = match answer {
            Ok(answer) => answer,
            Err(reason) => {
                self.dropped += 1;
                *self.drop_reasons.entry(reason.to_string()).or_default() += 1;
                return;
            }
        };
        let status = answer.status();
        match (status.is_success(), answer.headers().contains_key("x-color")) {
            (true, true) => self.ok += 1,
            (true, false) => self.strange += 1,
            (false, _) => *self.errors.entry(status.as_u16()).or_default() += 1,
        }
        for (name, counts) in [("x-color", &mut self.by_color), ("x-version", &mut self.by_version)] {
            if let Some(value) = answer.headers().get(name).and_then(|value| value.to_str().ok()) {
                *counts.entry(value.to_owned()).or_default() += 1;
            }
        }
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sent {}, ok {}, errors {}, dropped {}", self.sent, self.ok, self.failed(), self.dropped)?;
        for (name, count) in [("unsent", self.unsent), ("strange", self.strange)] {
            if count > 0 {
                write!(f, ", {name} {count}")?;
            }
        }
        writeln!(f)?;
        let lists = [("by color", &self.by_color), ("by version", &self.by_version), ("dropped", &self.drop_reasons)];
        for (name, counts) in lists.into_iter().filter(|(_, counts)| !counts.is_empty()) {
            let counts: Vec<_> = counts.iter().map(|(key, count)| format!("{key} {count}")).collect();
            writeln!(f, "{name}: {}", counts.join(", "))?;
        }
        for (status, count) in &self.errors {
            writeln!(f, "status {status}: {count}")?;
        }
        match (self.p50_ms, self.p95_ms) {
            (Some(p50), Some(p95)) => writeln!(f, "p50 {p50:.1} ms, p95 {p95:.1} ms"),
            _ => Ok(()),
        }
    }
}

/// Sends the load and waits for the last answer. SIGINT and SIGTERM end it early, with a report.
///
/// # Errors
/// When the plan is outside its limits. Must not be called inside an async runtime.
pub fn load(plan: &LoadPlan) -> Result<LoadReport, DemoError> {
    let (to, path) = target(&plan.url)?;
    if plan.rps == 0 || plan.rps > HIGHEST_RATE {
        return Err(bad(format!("the rate must be 1 to {HIGHEST_RATE} requests per second, not {}", plan.rps)));
    }
    if plan.duration.is_zero() || plan.duration > LONGEST {
        return Err(bad(format!("the duration must be more than 0 and at most {} s", LONGEST.as_secs())));
    }
    raise_descriptor_limit();
    block_on(async { Ok(send(to, path, plan, interrupted()?).await) })?
}

pub(super) async fn send(to: SocketAddr, path: String, plan: &LoadPlan, stop: impl Future<Output = ()>) -> LoadReport {
    let (answers, mut arriving) = mpsc::unbounded_channel();
    let (room, path) = (Arc::new(Semaphore::new(MOST_IN_FLIGHT)), Arc::new(path));
    let (mut report, mut latencies) = (LoadReport::default(), Vec::new());
    let total = (f64::from(plan.rps) * plan.duration.as_secs_f64()).round() as u64;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / plan.rps);
    // Open loop: a late tick is made up for, or the rate would sink exactly when the system is slow.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut stop = std::pin::pin!(stop);
    let began = Instant::now();
    let (mut last, mut is_ending, mut number) = (total, false, 0);
    while number < last {
        tokio::select! {
            _ = ticks.tick() => number += 1,
            // What is due by now is sent all the same: it would be missing in the report.
            () = &mut stop, if !is_ending => {
                let due = (began.elapsed().as_secs_f64() * f64::from(plan.rps)) as u64;
                (last, is_ending) = (due.min(total), true);
                continue;
            }
        }
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            report.unsent += 1;
            continue;
        };
        let (answers, path) = (answers.clone(), Arc::clone(&path));
        tokio::spawn(async move {
            let sent = Instant::now();
            let answer = exchange(Method::GET, to, &path, None, ANSWER_LIMIT).await;
            drop(permit);
            // The receiver outlives every sender: it is read until the last one is gone.
            let _ = answers.send((answer, sent.elapsed()));
        });
        while let Ok((answer, took)) = arriving.try_recv() {
            note(&mut report, &mut latencies, answer, took);
        }
    }
    drop(answers);
    while let Some((answer, took)) = arriving.recv().await {
        note(&mut report, &mut latencies, answer, took);
    }
    latencies.sort_unstable();
    (report.p50_ms, report.p95_ms) = (quantile(&latencies, 50), quantile(&latencies, 95));
    report
}

fn note(
    report: &mut LoadReport,
    latencies: &mut Vec<Duration>,
    answer: Result<Response<Bytes>, NoAnswer>,
    took: Duration,
) {
    if answer.is_ok() {
        latencies.push(took);
    }
    report.count(answer);
}

/// The smallest observation that `percent` of all do not exceed, in milliseconds.
fn quantile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|took| took.as_secs_f64() * 1000.0)
}

pub(super) fn target(url: &str) -> Result<(SocketAddr, String), DemoError> {
    let wrong = || bad(format!("{url} is not a loopback address such as http://127.0.0.1:18700/"));
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let ip = match uri.host() {
        Some("localhost") => IpAddr::from(Ipv4Addr::LOCALHOST),
        Some(host) => host.parse().map_err(|_| wrong())?,
        None => return Err(wrong()),
    };
    if uri.scheme_str() != Some("http") || !ip.is_loopback() {
        return Err(wrong());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok((SocketAddr::from((ip, uri.port_u16().unwrap_or(80))), path))
}

/// Watches from now on, and ends when somebody wants the load to stop.
fn interrupted() -> Result<impl Future<Output = ()>, DemoError> {
    use tokio::signal::unix::{SignalKind, signal};
    let watch = |kind| signal(kind).map_err(|error| DemoError::system("watch signals", error));
    let (mut interrupt, mut terminate) = (watch(SignalKind::interrupt())?, watch(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn bad(message: String) -> DemoError {
    DemoError::Load { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_loaded() {
        assert_eq!(target("http://localhost:81/a?b=1").ok(), Some(("127.0.0.1:81".parse().unwrap(), "/a?b=1".into())));
        for url in ["http://10.0.0.1/", "https://127.0.0.1/", "http://example.com/", "127.0.0.1", ""] {
            assert!(target(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_what_an_app_of_the_demo_answers_well_is_ok() {
        let mut report = LoadReport::default();
        let app =
            |status: u16| Response::builder().status(status).header("X-Color", "blue").body(Bytes::new()).unwrap();
        let page = Response::builder().status(200).body(Bytes::from("<html>maintenance</html>")).unwrap();
        for answer in [app(200), app(204), app(302), app(503), page] {
            report.count(Ok(answer));
        }
        assert_eq!((report.sent, report.ok, report.strange, report.failed()), (5, 2, 1, 2));
        assert_eq!(report.errors, BTreeMap::from([(302, 1), (503, 1)]));
    }

    #[test]
    fn what_is_due_when_the_load_is_ended_late_is_sent_all_the_same() {
        let report = block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let to = listener.local_addr().unwrap();
            let plan = LoadPlan { url: String::new(), rps: 100, duration: Duration::from_secs(60) };
            // The process stands still for a second, and somebody has asked it to end meanwhile.
            let stop = async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                std::thread::sleep(Duration::from_secs(1));
            };
            drop(listener);
            send(to, "/".into(), &plan, stop).await
        });
        let report = report.unwrap();
        assert!(report.sent >= 105, "{report}");
    }

    #[test]
    fn quantiles_are_observations() {
        let took: Vec<_> = (1..=20).map(Duration::from_millis).collect();
        assert_eq!(quantile(&took, 50), Some(10.0));
        assert_eq!(quantile(&took, 95), Some(19.0));
        assert_eq!(quantile(&took[..1], 95), Some(1.0));
        assert_eq!(quantile(&[], 50), None);
    }
}
