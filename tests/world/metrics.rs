//! Metrics read from a small real server, from commands, and from a real Prometheus.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use runbook::machine::action::{
    Action, Ended, HttpAction, LabelMatch, MatchOp, Query, ReadValue, Reduce, SampleAction, Selector, Source,
};

use super::common::{Bed, exec, shell, stdout};

const PAGE: &str = "# TYPE hits counter\nhits{code=\"200\"} 97\nhits{code=\"500\"} 3\nratio NaN\n";

/// A server of two pages: `/metrics` and `/status`; `/slow` never answers.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut request = [0; 2048];
                let size = stream.read(&mut request).unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..size]).into_owned();
                let (status, body) = match request.split_whitespace().nth(1) {
                    Some("/metrics") => ("200 OK", PAGE),
                    Some("/status") => ("200 OK", r#"{"pool":{"idle":4},"state":"ok"}"#),
                    Some("/slow") => return std::thread::sleep(Duration::from_secs(30)),
                    _ => ("503 Service Unavailable", "down"),
                };
                let length = body.len();
                let _ =
                    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            });
        }
    });
    address
}

fn sample(queries: Vec<Source>) -> Action {
    let named = |(at, from)| Query { name: format!("m{at}"), from, timeout_us: None };
    Action::Sample(SampleAction {
        queries: queries.into_iter().enumerate().map(named).collect(),
        timeout_us: 1_000_000,
    })
}

fn page(server: SocketAddr, path: &str, name: &str, labels: &[(&str, MatchOp, &str)]) -> Source {
    let labels =
        labels.iter().map(|(label, op, value)| LabelMatch { label: (*label).into(), op: *op, value: (*value).into() });
    let select = Selector { name: name.into(), labels: labels.collect() };
    Source::Page { url: format!("http://{server}{path}"), select, each: false }
}

fn get(server: SocketAddr, path: &str) -> Source {
    let url = format!("http://{server}{path}");
    let request = HttpAction { method: "GET".into(), url, headers: vec![], body: None, follow: 0, timeout_us: None };
    Source::Act(Box::new(Action::Http(request)))
}

/// How an attempt that was part of a sample ended, and the text it yielded.
fn yielded(value: &ReadValue) -> (&Ended, &str) {
    match value {
        ReadValue::Done(done) => (&done.ended, stdout(done)),
        other => panic!("{other:?}"),
    }
}

fn values(bed: &mut Bed, queries: Vec<Source>) -> Vec<ReadValue> {
    let done = bed.act(&sample(queries));
    assert_eq!((done.ended, done.changed), (Ended::Ok, Some(false)));
    done.readings.into_iter().map(|reading| reading.value).collect()
}

