//! The shipped canary and blue-green deployments on nginx with weights, judged by what Prometheus has scraped.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use runbook::demo::Fault;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::host::Host;
use crate::run::{Outcome, Run};
use crate::witness::saw_nothing;

/// At 1 % a stage sees three requests of the canary in a second, at 25 % more than the 40 that `err-load` bears.
const LOAD: u32 = 300;

fn canary<'a>(host: &'a Host, version: &str) -> Run<'a> {
    host.run("deploy-canary.yml").input("version", version).answer("g")
}

/// The stages whose weights were set, in order, undos left out.
fn stages(outcome: &Outcome) -> Vec<&str> {
    let weights = outcome.started().into_iter().filter_map(|path| path.strip_suffix(".weights"));
    weights.filter_map(|path| Some(path.rsplit_once('[')?.1.trim_end_matches(']'))).collect()
}

/// What the look that ended a stage saw last, by metric: value, and how many observations were behind it.
fn seen(outcome: &Outcome, stage: &str, metric: &str) -> (f64, u64) {
    let path = format!("rollout.stage[{stage}].end-of-stage");
    let mut looks = outcome.events("looked").into_iter().filter(|look| look["path"] == *path);
    let last = looks.next_back().unwrap_or_else(|| panic!("{path} has looked"));
    let number = &last["samples"][metric]["value"]["number"];
    let value = number["value"].as_str().and_then(|text| text.parse().ok());
    (value.unwrap_or_else(|| panic!("{metric} in {last}")), number["evidence"].as_u64().expect("observations"))
}

fn looks_of_guard(outcome: &Outcome) -> Vec<&Value> {
    outcome.events("looked").into_iter().filter(|look| look["path"] == "rollout.stage~guard").collect()
}

fn dropped_nothing(report: &Value) {
    assert!(report["sent"].as_u64().is_some_and(|sent| sent > 1000), "{report:#}");
    assert_eq!((&report["dropped"], &report["unsent"]), (&0.into(), &0.into()), "{report:#}");
}

