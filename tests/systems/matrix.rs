//! The decision matrix of an in-place deployment, and the marks after it, on processes that really fail and leak.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use runbook::demo::{Fault, FaultTarget, Switch};
use serde_json::Value;

use crate::bed::Bed;
use crate::host::Host;
use crate::http::get;
use crate::run::{Outcome, Run, shipped};
use crate::tree::script;
use crate::witness::{Witness, saw_nothing};

fn graceful<'a>(host: &'a Host, version: &str) -> Run<'a> {
    host.run("deploy-graceful.yml").input("version", version)
}

/// Everything that the checklist asks of a host, as files.
fn furnish(host: &Host) {
    let dir = host.dir.display();
    fs::create_dir(host.dir.join("backup")).expect("a directory");
    fs::write(host.dir.join("backup/dump.sql"), "x".repeat(4096)).expect("a backup");
    fs::write(host.dir.join("database_url"), "postgres://app@localhost/app").expect("a secret");
    script(&host.dir.join("chmod"), &format!("chmod 600 {dir}/database_url\n"));
    std::process::Command::new(host.dir.join("chmod")).status().expect("runs");
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "90", "-subj", "/CN=app"])
        .arg("-keyout")
        .arg(host.dir.join("app.key"))
        .arg("-out")
        .arg(host.dir.join("app.crt"))
        .stderr(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "openssl is installed");
    script(&host.dir.join("tell"), &format!("printf '%s\\n' \"$1\" >> {dir}/chat\n"));
    host.set("  stop: [", &format!("  tell: [{dir}/tell]\n  stop: ["));
    host.also(&format!("certificate: {dir}/app.crt\nbackup_dir: {dir}/backup\nsecret_files: [{dir}/database_url]"));
}

/// A dozen clients with long requests, whose answers come one after another.
fn leave_one_after_another(port: u16) {
    for client in 0..12 {
        thread::spawn(move || get(port, &format!("/api/work?ms={}", 2500 + 500 * client)));
    }
    // They are in flight before the maintenance begins.
    thread::sleep(Duration::from_millis(300));
}

/// What was drained, as the look that ended draining saw it.
fn saved<'a>(outcome: &'a Outcome, step: &str, name: &str) -> &'a Value {
    let finished = outcome.events("step_finished").into_iter().find(|e| e["path"] == step);
    &finished.unwrap_or_else(|| panic!("{step} is over"))["saved"][name]
}

