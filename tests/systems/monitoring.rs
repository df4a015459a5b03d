//! Decisions on what a real Prometheus says of a system under load.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use runbook::demo::Colour;

use crate::bed::Bed;
use crate::prometheus::Prometheus;
use crate::run::{Outcome, Run, shipped};
use crate::witness::{Witness, saw_nothing};

/// Puts a version live and watches it, in seconds where production would take minutes.
const SWITCH: &str = r#"
runbook: v1
name: watched-switch
target: required
inputs:
  version: { type: string }
  prometheus: { type: string }
metrics:
  error_ratio:
    prometheus: |
      (sum(rate(http_requests_total{color="green",status=~"5.."}[5s])) or vector(0))
        / sum(rate(http_requests_total{color="green"}[5s]))
    url: "{{ inputs.prometheus }}"
    samples: sum(increase(http_requests_total{color="green"}[5s]))
    min_samples: 100
on_failure: rollback
steps:
  - id: start
    exec: "{{ target.commands.start + ['green', inputs.version] }}"
    timeout: 30s
    undo: { none: it gets no traffic any more }
  - id: ready
    http: { get: "{{ target.colours.green.url }}/health/ready" }
    timeout: 5s
    poll: { every: 200ms, max: 10s }
    expect: json.status == "ok"
  - id: switch
    file:
      path: "{{ target.upstream_conf }}"
      template: |
        upstream app { zone app 64k; server {{ target.colours.green.address }}; }
    activate: { exec: "{{ target.commands.reload }}", timeout: 30s }
    undo: previous
"#;

const GUARDED: &str = r#"
  - id: soak
    guards:
      every: 1s
      hit: worst
      rules:
        - { symptom: Errors over 2 % for 3 s, if: { error_ratio: "> 2%" }, for: 3s, action: rollback }
        - { symptom: Errors to 2 %, if: { error_ratio: "0% .. 2%" }, action: ok }
        - { otherwise: abort }
        - { no_data: inconclusive }
    wait: 15s
"#;

const DECIDED: &str = r#"
  - id: soak
    decide:
      every: 1s
      over: 4s
      hit: first
      rules:
        - { symptom: Errors over 2 %, if: { error_ratio: "> 2%" }, action: rollback }
        - { symptom: Errors to 2 %, if: { error_ratio: "0% .. 2%" }, action: continue }
        - { otherwise: abort }
        - { no_data: extend }
      extend: { max: 2, then: rollback }
"#;

fn book(bed: &Bed, soak: &str) -> PathBuf {
    let path = bed.home.path().join("watched.yml");
    fs::write(&path, format!("{}{}", SWITCH.trim_start(), soak.trim_start_matches('\n'))).expect("a runbook");
    path
}

fn target() -> String {
    shipped().join("targets/demo.yml").display().to_string()
}

fn run(bed: &Bed, soak: &str, version: &str, prometheus: &str) -> Outcome {
    Run::of(&bed.home, book(bed, soak))
        .target(target())
        .input("version", version)
        .input("prometheus", prometheus)
        .start()
}

#[test]
#[ignore = "needs prometheus; tests/run runs it"]
fn errors_that_last_are_rolled_back_and_a_good_version_stays() {
    for (version, code, serves) in [("v1.1.1-err5", 11, "blue"), ("v1.1.0", 0, "green")] {
        let bed = Bed::fresh();
        bed.demo.stop(Colour::Green, None).expect("stops");
        let (prometheus, load) = (Prometheus::beside(&bed), Witness::of(&bed.ports.balancer_url(), 120));
        let outcome = run(&bed, GUARDED, version, &prometheus.url()).must_end(code);
        let seen = load.testify();
        assert_eq!(bed.serving().0, serves, "{version}");
        assert_eq!((&seen["dropped"], &seen["unsent"]), (&0.into(), &0.into()), "{seen:#}");
        if code == 11 {
            assert!(outcome.text.contains("roll back: Errors over 2 % for 3 s: error_ratio"), "{}", outcome.text);
            assert!(
                outcome.text.contains("held 3s of 3s") || outcome.text.contains("held 4s of 3s"),
                "{}",
                outcome.text
            );
        } else {
            saw_nothing(&seen);
        }
    }
}

#[test]
#[ignore = "needs prometheus; tests/run runs it"]
fn when_prometheus_dies_nothing_is_called_good() {
    let bed = Bed::fresh();
    bed.demo.stop(Colour::Green, None).expect("stops");
    let mut prometheus = Prometheus::beside(&bed);
    let (url, load) = (prometheus.url(), Witness::of(&bed.ports.balancer_url(), 120));
    prometheus.dies();
    let outcome = run(&bed, DECIDED, "v1.1.0", &url).must_end(11);
    saw_nothing(&load.testify());
    assert_eq!(outcome.text.matches("extension ").count(), 2, "{}", outcome.text);
    assert!(outcome.text.contains("connection refused, after 2 extensions"), "{}", outcome.text);
    assert_eq!(bed.serving().0, "blue");
}

#[test]
#[ignore = "needs prometheus; tests/run runs it"]
fn probe_tells_what_the_tables_would_say_and_starts_no_run() {
    let bed = Bed::fresh();
    let (prometheus, load) = (Prometheus::beside(&bed), Witness::of(&bed.ports.balancer_url(), 120));
    let path = book(&bed, &GUARDED.replace("color=\"green\"", "color=\"blue\"")).display().to_string();
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("color=\"green\"", "color=\"blue\"")).unwrap();
    thread::sleep(Duration::from_secs(6));
    let given = format!("prometheus={}", prometheus.url());
    let said = bed.home.must(&["probe", &path, "--target", &target(), "-i", "version=v1.1.0", "-i", &given]);
    load.testify();
    assert!(said.contains("error_ratio  0  ("), "{said}");
    assert!(said.contains("says ok\n") && said.contains("! holds     ok           Errors to 2 %"), "{said}");
    assert_eq!(bed.home.must(&["runs", "--output", "json"]).trim(), "[]", "a probe is not a run");
}