/// Ends a process as soon as the log of the only run says so.
fn kill_when_logged(host: &Host, what: &str, pid: Pid) {
    let runs = host.home.state().join("runs");
    let deadline = Instant::now() + Duration::from_secs(120);
    while Instant::now() < deadline {
        let logs = fs::read_dir(&runs).into_iter().flatten().flatten().map(|run| run.path().join("run.jsonl"));
        if logs.filter_map(|log| fs::read_to_string(log).ok()).any(|log| log.contains(what)) {
            kill_process(pid, Signal::KILL).expect("it runs");
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the log never said {what}");
}

#[test]
#[ignore = "needs nginx and prometheus; tests/run runs it"]
fn a_good_version_is_promoted_and_main_serves_before_the_canary_goes() {
    let host = Host::fresh();
    let (_prometheus, load) = (host.prometheus(), host.load(LOAD));
    let outcome = canary(&host, "v1.1.0").start();
    let report = load.testify();
    let outcome = outcome.must_end(0);
    saw_nothing(&report);
    assert_eq!(stages(&outcome), ["1%", "5%", "25%", "50%", "100%", "0%"]);
    for (stage, share) in [("1%", 0.01), ("5%", 0.05), ("25%", 0.25), ("50%", 0.5), ("100%", 1.0), ("0%", 0.0)] {
        let (value, of) = seen(&outcome, stage, "share");
        assert!((value - share).abs() <= 0.04 && of > 500, "{stage}: {value} of {of}");
    }
    let started = outcome.started();
    let place = |end: &str| started.iter().rposition(|path| path.ends_with(end)).unwrap_or_else(|| panic!("{end}"));
    let order = [
        "[100%].alone",
        "main.main/start",
        "main.main/identity",
        "[0%].weights",
        "[0%].alone",
        "[0%].end-of-stage",
        "remove.stop",
    ];
    let places = order.map(place);
    assert!(places.is_sorted(), "{order:?} at {places:?}: {started:?}");
    assert_eq!(host.serving(), ("blue".into(), "v1.1.0".into()));
    assert_eq!(host.runs("green"), None, "the canary is gone");
    assert!(outcome.text.contains(" observations)"), "{}", outcome.text);
}

#[test]
#[ignore = "needs nginx and prometheus; tests/run runs it"]
fn errors_that_come_with_load_pass_two_stages_and_go_back_within_seconds() {
    let host = Host::fresh();
    let before = host.upstream();
    let (_prometheus, load) = (host.prometheus(), host.load(LOAD));
    let outcome = canary(&host, "v1.1.12-err-load").start();
    let report = load.testify();
    let outcome = outcome.must_end(11);
    dropped_nothing(&report);
    assert_eq!(stages(&outcome), ["1%", "5%", "25%"]);
    for stage in ["1%", "5%"] {
        let (errors, of) = seen(&outcome, stage, "stage_errors");
        assert!(errors == 0.0 && of >= 20, "{stage}: {errors} of {of}");
    }
    let errors = |look: &Value| {
        let value = look["samples"]["canary_errors"]["value"]["number"]["value"].as_str();
        value.and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0)
    };
    let looks = looks_of_guard(&outcome);
    let bad = looks.into_iter().find(|look| errors(look) > 0.0).expect("a bad sample");
    let is_back = |r: &&Value| r["type"] == "step.end" && r["path"] == "rollout.stage[1%].weights~undo";
    let back = outcome.records.iter().find(is_back).expect("the weights were taken back");
    let seconds = outcome.at(back) - outcome.at(bad);
    assert!((0.0..10.0).contains(&seconds), "{seconds} s from the first bad sample until nobody sees the canary");
    assert!(outcome.has_started("start/start~undo"), "{:?}", outcome.started());
    assert_eq!(host.upstream(), before);
    assert_eq!(host.serving(), ("blue".into(), "v1.0.0".into()));
    assert_eq!(host.runs("green").as_deref(), Some("v1.0.0"), "what was idle before is idle again");
    eprintln!("weights were back {seconds:.1} s after the first bad sample");
}

/// 1 % of the traffic is three requests a second: far fewer than a share takes to be measured, and enough to see this.
#[test]
#[ignore = "needs nginx and prometheus; tests/run runs it"]
fn every_second_request_failing_in_the_first_stage_is_a_breach_although_they_are_few() {
    let host = Host::fresh();
    let (before, version) = (host.upstream(), "v1.1.0");
    let (_prometheus, load) = (host.prometheus(), host.load(LOAD));
    host.set("    wait_1: 10s", "    wait_1: 40s");
    host.set("    min_samples: 20\n    errors: 2%", "    min_samples: 100\n    errors: 2%");
    host.set("    breach_samples: 20\n    errors_breach: 3%", "    breach_samples: 100\n    errors_breach: 3%");
    let (outcome, seconds) = thread::scope(|scope| {
        let took = scope.spawn(|| {
            host.home.wait_for_log(r#""path":"rollout.stage[1%].end-of-stage""#);
            host.suffers(version, &[Fault::Err50]);
            let broke = Instant::now();
            while host.upstream() != before && broke.elapsed() < Duration::from_secs(60) {
                thread::sleep(Duration::from_millis(50));
            }
            broke.elapsed().as_secs_f64()
        });
        (canary(&host, version).start(), took.join().expect("it broke"))
    });
    dropped_nothing(&load.testify());
    let outcome = outcome.must_end(11);
    let ruled = outcome.events("ruled")[0]["reason"].as_str().unwrap_or_default();
    assert!(ruled.starts_with("The canary fails by more than chance: canary_errors "), "{ruled}");
    assert_eq!(stages(&outcome), ["1%"]);
    assert!((0.0..10.0).contains(&seconds), "{seconds} s from the breach until nobody sees the canary");
    assert_eq!(host.upstream(), before);
    assert_eq!(host.serving(), ("blue".into(), "v1.0.0".into()));
    eprintln!("weights were back {seconds:.1} s after the breach began");
}

#[test]
#[ignore = "needs nginx and prometheus; tests/run runs it"]
fn when_prometheus_dies_in_the_second_stage_it_is_looked_at_longer_twice_and_then_a_person_is_asked() {
    let host = Host::fresh();
    let before = host.upstream();
    let (prometheus, load) = (host.prometheus(), host.load(LOAD));
    let pid = prometheus.pid();
    let outcome = thread::scope(|scope| {
        scope.spawn(|| kill_when_logged(&host, r#""path":"rollout.stage[5%].end-of-stage""#, pid));
        canary(&host, "v1.1.0").then_silent().start()
    });
    let report = load.testify();
    let outcome = outcome.must_end(11);
    saw_nothing(&report);
    let longer = outcome.events("extended");
    assert_eq!(longer.len(), 2, "{longer:?}");
    assert!(longer.iter().all(|e| e["path"] == "rollout.stage[5%].end-of-stage"), "{longer:?}");
    let asked = outcome.events("asked");
    assert!(asked.last().is_some_and(|e| e["path"] == "rollout.stage[5%].end-of-stage"), "{asked:?}");
    assert_eq!(stages(&outcome), ["1%", "5%"]);
    assert_eq!(host.upstream(), before);
}

#[test]
#[ignore = "needs nginx and prometheus; tests/run runs it"]
fn thirty_requests_are_not_enough_for_the_first_stage_however_long_it_is_looked_at() {
    let host = Host::fresh();
    host.set("    min_samples: 20\n    errors: 2%", "    min_samples: 59\n    errors: 5%");
    let before = host.upstream();
    let (_prometheus, load) = (host.prometheus(), host.load(100));
    host.set("    min_samples: 20\n    errors: 2%", "    min_samples: 59\n    errors: 5%");
    let outcome = canary(&host, "v1.1.0").then_silent().start();
    saw_nothing(&load.testify());
    let outcome = outcome.must_end(11);
    assert_eq!(stages(&outcome), ["1%"]);
    assert_eq!(outcome.events("extended").len(), 2);
    let asked = outcome.events("asked");
    let title = asked.last().and_then(|asked| asked["title"].as_str()).expect("a question");
    let before_it = title.split(" of 59 observations needed").next().unwrap_or_default();
    let seen: Option<u32> = before_it.rsplit(' ').next().and_then(|number| number.parse().ok());
    // A hundredth of 100 requests per second for 10 s, and twice as long again.
    assert!(seen.is_some_and(|seen| (20..=40).contains(&seen)), "{title}");
    assert_eq!(host.upstream(), before);
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn when_green_serves_on_nginx_blue_is_deployed_to_and_what_is_on_record_must_agree() {
    let host = Host::fresh();
    let load = host.load(100);
    host.run("deploy-bluegreen.yml").input("version", "v1.0.1").input("soak", "1s").answer("g").start().must_end(0);
    saw_nothing(&load.testify());
    assert_eq!(host.serving().0, "green");
    let record = host.dir.join("ACTIVE");
    host.also(&format!("state_file: {}", record.display()));
    let deploy = || host.run("deploy-bluegreen.yml").input("version", "v1.1.0").input("soak", "6s").answer("g");

    fs::write(&record, "blue\n").expect("written");
    let upstream = host.upstream();
    let outcome = deploy().start().must_end(1);
    assert!(outcome.has_started("colours/recorded") && !outcome.has_started("idle/stop"), "{:?}", outcome.started());
    assert_eq!(host.upstream(), upstream);

    fs::write(&record, "green\n").expect("written");
    let load = host.load(100);
    let outcome = deploy().start();
    let report = load.testify();
    let outcome = outcome.must_end(0);
    saw_nothing(&report);
    assert_eq!(host.serving(), ("blue".into(), "v1.1.0".into()));
    assert_eq!(host.runs("green").as_deref(), Some("v1.0.1"), "the standby was never stopped");
    let stops = outcome.records.iter().filter(|r| r["type"] == "step.start" && r["path"] == "prepare.idle/stop");
    let argv: Vec<String> = stops.map(|r| r["action"]["exec"]["argv"].to_string()).collect();
    assert!(argv.iter().all(|argv| argv.contains("blue") && !argv.contains("green")), "{argv:?}");
    let probes = outcome.started().iter().filter(|path| path.contains("traffic/proof[")).count();
    assert_eq!(probes, 5);
    assert_eq!(fs::read_to_string(&record).expect("the record").trim(), "blue");
    let looks = outcome.events("looked");
    let counted = looks.iter().filter(|look| look["samples"]["errors"]["value"]["number"]["value"] == "0").count();
    assert!(counted >= 1, "the soak was judged by requests: {looks:?}");
}
