//! A canary on a real Prometheus: every stage is proved by numbers before the next begins.

use std::fs;
use std::path::PathBuf;

use runbook::demo::Colour;

use crate::bed::Bed;
use crate::prometheus::Prometheus;
use crate::run::{Outcome, Run, shipped};
use crate::witness::{Witness, saw_nothing};

const LOAD: u32 = 200;

/// Stages of seconds where production would take minutes. Blue serves, green is the canary.
const CANARY: &str = r#"
runbook: v1
name: canary
target: required
inputs:
  version: { type: string }
  prometheus: { type: string }
metrics:
  errors:
    prometheus: |
      (sum(rate(http_requests_total{color="green",status=~"5.."}[3s])) or vector(0))
        / sum(rate(http_requests_total{color="green"}[3s]))
    url: "{{ inputs.prometheus }}"
    samples: sum(increase(http_requests_total{color="green"}[3s]))
    min_samples: MIN
  share:
    prometheus: |
      100 * sum(rate(http_requests_total{color="green"}[3s])) / sum(rate(http_requests_total[3s]))
    url: "{{ inputs.prometheus }}"
    unit: "%"
on_failure: rollback
steps:
  - id: start
    exec: "{{ target.commands.start + ['green', inputs.version] }}"
    timeout: 30s
    undo: { exec: "{{ target.commands.stop + ['green'] }}", timeout: 30s }
  - id: ready
    http: { get: "{{ target.colours.green.url }}/health/ready" }
    timeout: 5s
    poll: { every: 200ms, max: 10s }
    expect: json.status == "ok"
  - id: rollout
    stages:
      table:
        - { percent: 5, wait: 5s, criteria: { errors: "< 2%" } }
        - { percent: 10, wait: 5s, criteria: same as above }
        - { percent: 50, wait: 6s, criteria: same as above }
        - { percent: 100, wait: 4s, criteria: same as above }
      every: 1s
      share: { metric: share, tolerance: 8% }
      extend: { max: 2, then: rollback }
      steps:
        - id: weights
          title: "{{ stage.percent }} % to the canary"
          file:
            path: "{{ target.upstream_conf }}"
            template: |
              upstream app {
                  zone app 64k;
              {% if stage.percent < 100 %}
                  server {{ target.colours.blue.address }} weight={{ 100 - stage.percent }};
              {% endif %}
              {% if stage.percent > 0 %}
                  server {{ target.colours.green.address }} weight={{ stage.percent }};
              {% endif %}
              }
          activate: { exec: "{{ target.commands.reload }}", timeout: 30s }
          undo: previous
      promote:
        main:
          - id: before
            exec: "{{ target.commands.stop + ['blue'] }}"
            timeout: 30s
            undo: { none: the canary serves }
          - id: main
            exec: "{{ target.commands.start + ['blue', inputs.version] }}"
            timeout: 30s
            undo: { none: it runs the version that was proved }
          - id: main_ready
            http: { get: "{{ target.colours.blue.url }}/health/ready" }
            timeout: 5s
            poll: { every: 200ms, max: 10s }
            expect: json.status == "ok"
        remove:
          - id: away
            exec: "{{ target.commands.stop + ['green'] }}"
            timeout: 30s
            undo: { none: it has no traffic }
"#;

fn book(bed: &Bed, least: u32) -> PathBuf {
    let path = bed.home.path().join("canary.yml");
    fs::write(&path, CANARY.trim_start().replace("MIN", &least.to_string())).expect("a runbook");
    path
}

fn run(bed: &Bed, least: u32, version: &str, prometheus: &Prometheus) -> Outcome {
    let target = shipped().join("targets/demo.yml").display().to_string();
    let run = Run::of(&bed.home, book(bed, least)).target(target);
    run.input("version", version).input("prometheus", &prometheus.url()).start()
}

/// Stages whose weights were set, in order.
fn stages(outcome: &Outcome) -> Vec<&str> {
    outcome.started().into_iter().filter(|path| path.ends_with(".weights")).collect()
}

#[test]
#[ignore = "needs prometheus; tests/run runs it"]
fn a_good_version_goes_through_all_stages_and_main_serves_before_the_canary_goes() {
    let bed = Bed::fresh();
    bed.demo.stop(Colour::Green, None).expect("stops");
    let (prometheus, load) = (Prometheus::beside(&bed), Witness::of(&bed.ports.balancer_url(), LOAD));
    let outcome = run(&bed, 20, "v1.1.0", &prometheus).must_end(0);
    let seen = load.testify();
    saw_nothing(&seen);
    assert_eq!(bed.serving(), ("blue".into(), "v1.1.0".into()));
    assert_eq!(stages(&outcome).len(), 5, "{:?}", stages(&outcome));
    let started = outcome.started();
    let at =
        |end: &str| started.iter().position(|path| path.ends_with(end)).unwrap_or_else(|| panic!("{end}: {started:?}"));
    let back = started.iter().rposition(|path| path.ends_with(".weights")).expect("weights");
    assert!(at(".main") < back && back < at(".away"), "{started:?}");
    assert!(!bed.status().of(Colour::Green).running, "the canary is gone");
}

#[test]
#[ignore = "needs prometheus; tests/run runs it"]
fn errors_that_come_with_load_end_the_third_stage_and_everything_goes_back() {
    let bed = Bed::fresh();
    bed.demo.stop(Colour::Green, None).expect("stops");
    let (prometheus, load) = (Prometheus::beside(&bed), Witness::of(&bed.ports.balancer_url(), LOAD));
    let outcome = run(&bed, 20, "v1.1.12-err-load", &prometheus).must_end(11);
    let seen = load.testify();
    assert_eq!((&seen["dropped"], &seen["unsent"]), (&0.into(), &0.into()), "{seen:#}");
    assert_eq!(stages(&outcome).iter().filter(|path| !path.contains('~')).count(), 3, "{:?}", outcome.started());
    assert_eq!(bed.serving().0, "blue");
    assert!(!bed.status().of(Colour::Green).running, "the canary is stopped again");
    assert!(outcome.text.contains("errors "), "{}", outcome.text);
}

#[test]
#[ignore = "needs prometheus; tests/run runs it"]
fn too_few_requests_never_advance_a_stage() {
    let bed = Bed::fresh();
    bed.demo.stop(Colour::Green, None).expect("stops");
    let (prometheus, load) = (Prometheus::beside(&bed), Witness::of(&bed.ports.balancer_url(), LOAD));
    let outcome = run(&bed, 100_000, "v1.1.0", &prometheus).must_end(11);
    saw_nothing(&load.testify());
    assert_eq!(stages(&outcome).iter().filter(|path| !path.contains('~')).count(), 1, "{:?}", outcome.started());
    assert_eq!(outcome.text.matches("extension ").count(), 2, "{}", outcome.text);
    assert_eq!(bed.serving().0, "blue");
}
