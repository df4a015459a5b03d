//! The tiny app: what one running instance of a colour answers.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::colour::Colour;
use super::fault::{Fault, Switchboard};
use super::gate::Handler;
use super::logfile::LogFile;
use super::metrics::Metrics;
use super::response::{Body, json, lock, query, text};

/// How long a fresh instance answers its readiness check with 503.
const STARTUP: Duration = Duration::from_millis(300);
/// What `slow` and `slowall` add.
const SLOWNESS: Duration = Duration::from_secs(3);
const DATABASE: Duration = Duration::from_millis(2);
const SLOW_DATABASE: Duration = Duration::from_millis(80);
/// Above this many requests in the last second `err-load` acts.
const HEAVY_LOAD: usize = 40;
/// What a stuck instance holds on to.
const HELD_CONNECTIONS: usize = 7;
const LONGEST_WORK: Duration = Duration::from_secs(60);
const LARGEST_BODY: usize = 64 * 1024;

/// One running instance of a colour: from its start to its end.
#[derive(Debug)]
pub(super) struct App {
    pub(super) colour: Colour,
    pub(super) version: String,
    /// Which start of this colour it is.
    pub(super) number: u64,
    pub(super) started: Instant,
    pub(super) surroundings: Surroundings,
    /// Whether somebody takes memory in its name already.
    pub(super) leaking: AtomicBool,
    requests: AtomicU64,
    ready_checks: AtomicU64,
    active: AtomicUsize,
    metrics: Mutex<Metrics>,
    /// Arrivals of the last second.
    recent: Mutex<VecDeque<Instant>>,
}

/// What an app shares with the rest of the demo.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) faults: Arc<Mutex<Switchboard>>,
    pub(super) log: Arc<LogFile>,
    pub(super) maintenance_flag: PathBuf,
    pub(super) deploy_token: String,
}

impl App {
    pub(super) fn new(colour: Colour, version: &str, number: u64, surroundings: Surroundings) -> App {
        App {
            colour,
            version: version.to_owned(),
            number,
            started: Instant::now(),
            surroundings,
            leaking: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            ready_checks: AtomicU64::new(0),
            active: AtomicUsize::new(0),
            metrics: Mutex::new(Metrics::default()),
            recent: Mutex::new(VecDeque::new()),
        }
    }

    /// The true name of this instance, as in `green-3`.
    pub(super) fn instance(&self) -> String {
        format!("{}-{}", self.colour, self.number)
    }

    /// Connections with a request in flight; probes do not count.
    pub(super) fn active(&self) -> usize {
        let held = if self.has(Fault::Stuck) { HELD_CONNECTIONS } else { 0 };
        self.active.load(Ordering::Relaxed) + held
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        lock(&self.surroundings.faults).hits(self.colour, &self.version, fault)
    }

    /// What it says it is, which is not always the truth.
    fn identity(&self) -> (Colour, String, String) {
        let faults = lock(&self.surroundings.faults);
        let colour = faults.reported_colour(self.colour, &self.version);
        let version = faults.reported_version(self.colour, &self.version).to_owned();
        (colour, version, format!("{colour}-{}", self.number))
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if self.has(Fault::Slowall) {
            tokio::time::sleep(SLOWNESS).await;
        }
        match request.uri().path() {
            "/health" => self.health(),
            "/health/live" => json(StatusCode::OK, &json!({"status": "ok"})),
            "/health/ready" => self.ready(),
            "/health/deps" => json(StatusCode::OK, &self.dependencies()),
            "/health/db" => self.database().await,
            "/version" => self.version_page(),
            "/metrics" => self.metrics_page(),
            _ => self.count_and_work(request).await,
        }
    }

    fn health(&self) -> Response<Body> {
        let (color, version, instance) = self.identity();
        let status = if self.has(Fault::Degraded) { "degraded" } else { "healthy" };
        let page = json!({
            "status": status, "version": version, "color": color, "instance": instance,
            "active_connections": self.active(),
        });
        json(StatusCode::OK, &page)
    }