#[test]
#[ignore = "needs nginx, prometheus and openssl; tests/run runs it"]
fn everything_healthy_is_deployed_in_place_and_looked_at_again_at_its_marks() {
    let host = Host::fresh();
    let (_prometheus, load) = (host.prometheus(), host.load(20));
    furnish(&host);
    let people = ["https://ci/42", "d", "d", "https://chat/7", "d", "CHG-1", "d", "g"];
    let run = people.iter().fold(graceful(&host, "v1.1.0"), |run, answer| run.answer(answer));
    let mut questions = 0;
    let run = run.meanwhile(|| {
        questions += 1;
        if questions == people.len() {
            leave_one_after_another(host.port + 1);
        }
    });
    let outcome = run.input("attest", "true").start();
    let report = load.testify();
    let outcome = outcome.must_end(0);

    let asked_or_started: Vec<&Value> =
        outcome.records.iter().filter(|r| r["type"] == "step.start" || r["event"] == "asked").collect();
    let items: std::collections::BTreeSet<&str> = asked_or_started
        .iter()
        .filter_map(|r| r["path"].as_str())
        .filter(|path| path.starts_with("preflight.checklist/"))
        .collect();
    assert_eq!(items.len(), 15, "{items:?}");

    let closed = outcome.records.iter().find(|r| r["type"] == "step.end" && r["path"] == "shutdown.closed");
    assert_eq!(closed.expect("maintenance was looked for")["http"]["status"], 503);
    assert!(saved(&outcome, "shutdown.drained", "left").as_i64().is_some_and(|left| left < 5));
    let of_drain = |kind| outcome.events(kind).into_iter().filter(|e| e["path"] == "shutdown.drained");
    let seen: Vec<f64> = of_drain("attempt_scheduled")
        .map(|e| e["sample"].as_str().and_then(|text| text.parse().ok()).expect("every look has its number"))
        .collect();
    assert!(seen.len() >= 3 && seen.first() > seen.last(), "{seen:?}");
    let trend = of_drain("step_finished").next().and_then(|e| e["reason"].as_str()).unwrap_or_default();
    assert!(trend.starts_with(&format!("{} → ", seen[0])) && trend.ends_with(", decreasing"), "{trend}");
    // The harness reads a terminal byte by byte: arrows are not what they were.
    assert!(outcome.text.contains("Connections drain below 5: 12 ") && outcome.text.contains(", decreasing"));
    let phases = ["preflight", "shutdown", "deploy", "verify", "reopen", "after"];
    let begun: Vec<&str> = outcome.events("block_started").into_iter().filter_map(|e| e["path"].as_str()).collect();
    assert!(phases.iter().all(|phase| begun.contains(phase)), "{begun:?}");
    let at = |kind: &str, phase: &str| {
        outcome.at(outcome.events(kind).into_iter().find(|e| e["path"] == phase).expect("it began and ended"))
    };
    for (phase, estimate) in
        [("preflight", 30.0), ("shutdown", 120.0), ("deploy", 120.0), ("verify", 60.0), ("reopen", 10.0)]
    {
        let took = at("block_finished", phase) - at("block_started", phase);
        assert!(took <= estimate, "{phase} took {took:.1} s of {estimate} s");
    }
    for mark in ["first", "second", "third"] {
        let because = saved(&outcome, &format!("after.{mark}"), "because").as_str().unwrap_or_default();
        assert!(because.contains("errors 0% in") && because.contains(" observations)"), "{mark}: {because}");
    }
    let anchored = outcome.events("anchored");
    let third = outcome.events("step_finished").into_iter().find(|e| e["path"] == "after.third").expect("it is over");
    assert!(outcome.at(third) - outcome.at(anchored[0]) >= 10.0, "the third mark is 10 s after the reopening");
    let chat = fs::read_to_string(host.dir.join("chat")).expect("messages");
    let [started, open, complete] = chat.lines().collect::<Vec<_>>()[..] else { panic!("three messages: {chat}") };
    assert!(started.starts_with("DEPLOYMENT STARTED: v1.1.0 instead of v1.0.0 by "), "{chat}");
    let waited = saved(&outcome, "reopen.opened", "after").as_i64().expect("a number of seconds");
    let closed_for = at("block_finished", "reopen") - at("block_started", "shutdown");
    assert!(waited >= 1 && waited as f64 <= closed_for + 1.0, "{waited} s of {closed_for:.1} s");
    let left = saved(&outcome, "shutdown.drained", "left");
    let wanted = format!("{waited} s after the maintenance began; {left} connections were left at the stop");
    assert!(open.starts_with("DEPLOYMENT OPEN AGAIN: v1.1.0 serves, ") && open.ends_with(&wanted), "{open} / {wanted}");
    assert!(complete.starts_with("DEPLOYMENT COMPLETE: v1.1.0; errors 0% in"), "{complete}");
    assert!(complete.contains("p95 ") && complete.contains(" observations)"), "{complete}");
    reports(&host.home.must(&["report"]), &phases);
    assert_eq!(host.serving(), ("blue".into(), "v1.1.0".into()));
    assert_eq!(get(host.port, "/api/work").expect("answers").status, 200);
    // Down on purpose between stop and start: what was sent then has an answer of the balancer, or a reason.
    assert!(report["ok"].as_u64().is_some_and(|ok| ok > 100), "{report:#}");
    assert!(looks(&outcome, "memory").len() > 5, "memory was measured and judged all the time");
    let rulings = outcome.events("asked").iter().filter(|e| e["question"] == "ruling").count();
    assert_eq!(rulings, 0, "nobody is asked about what is normal");
}

