//! The demo target on real sockets: every test has its own state directory and its own ports.

#![allow(clippy::disallowed_methods, reason = "tests act on the world")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use runbook::demo::{
    Addresses, Colour, Demo, DemoError, Fault, FaultTarget, LoadPlan, LoadReport, ServeOptions, Switch, addresses,
    load, serve,
};
use tempfile::TempDir;

/// A demo served by a thread of this test.
struct Served {
    demo: Demo,
    ports: Addresses,
    server: Option<JoinHandle<Result<(), DemoError>>>,
    dir: TempDir,
}

/// Each test begins at ports of its own; the process id keeps two runs at the same time apart.
fn first_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let test = NEXT.fetch_add(1, Ordering::Relaxed);
    let run = u16::try_from(std::process::id() % 4).expect("below 4");
    20_000 + run * 3_000 + test * 150
}

impl Served {
    fn fresh() -> Served {
        Served::in_dir(tempfile::tempdir().expect("a directory"))
    }

    fn in_dir(dir: TempDir) -> Served {
        let first_port = first_port();
        let demo = Demo::new(dir.path()).with_first_port(first_port);
        let root = dir.path().to_owned();
        let server = thread::spawn(move || serve(&root, ServeOptions { first_port }));
        let deadline = Instant::now() + Duration::from_secs(5);
        while demo.status().is_err() {
            assert!(!server.is_finished(), "the server ended: {:?}", server.join());
            assert!(Instant::now() < deadline, "the demo does not come up");
            thread::sleep(Duration::from_millis(5));
        }
        Served { ports: demo.addresses(), demo, server: Some(server), dir }
    }

    /// Takes it down and hands the directory on.
    fn down(mut self) -> TempDir {
        assert!(self.demo.down().expect("goes down"));
        self.server.take().expect("was served").join().expect("no panic").expect("an orderly end");
        std::mem::replace(&mut self.dir, tempfile::tempdir().expect("a directory"))
    }

    fn route(&self, servers: &str) {
        let Addresses { blue, green, .. } = self.ports;
        let servers = servers.replace("BLUE", &blue.to_string()).replace("GREEN", &green.to_string());
        fs::write(self.demo.paths().upstream(), format!("upstream app {{\n{servers}\n}}\n")).expect("written");
    }

    fn get(&self, colour: Colour, path: &str) -> Answer {
        get(self.ports.port_of(colour), path)
    }

    fn on(&self, fault: Fault) {
        self.demo.fault(fault, FaultTarget::All, Switch::On, None).expect("switched on");
    }

    fn off(&self, fault: Fault) {
        self.demo.fault(fault, FaultTarget::All, Switch::Off, None).expect("switched off");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.server.is_some() {
            let _ = self.demo.down();
        }
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .unwrap_or_else(|| panic!("{name} in {}", self.head))
    }
}