    fn ready(&self) -> Response<Body> {
        let checks = self.ready_checks.fetch_add(1, Ordering::Relaxed) + 1;
        if self.started.elapsed() < STARTUP || self.has(Fault::Neverready) {
            return json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "starting"}));
        }
        if self.has(Fault::FlakyReady) && checks.is_multiple_of(2) {
            return json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "unavailable"}));
        }
        json(StatusCode::OK, &self.dependencies())
    }

    fn dependencies(&self) -> Value {
        let (status, cache) = if self.has(Fault::Degraded) { ("degraded", "unhealthy") } else { ("ok", "healthy") };
        json!({
            "status": status,
            "dependencies": {"database": {"status": "healthy"}, "cache": {"status": cache}},
        })
    }

    /// There is no database; the time it takes to ask it is real.
    async fn database(&self) -> Response<Body> {
        let asked = Instant::now();
        tokio::time::sleep(if self.has(Fault::Slowdb) { SLOW_DATABASE } else { DATABASE }).await;
        let latency = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        json(StatusCode::OK, &json!({"status": "ok", "latency_ms": latency}))
    }

    fn version_page(&self) -> Response<Body> {
        let (color, version, instance) = self.identity();
        json(StatusCode::OK, &json!({"version": version, "color": color, "instance": instance}))
    }

    fn metrics_page(&self) -> Response<Body> {
        text(StatusCode::OK, self.metrics_text())
    }

    /// Its counters in the Prometheus text format.
    pub(super) fn metrics_text(&self) -> String {
        let (color, version, _) = self.identity();
        lock(&self.metrics).page(color.name(), &version, self.active())
    }

    async fn count_and_work(&self, request: Request<Incoming>) -> Response<Body> {
        let _in_flight = InFlight::enter(&self.active);
        let arrived = Instant::now();
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let heavy = self.note_arrival(arrived) > HEAVY_LOAD;
        if self.has(Fault::Slow) && number.is_multiple_of(10) {
            tokio::time::sleep(SLOWNESS).await;
        }
        let response = match self.injected_error(number, heavy) {
            Some(fault) => {
                let error = format!("request failed (injected by fault {fault})");
                self.surroundings.log.error(&self.instance(), &error);
                json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": error}))
            }
            None => self.work(request).await,
        };
        if self.has(Fault::Noisy) {
            self.surroundings.log.error(&self.instance(), "cache miss treated as an error (injected by fault noisy)");
        }
        lock(&self.metrics).observe(response.status().as_u16(), arrived.elapsed());
        response
    }

    /// Arrivals within the last second, this one included.
    fn note_arrival(&self, now: Instant) -> usize {
        let mut recent = lock(&self.recent);
        recent.push_back(now);
        while recent.front().is_some_and(|&first| now.duration_since(first) > Duration::from_secs(1)) {
            recent.pop_front();
        }
        recent.len()
    }

    /// Errors come by count and not by chance, so that a rehearsal can be repeated.
    fn injected_error(&self, number: u64, heavy: bool) -> Option<Fault> {
        let every_20th = number.is_multiple_of(20);
        let acts = |fault: &Fault| match fault {
            Fault::Err5 => every_20th,
            // The 17th, 34th and 50th.
            Fault::Err6 => number % 50 * 3 % 50 < 3,
            Fault::Err50 => number.is_multiple_of(2),
            _ => every_20th && heavy,
        };
        [Fault::Err50, Fault::Err6, Fault::Err5, Fault::ErrLoad]
            .into_iter()
            .find(|fault| acts(fault) && self.has(*fault))
    }

    async fn work(&self, request: Request<Incoming>) -> Response<Body> {
        if request.uri().path().starts_with("/api/") && !self.may_pass_maintenance(&request) {
            let page = json!({"error": "under maintenance; come back later"});
            return json(StatusCode::SERVICE_UNAVAILABLE, &page);
        }
        match (request.method().clone(), request.uri().path()) {
            (Method::GET | Method::HEAD, "/") => self.version_page(),
            (Method::GET | Method::POST, "/api/work") => slow_work(&request).await,
            (Method::POST, "/api/bot/launch") => launch_bot(request.into_body()).await,
            (Method::GET, "/v1/memories" | "/v1/apps") => json(StatusCode::OK, &json!({"items": [], "total": 0})),
            (_, "/" | "/api/work" | "/api/bot/launch" | "/v1/memories" | "/v1/apps") => {
                json(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "method not allowed"}))
            }
            _ => json(StatusCode::NOT_FOUND, &json!({"error": "no such page"})),
        }
    }

    fn may_pass_maintenance(&self, request: &Request<Incoming>) -> bool {
        let token = request.headers().get("x-deploy-token");
        !self.surroundings.maintenance_flag.exists()
            || token.is_some_and(|token| token.as_bytes() == self.surroundings.deploy_token.as_bytes())
    }
}

impl Handler for App {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let mut response = self.answer(request).await;
        let (color, version, instance) = self.identity();
        for (name, value) in [("x-color", color.name()), ("x-version", &version), ("x-instance", &instance)] {
            // Versions and names are checked to be plain words, so this always succeeds.
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

async fn slow_work(request: &Request<Incoming>) -> Response<Body> {
    let Ok(milliseconds) = query(request.uri(), "ms").unwrap_or("0").parse::<u64>() else {
        return json(StatusCode::BAD_REQUEST, &json!({"error": "ms must be a number of milliseconds"}));
    };
    let duration = Duration::from_millis(milliseconds).min(LONGEST_WORK);
    tokio::time::sleep(duration).await;
    json(StatusCode::OK, &json!({"worked_ms": duration.as_millis() as u64}))
}

async fn launch_bot(body: Incoming) -> Response<Body> {
    let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
        return json(StatusCode::BAD_REQUEST, &json!({"error": "the body is broken or larger than 64 KiB"}));
    };
    let launch: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
    match launch["bot_id"].as_str() {
        Some(bot) => json(StatusCode::OK, &json!({"status": "launched", "bot_id": bot})),
        None => json(StatusCode::BAD_REQUEST, &json!({"error": "the body must be JSON with a bot_id"})),
    }
}

/// Counts a request for as long as it is being answered, even when the client goes away meanwhile.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn enter(active: &'a AtomicUsize) -> InFlight<'a> {
        active.fetch_add(1, Ordering::Relaxed);
        InFlight(active)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