/// The report says how it ended, with which version, every phase with what was found in it, and what people said.
fn reports(report: &str, phases: &[&str]) {
    let says = |what: &str| assert!(report.contains(what), "no {what} in\n{report}");
    assert!(
        report.starts_with("# ") && report.lines().next().is_some_and(|title| title.ends_with(": DONE")),
        "{report}"
    );
    ["| result | **DONE** (exit code 0) |", "| target | `nginx` |", "`v1.1.0`", "`blue v1.0.0`"]
        .into_iter()
        .for_each(says);
    for phase in phases {
        says(&format!("## Phase `{phase}`: "));
    }
    ["errors 0% in", "observations)", "decreasing", "https://ci/42", "CHG-1", "## Decisions"]
        .into_iter()
        .for_each(says);
    assert!(!report.contains("## Failures"), "{report}");
}

/// The values of a metric in the looks of guards.
fn looks(outcome: &Outcome, metric: &str) -> Vec<f64> {
    let of_guards =
        outcome.events("looked").into_iter().filter(|e| e["path"].as_str().is_some_and(|p| p.ends_with("~guard")));
    let value = |look: &Value| look["samples"][metric]["value"]["number"]["value"].as_str()?.parse().ok();
    of_guards.filter_map(value).collect()
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn a_leak_is_found_by_its_slope_and_taken_back() {
    let host = Host::fresh();
    furnish(&host);
    // As in production, a person has longer to answer that memory is raised than a leak takes to be told.
    host.set("answer_within: 4s", "answer_within: 60s");
    let load = host.load(20);
    let outcome = graceful(&host, "v1.1.5-leak").answer("g").then_silent().start();
    load.testify();
    let outcome = outcome.must_end(11);
    let ruled = outcome.events("ruled");
    let reason = ruled.last().and_then(|e| e["reason"].as_str()).expect("a ruling");
    assert!(reason.starts_with("Memory leak: memory ") && reason.contains("> 100MB/min"), "{reason}");
    assert_eq!(host.serving(), ("blue".into(), "v1.0.0".into()));
    assert_eq!(get(host.port, "/api/work").expect("answers").status, 200, "maintenance is over");
    let chat = fs::read_to_string(host.dir.join("chat")).expect("messages");
    assert!(chat.contains("DEPLOYMENT ROLLED BACK: v1.1.5-leak"), "{chat}");
}

/// The demo's own target with limits that its 5 % of errors exceed.
fn strict_demo(bed: &Bed) -> String {
    let shipped = fs::read_to_string(shipped().join("targets/demo.yml")).expect("the demo's target");
    let text = shipped
        .replace("errors_rollback: 5%", "errors_rollback: 3%")
        .replace("errors_for: 10s", "errors_for: 8s")
        .replace("window: 4s", "window: 3s")
        .replace("answer_within: 5m", "answer_within: 60s")
        .replace("min_samples: 598", "min_samples: 20")
        .replace("look_1: 5s", "look_1: 16s")
        .replace("look_2: 10s", "look_2: 17s")
        .replace("look_3: 15s", "look_3: 18s")
        + &format!(
            "commands:\n  visit: [{}, demo, --dir, {}, visit, --rps, \"60\", --seconds, \"90\"]\n",
            crate::run::program().display(),
            bed.demo.paths().root().display()
        );
    let path = bed.home.path().join("strict.yml");
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

/// Errors from the reopening on, for so long.
fn errors_for(bed: &Bed, seconds: Option<u64>) -> Outcome {
    let fault = |to| bed.demo.fault(Fault::Err5, FaultTarget::Blue, to, None).expect("switches");
    thread::scope(|scope| {
        scope.spawn(|| {
            bed.home.wait_for_log(r#""path":"after""#);
            fault(Switch::On);
            if let Some(seconds) = seconds {
                thread::sleep(Duration::from_secs(seconds));
                fault(Switch::Off);
            }
        });
        let run = Run::of(&bed.home, "deploy-graceful.yml").target(strict_demo(bed)).input("version", "v1.1.0");
        run.answer("g").then_silent().start()
    })
}

#[test]
#[ignore = "takes half a minute; tests/run runs it"]
fn errors_that_go_away_are_asked_about_and_not_taken_back() {
    let bed = Bed::fresh();
    let outcome = errors_for(&bed, Some(3)).must_end(0);
    let asked = outcome.events("asked");
    assert!(asked.iter().any(|e| e["question"] == "ruling"), "{asked:?}");
    let settled = outcome.events("withdrawn");
    assert!(!settled.is_empty(), "the question was taken back: {}", outcome.text);
    assert!(outcome.events("ruled").is_empty());
    assert_eq!(bed.serving(), ("blue".into(), "v1.1.0".into()));
}

#[test]
#[ignore = "takes half a minute; tests/run runs it"]
fn errors_that_last_are_taken_back_when_they_have_lasted() {
    let bed = Bed::fresh();
    let outcome = errors_for(&bed, None).must_end(11);
    let ruled = outcome.events("ruled");
    let reason = ruled.last().and_then(|e| e["reason"].as_str()).expect("a ruling");
    assert!(
        reason.contains("> 3%") && reason.contains("held 8s of 8s") || reason.contains("held 9s of 8s"),
        "{reason}"
    );
    assert!(!outcome.events("asked").is_empty(), "it was asked about before");
    assert_eq!(bed.serving(), ("blue".into(), "v1.0.0".into()));
}

/// A run without a terminal that somebody ends.
fn start_alone(bed: &Bed, arguments: &[&str]) -> Child {
    let mut command = bed.home.command();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

#[test]
#[ignore = "takes over a minute; tests/run runs it"]
fn a_mark_that_passed_while_the_machine_was_off_is_missed_and_looked_at_late() {
    let bed = Bed::fresh();
    let load = Witness::of(&bed.ports.balancer_url(), 60);
    let target = strict_demo(&bed);
    let book = shipped().join("post-deploy-monitor.yml").display().to_string();
    let mut arguments = vec!["run", &book, "--target", &target, "--no-input"];
    let inputs = [
        "often=5s",
        "often_until=5s",
        "seldom=31s",
        "seldom_until=36s",
        "rarely=70s",
        "rarely_until=106s",
        "hour=30s",
        "day=103s",
        "week=104s",
    ];
    arguments.extend(inputs.iter().flat_map(|input| ["-i", input]));
    let started = Instant::now();
    let mut run = start_alone(&bed, &arguments);
    bed.home.wait_for_log(r#""path":"watch.all.looks[1].look","verdict":"pass""#);
    let _ = run.kill();
    let _ = run.wait();
    // The marks at 30 s and 36 s pass while nobody drives, by more than the minute that still counts as in time.
    while started.elapsed() < Duration::from_secs(101) {
        thread::sleep(Duration::from_millis(250));
    }
    let runs: Value = serde_json::from_str(&bed.home.must(&["runs", "--output", "json"])).expect("JSON");
    let id = runs[0]["run"].as_str().expect("the run");
    let resumed = bed.home.ask(&["resume", id, "--no-input"]);
    saw_nothing(&load.testify());
    let text = String::from_utf8_lossy(&resumed.stdout) + String::from_utf8_lossy(&resumed.stderr);
    assert_eq!(resumed.status.code(), Some(0), "{text}");
    let outcome = Outcome::of_last(&bed.home, 0, text.into_owned()).must_end(0);
    let mut missed: Vec<&str> = outcome.events("missed").into_iter().filter_map(|e| e["path"].as_str()).collect();
    missed.sort_unstable();
    assert_eq!(missed, ["watch.all.first_judgement", "watch.all.looks[2]"], "{}", outcome.text);
    assert!(outcome.text.contains("MISSED"), "{}", outcome.text);
    for late in ["watch.all.first_judgement", "watch.all.looks[2].look", "watch.all.last_judgement"] {
        assert_eq!(saved(&outcome, late, "ruling"), "ok", "{late}");
    }
}