/// One request by hand, so that the demo is not tested with its own client.
fn try_request(port: u16, head: &str, body: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(8)))?;
    let length = body.len();
    write!(stream, "{head}\r\nHost: demo\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head[9..12].parse().map_err(|_| std::io::ErrorKind::InvalidData)?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

fn get(port: u16, path: &str) -> Answer {
    try_request(port, &format!("GET {path} HTTP/1.1"), "").unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

fn steady(port: u16, rps: u32, seconds: f64) -> LoadReport {
    let plan = LoadPlan { url: format!("http://127.0.0.1:{port}/"), rps, duration: Duration::from_secs_f64(seconds) };
    load(&plan).expect("a good plan")
}

const DRAIN: Option<Duration> = Some(Duration::from_secs(5));

#[test]
fn a_fresh_demo_serves_blue_and_keeps_green_idle() {
    let served = Served::fresh();
    let page = get(served.ports.balancer, "/");
    assert_eq!((page.status, page.header("x-color"), page.header("x-version")), (200, "blue", "v1.0.0"));
    assert_eq!(page.header("x-instance"), "blue-1");
    assert_eq!(page.header("x-upstream"), format!("127.0.0.1:{}", served.ports.blue));
    let health = served.get(Colour::Green, "/health").json();
    let expected = serde_json::json!({
        "status": "healthy", "version": "v1.0.0", "color": "green", "instance": "green-1", "active_connections": 0,
    });
    assert_eq!(health, expected);
    assert_eq!(served.get(Colour::Blue, "/health/live").json()["status"], "ok");
    assert_eq!(served.get(Colour::Blue, "/health/deps").json()["dependencies"]["database"]["status"], "healthy");
    assert!(served.get(Colour::Blue, "/health/db").json()["latency_ms"].as_u64().expect("a number") < 80);
    let metrics = served.get(Colour::Blue, "/metrics").body;
    assert!(metrics.contains("http_requests_total{color=\"blue\",version=\"v1.0.0\",status=\"200\"} 1\n"), "{metrics}");
    assert_eq!(get(served.ports.balancer, "/nowhere").status, 404);
    let control = get(served.ports.control, "/balancer/status").json();
    assert_eq!((&control["upstreams"][0]["color"], &control["upstreams"][0]["requests"]), (&"blue".into(), &2.into()));
}

#[test]
fn switching_colours_under_load_drops_nothing() {
    let served = Served::fresh();
    served.demo.stop(Colour::Green, DRAIN).expect("stops");
    let balancer = served.ports.balancer;
    let witness = thread::spawn(move || steady(balancer, 200, 1.5));
    served.demo.start(Colour::Green, Some("v1.1.0")).expect("starts");
    for servers in [
        "server 127.0.0.1:BLUE weight=3; server 127.0.0.1:GREEN;",
        "server 127.0.0.1:BLUE; server 127.0.0.1:GREEN weight=3;",
        "# server 127.0.0.1:BLUE;\nserver 127.0.0.1:GREEN;",
    ] {
        thread::sleep(Duration::from_millis(200));
        served.route(servers);
        served.demo.reload().expect("reloads");
    }
    served.demo.stop(Colour::Blue, DRAIN).expect("stops");
    let report = witness.join().expect("no panic");
    assert_eq!((report.sent, report.ok, report.dropped, report.unsent), (300, 300, 0, 0), "{report}");
    assert!(report.by_version["v1.0.0"] > 30 && report.by_version["v1.1.0"] > 30, "{report}");
    assert!(TcpStream::connect(("127.0.0.1", served.ports.blue)).is_err(), "a stopped colour refuses connections");
}

#[test]
fn weights_are_exact_shares() {
    let served = Served::fresh();
    served.route("server 127.0.0.1:BLUE weight=9; server 127.0.0.1:GREEN weight=1;");
    served.demo.reload().expect("reloads");
    let report = steady(served.ports.balancer, 400, 0.5);
    assert_eq!((report.by_color["blue"], report.by_color["green"]), (180, 20), "{report}");
    let status = served.demo.balancer_status().expect("status");
    let counted: Vec<_> = status.upstreams.iter().map(|u| (u.weight, u.requests, u.errors)).collect();
    assert_eq!(counted, [(9, 180, 0), (1, 20, 0)]);
}

#[test]
fn a_graceful_stop_lets_a_slow_request_finish_and_force_does_not() {
    let served = Served::fresh();
    let slow_request = |port: u16| {
        let request = thread::spawn(move || try_request(port, "GET /api/work?ms=900 HTTP/1.1", ""));
        thread::sleep(Duration::from_millis(300));
        request
    };
    let through_balancer = slow_request(served.ports.balancer);
    served.route("server 127.0.0.1:GREEN;");
    served.demo.reload().expect("reloads");
    let status = served.demo.balancer_status().expect("status");
    assert_eq!((status.draining[0].color, status.draining[0].in_flight), (Some(Colour::Blue), 1));
    assert_eq!(served.get(Colour::Blue, "/health").json()["active_connections"], 1);
    let said = served.demo.stop(Colour::Blue, DRAIN).expect("stops");
    assert!(said.contains("every request in flight was answered"), "{said}");
    let answer = through_balancer.join().expect("no panic").expect("answered");
    assert_eq!((answer.status, answer.header("x-color")), (200, "blue"));

    let cut = slow_request(served.ports.green);
    served.demo.stop(Colour::Green, None).expect("killed");
    assert!(cut.join().expect("no panic").is_err(), "a killed app answers nobody");
    assert_eq!(get(served.ports.balancer, "/").status, 502);

    served.demo.start(Colour::Green, None).expect("starts");
    let late = slow_request(served.ports.green);
    let said = served.demo.stop(Colour::Green, Some(Duration::from_millis(200))).expect("stops");
    assert!(said.contains("were cut"), "{said}");
    assert!(late.join().expect("no panic").is_err(), "the drain limit cuts what is left");
}

#[test]
fn a_bad_configuration_is_refused_and_the_old_one_keeps_serving() {
    let served = Served::fresh();
    let good_hash = served.demo.balancer_status().expect("status").config_hash;
    for (servers, expected) in [
        ("server 127.0.0.1:GREEN", "expecting \";\""),
        ("", "no servers"),
        ("server example.com:80;", "not an address"),
    ] {
        served.route(servers);
        for outcome in [served.demo.check(), served.demo.reload()] {
            let error = outcome.expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(get(served.ports.balancer, "/").header("x-color"), "blue");
    }
    let status = served.demo.balancer_status().expect("status");
    assert_eq!((status.config_hash, status.loads), (good_hash, 1));
    assert!(status.last_reload_error.is_some_and(|error| error.contains("not an address")));

    served.route("server 127.0.0.1:GREEN;");
    served.demo.check().expect("is good");
    assert_eq!(get(served.ports.balancer, "/").header("x-color"), "blue", "a check switches nothing");
    served.demo.reload().expect("reloads");
    assert_eq!(get(served.ports.balancer, "/").header("x-color"), "green");
}

#[test]
fn a_refused_connection_is_tried_once_on_another_server() {
    let served = Served::fresh();
    served.route("server 127.0.0.1:BLUE; server 127.0.0.1:GREEN;");
    served.demo.reload().expect("reloads");
    served.demo.stop(Colour::Blue, None).expect("killed");
    let report = steady(served.ports.balancer, 100, 0.2);
    assert_eq!((report.ok, report.by_color["green"]), (20, 20), "{report}");
    let errors = served.demo.balancer_status().expect("status").upstreams[0].errors;
    assert_eq!(errors, 10, "each refusal is counted where it happened");
}

#[test]
fn stopping_a_colour_that_is_still_routed_costs_no_request() {
    let served = Served::fresh();
    served.route("server 127.0.0.1:BLUE; server 127.0.0.1:GREEN;");
    served.demo.reload().expect("reloads");
    let balancer = served.ports.balancer;
    let witness = thread::spawn(move || steady(balancer, 200, 1.0));
    for colour in [Colour::Blue, Colour::Green] {
        thread::sleep(Duration::from_millis(200));
        served.demo.stop(colour, DRAIN).expect("stops");
        served.demo.start(colour, Some("v1.1.0")).expect("starts");
    }
    let report = witness.join().expect("no panic");
    assert_eq!((report.sent, report.ok, report.dropped), (200, 200, 0), "{report}");
}

#[test]
fn a_leak_takes_real_memory() {
    let served = Served::fresh();
    let resident = || {
        let page = served.get(Colour::Green, "/metrics").body;
        let line = page.lines().find(|line| line.starts_with("process_resident_memory_bytes{")).expect("a gauge");
        line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok()).expect("a number")
    };
    let before = resident();
    served.demo.fault(Fault::Leak, FaultTarget::Green, Switch::On, None).expect("switched on");
    thread::sleep(Duration::from_millis(850));
    let grown = resident().saturating_sub(before);
    assert!(grown > 1_500_000, "{grown} bytes in less than a second");
}

#[test]
fn app_faults_do_what_their_names_say() {
    let served = Served::fresh();
    let green = |path| served.get(Colour::Green, path);
    let failures = |count: usize| (0..count).filter(|_| green("/").status == 500).count();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(green("/health/ready").json()["status"], "ok");

    served.on(Fault::Err5);
    assert_eq!(failures(40), 2);
    served.off(Fault::Err5);
    served.on(Fault::Err6);
    let each_time: Vec<usize> = (0..6).map(|_| failures(50)).collect();
    assert_eq!(each_time, [3; 6], "wherever one begins to count");
    served.off(Fault::Err6);
    served.on(Fault::Err50);
    assert_eq!(failures(10), 5);
    served.off(Fault::Err50);

    served.on(Fault::Degraded);
    assert_eq!((green("/health/ready").status, &green("/health/ready").json()["status"]), (200, &"degraded".into()));
    served.off(Fault::Degraded);
    served.on(Fault::Neverready);
    assert_eq!((green("/health/ready").status, green("/health/live").status), (503, 200));
    served.off(Fault::Neverready);
    served.on(Fault::FlakyReady);
    let ready: Vec<_> = (0..4).map(|_| green("/health/ready").status).collect();
    assert!(ready == [200, 503, 200, 503] || ready == [503, 200, 503, 200], "{ready:?}");
    served.off(Fault::FlakyReady);

    served.demo.fault(Fault::WrongColor, FaultTarget::Green, Switch::On, None).expect("switched on");
    assert_eq!((green("/").header("x-color"), &green("/health").json()["color"]), ("blue", &"blue".into()));
    assert_eq!(served.get(Colour::Blue, "/").header("x-color"), "blue", "only green is hit");
    served.off(Fault::WrongColor);
    served.on(Fault::Slowdb);
    assert!(green("/health/db").json()["latency_ms"].as_u64().expect("a number") >= 80);
    served.off(Fault::Slowdb);
    served.on(Fault::Noisy);
    assert_eq!(green("/").status, 200);
    let log = fs::read_to_string(served.demo.paths().log()).expect("a log");
    assert!(log.contains("ERROR green-1 cache miss"), "{log}");
}

#[test]
fn a_slow_fault_really_takes_three_seconds() {
    let served = Served::fresh();
    let took = |colour, path: &str| {
        let asked = Instant::now();
        assert_eq!(served.get(colour, path).status, 200);
        asked.elapsed() >= Duration::from_secs(3)
    };
    served.demo.fault(Fault::Slow, FaultTarget::Blue, Switch::On, None).expect("switched on");
    served.demo.fault(Fault::Slowall, FaultTarget::Green, Switch::On, None).expect("switched on");
    thread::scope(|scope| {
        let green = scope.spawn(|| took(Colour::Green, "/health"));
        let blue = (0..10).filter(|_| took(Colour::Blue, "/")).count();
        assert_eq!(blue, 1, "one in ten");
        assert!(green.join().expect("no panic"), "health checks included");
    });
}

#[test]
fn errors_under_load_stay_away_at_low_rates() {
    let served = Served::fresh();
    served.on(Fault::ErrLoad);
    let quiet = steady(served.ports.blue, 30, 0.7);
    assert_eq!(quiet.failed(), 0, "{quiet}");
    let heavy = steady(served.ports.green, 200, 0.5);
    assert!((2..=4).contains(&heavy.failed()), "{heavy}");
}

#[test]
fn a_version_can_bring_its_fault_along() {
    let served = Served::fresh();
    let restart = |version| {
        served.demo.stop(Colour::Green, DRAIN).expect("stops");
        served.demo.start(Colour::Green, Some(version))
    };
    let error = restart("v1.1.3-crash").expect_err("crashes").to_string();
    assert_eq!(error, "green v1.1.3-crash exited with status 1 before it accepted connections");
    assert!(TcpStream::connect(("127.0.0.1", served.ports.green)).is_err());

    restart("v1.1.13-lies").expect("starts");
    assert_eq!(served.get(Colour::Green, "/version").json()["version"], "v1.0.0");
    assert_eq!(served.demo.status().expect("status").green.version, "v1.1.13-lies", "the control port does not lie");

    restart("v1.1.8-stuck").expect("starts");
    assert_eq!(served.get(Colour::Green, "/health").json()["active_connections"], 7);
    let error = served.demo.stop(Colour::Green, Some(Duration::from_millis(200))).expect_err("is stuck");
    assert!(error.to_string().contains("ignored the stop"), "{error}");
    assert_eq!(served.get(Colour::Green, "/").status, 200, "it goes on serving");
    served.demo.stop(Colour::Green, None).expect("killed");

    let after = Some(Duration::from_millis(200));
    served.demo.fault(Fault::Latecrash, FaultTarget::Blue, Switch::On, after).expect("switched on");
    restart("v1.1.4-latecrash").expect("starts");
    assert_eq!(served.get(Colour::Green, "/").status, 200);
    thread::sleep(Duration::from_millis(500));
    let status = served.demo.status().expect("status");
    for colour in [status.blue, status.green] {
        assert_eq!((colour.running, colour.last_exit.as_deref()), (false, Some("exited with status 1")));
    }
}

#[test]
fn starting_twice_is_safe_and_starting_over_another_version_is_refused() {
    let served = Served::fresh();
    assert!(served.demo.start(Colour::Green, Some("v1.0.0")).expect("already runs").contains("already runs"));
    let error = served.demo.start(Colour::Green, Some("v1.1.0")).expect_err("refused").to_string();
    assert_eq!(error, "green-1 runs v1.0.0; stop it before starting v1.1.0");
    served.demo.stop(Colour::Green, DRAIN).expect("stops");
    assert_eq!(served.demo.stop(Colour::Green, DRAIN).expect("is stopped"), "green is already stopped");
    for bad in ["latest", "v1.0", "v1.0.0&colour=blue", "v1.0.0-"] {
        assert!(served.demo.start(Colour::Green, Some(bad)).is_err(), "{bad}");
    }
}

#[test]
fn balancer_faults_make_a_good_file_fail() {
    let served = Served::fresh();
    served.route("server 127.0.0.1:GREEN;");
    served.on(Fault::BalReloadFails);
    served.demo.check().expect("the file is good");
    assert!(served.demo.reload().is_err());
    served.off(Fault::BalReloadFails);

    let mode = || fs::metadata(served.demo.paths().upstream()).expect("is there").permissions().mode() & 0o777;
    served.on(Fault::BalConfUnwritable);
    assert_eq!(mode(), 0o444);
    assert!(served.demo.check().is_err() && served.demo.reload().is_err());
    assert_eq!(get(served.ports.balancer, "/").header("x-color"), "blue");
    served.off(Fault::BalConfUnwritable);
    assert_eq!(mode(), 0o644);
    served.demo.reload().expect("reloads");
    assert_eq!(get(served.ports.balancer, "/").header("x-color"), "green");
}

#[test]
fn maintenance_closes_the_api_except_to_the_deploy_token() {
    let served = Served::fresh();
    let launch = |header: &str, body: &str| {
        let head = format!("POST /api/bot/launch HTTP/1.1{header}");
        try_request(served.ports.balancer, &head, body).expect("an answer").status
    };
    let bot = r#"{"bot_id": "SMOKE"}"#;
    assert_eq!((launch("", bot), launch("", "{}")), (200, 400));
    fs::write(served.demo.paths().maintenance_flag(), "").expect("flagged");
    let token = fs::read_to_string(served.demo.paths().deploy_token()).expect("a token");
    assert_eq!(launch("", bot), 503);
    assert_eq!(launch("\r\nX-Deploy-Token: wrong", bot), 503);
    assert_eq!(launch(&format!("\r\nX-Deploy-Token: {}", token.trim()), bot), 200);
    assert_eq!(get(served.ports.balancer, "/").status, 200, "only /api is closed");
    let mode = fs::metadata(served.demo.paths().deploy_token()).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn operations_need_the_header_that_a_web_page_cannot_send() {
    let served = Served::fresh();
    let answer = try_request(served.ports.control, "POST /stop?colour=blue HTTP/1.1", "").expect("an answer");
    assert_eq!(answer.status, 403);
    assert!(served.demo.status().expect("status").blue.running);
}

#[test]
fn ports_and_versions_survive_a_restart_and_reset_restores_the_start() {
    let served = Served::fresh();
    let ports = served.ports;
    served.demo.stop(Colour::Blue, DRAIN).expect("stops");
    served.demo.stop(Colour::Green, DRAIN).expect("stops");
    served.demo.start(Colour::Green, Some("v1.1.0")).expect("starts");
    served.route("server 127.0.0.1:GREEN;");
    let dir = served.down();
    assert_eq!(addresses(dir.path()), ports, "known while the demo is down");

    let served = Served::in_dir(dir);
    assert_eq!(served.ports, ports);
    let status = served.demo.status().expect("status");
    assert_eq!((status.green.version.as_str(), status.green.running, status.blue.running), ("v1.1.0", true, false));
    assert_eq!(get(ports.balancer, "/").header("x-instance"), "green-3");

    served.on(Fault::Err50);
    served.on(Fault::BalConfUnwritable);
    fs::write(served.demo.paths().maintenance_flag(), "").expect("flagged");
    served.demo.reset().expect("resets");
    let status = served.demo.status().expect("status");
    assert!(!status.maintenance && status.balancer_faults.is_empty());
    for colour in [&status.blue, &status.green] {
        assert_eq!((colour.version.as_str(), colour.running, colour.faults.len()), ("v1.0.0", true, 0));
    }
    assert_eq!(get(ports.balancer, "/").header("x-instance"), "blue-1");
}

#[test]
fn addresses_are_known_before_anything_exists() {
    let nowhere = Path::new("/nonexistent/demo");
    assert_eq!(addresses(nowhere), Addresses { balancer: 18700, blue: 18701, green: 18702, control: 18703 });
    let error = Demo::new(nowhere).with_first_port(first_port()).status().expect_err("nothing is there");
    assert!(matches!(error, DemoError::NotUp { .. }), "{error}");
}

/// The body of the detached process below: this test program, started again to serve.
#[test]
fn serve_for_the_test_below() {
    if let Ok(dir) = std::env::var("RUNBOOK_TEST_DEMO_DIR") {
        let first_port = std::env::var("RUNBOOK_TEST_DEMO_BASE").expect("set").parse().expect("a port");
        serve(Path::new(&dir), ServeOptions { first_port }).expect("serves");
    }
}

#[test]
fn up_detaches_a_server_and_down_ends_it_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let exe = dir.path().join("runbook");
    let this = std::env::current_exe().expect("a path");
    let script = format!(
        "#!/bin/sh\n[ \"$1 $2 $3 $5\" = 'demo serve --base --state-dir' ] || exit 9\n\
         export RUNBOOK_TEST_DEMO_BASE=\"$4\" RUNBOOK_TEST_DEMO_DIR=\"$6\"\n\
         exec '{}' --exact serve_for_the_test_below\n",
        this.display()
    );
    fs::write(&exe, script).expect("written");
    fs::set_permissions(&exe, fs::Permissions::from_mode(0o755)).expect("executable");

    let demo = Demo::new(dir.path().join("state")).with_first_port(first_port());
    let ports = demo.up(&exe).expect("comes up");
    assert_eq!(get(ports.balancer, "/").status, 200);
    let pid = demo.status().expect("status").pid;
    assert_eq!(demo.up(&exe).expect("is up"), ports);
    assert_eq!(demo.status().expect("status").pid, pid, "a second up starts nothing");
    assert!(demo.down().expect("goes down"));
    assert!(!demo.down().expect("is down"));
    assert!(TcpStream::connect(("127.0.0.1", ports.balancer)).is_err());

    fs::write(demo.paths().upstream(), "upstream app {\n").expect("written");
    let error = demo.up(&exe).expect_err("cannot start").to_string();
    assert!(error.contains("unexpected end of file"), "{error}");
    demo.reset().expect("resets on disk");
    demo.up(&exe).expect("comes up again");
    assert!(demo.down().expect("goes down"));

    let squatter = TcpListener::bind(("127.0.0.1", ports.green)).expect("free now");
    let error = demo.up(&exe).expect_err("a port is taken").to_string();
    assert!(error.contains("taken by another program"), "{error}");
    drop(squatter);
}

#[test]
fn an_app_by_itself_has_the_faults_that_stand_in_its_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let (faults, said, port) = (dir.path().join("faults"), dir.path().join("said"), first_port());
    let mut app = Command::new(env!("CARGO_BIN_EXE_runbook"));
    app.args(["demo", "app", "blue", "--version", "v1.1.0", "--port", &port.to_string()]);
    app.arg("--faults").arg(&faults).stderr(fs::File::create(&said).expect("a file"));
    let _app = Killed(app.spawn().expect("starts"));
    let failures = || (0..50).filter(|_| get(port, "/").status == 500).count();
    let becomes = |expected: usize| {
        let deadline = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(("127.0.0.1", port)).is_err() || failures() != expected {
            assert!(Instant::now() < deadline, "{expected} of 50 never failed");
        }
    };
    becomes(0);
    fs::write(&faults, "err6\n").expect("written");
    becomes(3);
    fs::write(&faults, "err50 no-such-fault\n").expect("written");
    becomes(25);
    let said = fs::read_to_string(&said).expect("text");
    assert!(said.contains("there is no fault \"no-such-fault\""), "{said}");
    fs::remove_file(&faults).expect("removed");
    becomes(0);
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