#[test]
fn one_sample_reads_pages_answers_and_commands_side_by_side() {
    let (mut bed, server) = (Bed::new(), server());
    let read = values(
        &mut bed,
        vec![
            page(server, "/metrics", "hits", &[]),
            page(server, "/metrics", "hits", &[("code", MatchOp::Matches, "5..")]),
            get(server, "/status"),
            Source::Act(Box::new(shell("echo 12.5"))),
            Source::Act(Box::new(exec(&["echo", "steady"]))),
        ],
    );
    assert_eq!(read[..2], [ReadValue::Number(100.0), ReadValue::Number(3.0)]);
    assert_eq!(yielded(&read[2]), (&Ended::Ok, r#"{"pool":{"idle":4},"state":"ok"}"#));
    assert_eq!(yielded(&read[3]), (&Ended::Exit(0), "12.5\n"));
    assert_eq!(yielded(&read[4]), (&Ended::Exit(0), "steady\n"));
    assert_eq!(std::fs::read_dir(bed.run_dir().join("out")).unwrap().count(), 0, "a sample leaves no files");
}

#[test]
fn what_cannot_be_read_is_never_a_number() {
    let (mut bed, server) = (Bed::new(), server());
    let read = values(
        &mut bed,
        vec![
            page(server, "/metrics", "no_such_metric", &[]),
            page(server, "/metrics", "ratio", &[]),
            page(server, "/gone", "hits", &[]),
            page(server, "/slow", "hits", &[]),
            page("127.0.0.1:1".parse().unwrap(), "/metrics", "hits", &[]),
            get(server, "/slow"),
            Source::Act(Box::new(shell("echo 5; exit 3"))),
            Source::Act(Box::new(shell("true"))),
            Source::Act(Box::new(shell("sleep 20"))),
            Source::Act(Box::new(exec(&["no-such-program-here"]))),
        ],
    );
    assert_eq!(read[..2], [ReadValue::Empty, ReadValue::NotANumber]);
    let reason = |at: usize| match &read[at] {
        ReadValue::Unreadable(why) => why.as_str(),
        other => panic!("{at}: {other:?}"),
    };
    assert!(reason(2).ends_with("/gone answers 503"), "{}", reason(2));
    assert_eq!(reason(3), "no answer within 1000 ms");
    assert!(reason(4).contains("connection refused"), "{}", reason(4));
    assert_eq!(reason(5), "no answer within 1000 ms");
    assert_eq!(yielded(&read[6]), (&Ended::Exit(3), "5\n"));
    assert_eq!(yielded(&read[7]), (&Ended::Exit(0), ""));
    assert_eq!(yielded(&read[8]).0, &Ended::TimedOut);
    assert!(matches!(yielded(&read[9]).0, Ended::Unavailable(why) if why.contains("not installed")));
}

#[test]
fn a_secret_in_a_reading_does_not_leave_the_world() {
    let mut bed = Bed::with_secret("swordfish");
    let read = values(&mut bed, vec![Source::Act(Box::new(shell("echo pw-swordfish")))]);
    let (ended, text) = yielded(&read[0]);
    assert!(matches!(ended, Ended::Failed(why) if why.contains("contains a secret")), "{ended:?}");
    assert_eq!(text, "(no text)");
}

#[test]
fn a_sample_that_is_cancelled_has_no_readings() {
    let (mut bed, server) = (Bed::new(), server());
    bed.start(&sample(vec![page(server, "/slow", "hits", &[])]));
    bed.world.cancel(runbook::drive::world::Cancel::Term);
    let done = bed.done();
    assert_eq!((done.ended, done.readings.len()), (Ended::Cancelled, 0));
}

/// Debian's Prometheus on a port of its own, scraping itself every second.
struct Prometheus {
    process: Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    fn start() -> Prometheus {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Prometheus::of(port, port)
    }

    /// One at a port that scrapes another one.
    fn of(port: u16, target: u16) -> Prometheus {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
        );
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed");
        Prometheus { process, url: format!("http://127.0.0.1:{port}"), _dir: dir }
    }

    fn query(&self, query: &str, over: Option<u64>, reduce: Reduce) -> Source {
        let second = 1_000_000;
        Source::Prometheus {
            url: self.url.clone(),
            query: query.into(),
            over_us: over.map(|over| over * second),
            step_us: over.map(|_| second),
            reduce,
            buckets: false,
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn commands_of_one_sample_run_side_by_side() {
    let mut bed = Bed::new();
    let script = |text: &str| Source::Act(Box::new(shell(text)));
    let began = Instant::now();
    let read = values(&mut bed, (0..4).map(|n| script(&format!("sleep 0.6; echo {n}"))).collect());
    let printed: Vec<&str> = read.iter().map(|value| yielded(value).1.trim()).collect();
    assert_eq!(printed, ["0", "1", "2", "3"], "each has its own answer");
    assert!(began.elapsed() < Duration::from_millis(1800), "{:?} for four of 0.6 s", began.elapsed());
}

#[test]
#[ignore = "needs prometheus"]
fn a_real_prometheus_answers_instant_and_range_queries_and_says_nothing_for_nothing() {
    let (mut bed, prometheus) = (Bed::new(), Prometheus::start());
    let up = || prometheus.query("up", None, Reduce::Only);
    let give_up = Instant::now() + Duration::from_secs(30);
    while values(&mut bed, vec![up()]) != [ReadValue::Number(1.0)] {
        assert!(Instant::now() < give_up, "prometheus does not scrape itself: {:?}", values(&mut bed, vec![up()]));
        std::thread::sleep(Duration::from_millis(200));
    }
    let read = values(
        &mut bed,
        vec![
            prometheus.query("up", Some(60), Reduce::Min),
            prometheus.query("up{job=\"nobody\"}", None, Reduce::Only),
            prometheus.query("sum(up{job=\"nobody\"}) / sum(up{job=\"nobody\"})", None, Reduce::Sum),
            prometheus.query("0 * up / (up - up)", None, Reduce::Only),
            prometheus.query("{__name__=~'process_(open|max)_fds'}", None, Reduce::Only),
            prometheus.query("sum(", None, Reduce::Only),
            prometheus.query("scalar(up) + 1", None, Reduce::Only),
            page(prometheus.url.strip_prefix("http://").unwrap().parse().unwrap(), "/metrics", "process_open_fds", &[]),
        ],
    );
    assert_eq!(read[..4], [ReadValue::Number(1.0), ReadValue::Empty, ReadValue::Empty, ReadValue::NotANumber]);
    assert!(matches!(&read[4], ReadValue::Unreadable(why) if why.contains("series; aggregate them")), "{read:?}");
    assert!(matches!(&read[5], ReadValue::Unreadable(why) if why.contains("status 400: ")), "{read:?}");
    assert_eq!(read[6], ReadValue::Number(2.0));
    assert!(matches!(read[7], ReadValue::Number(fds) if fds > 3.0), "{read:?}");
}

#[test]
#[ignore = "needs prometheus"]
fn a_real_prometheus_says_how_old_a_sample_is_only_when_it_is_asked() {
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let sampled = now() - 120;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let target = port(&listener);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, page) = (stream.unwrap(), format!("frozen {{a=\"b\"}} 5 {sampled}000\n"));
            let _ = stream.read(&mut [0; 2048]);
            let (kind, length) = ("text/plain; version=0.0.4", page.len());
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{page}");
        }
    });
    let own = port(&TcpListener::bind("127.0.0.1:0").unwrap());
    let (mut bed, prometheus) = (Bed::new(), Prometheus::of(own, target));
    let queries = ["frozen", "min(timestamp(frozen{a=\"b\"}))", "min(timestamp(sum(frozen)))"];
    let read = |bed: &mut Bed| {
        bed.act(&sample(queries.iter().map(|query| prometheus.query(query, None, Reduce::Only)).collect())).readings
    };
    let give_up = Instant::now() + Duration::from_secs(30);
    let mut readings = read(&mut bed);
    while readings[0].value != ReadValue::Number(5.0) {
        assert!(Instant::now() < give_up, "prometheus does not scrape: {readings:?}");
        std::thread::sleep(Duration::from_millis(200));
        readings = read(&mut bed);
    }
    let is_now = |seconds: f64| (now() as f64 - seconds).abs() < 5.0;
    assert!(readings[0].at_us.is_some_and(|us| is_now(us as f64 / 1e6)), "{readings:?}");
    assert_eq!(readings[1].value, ReadValue::Number(sampled as f64), "the age of a series is its own");
    assert!(matches!(readings[2].value, ReadValue::Number(at) if is_now(at)), "that of a computed one is unknown");
}

#[test]
fn a_source_may_have_a_limit_of_its_own() {
    let (mut bed, server) = (Bed::new(), server());
    let from = page(server, "/slow", "hits", &[]);
    let query = Query { name: "slow".into(), from, timeout_us: Some(50_000) };
    let done = bed.act(&Action::Sample(SampleAction { queries: vec![query], timeout_us: 5_000_000 }));
    assert_eq!(done.readings[0].value, ReadValue::Unreadable("no answer within 50 ms".into()));
}
