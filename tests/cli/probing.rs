//! What metrics say now, and tables with the limits of their target.

use crate::support::{Ran, Test};

const METRICS: &str = "
metrics:
  share: { shell: 'echo 5%', effect: read, unit: '%' }
  colour: { shell: 'echo {{ steps.colours.live }}', effect: read }
steps:
  - id: colours
    exec: [echo, blue]
    effect: read
    save: { live: stdout }
  - id: judge
    decide:
      hit: worst
      rules:
        - { symptom: Blue, if: { colour: blue, share: '<= 50%' }, action: ok }
        - { otherwise: abort }
        - { no_data: abort }
";

fn probed(args: &str) -> Test {
    Test::book(METRICS).new_args("probe a.yml").args(args)
}

#[test]
fn what_only_a_run_knows_is_unknown_with_its_reason_and_the_rest_is_shown() {
    let ran = probed("").code(1).run();
    assert!(ran.stdout.contains("colour  unknown now: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("--set steps.STEP.NAME=VALUE"), "{}", ran.stdout);
    assert!(ran.stdout.contains("share   5%"), "{}", ran.stdout);
}

#[test]
fn a_value_of_a_step_can_be_given_and_then_everything_is_known() {
    let ran = probed("--set steps.colours.live=blue").run();
    assert!(ran.stdout.contains("colour  blue"), "{}", ran.stdout);
    assert!(ran.stdout.contains("! holds     ok"), "{}", ran.stdout);
    assert!(ran.stdout.contains("share <= 50% takes 5 observations to tell"), "{}", ran.stdout);
}

#[test]
fn only_values_of_steps_can_be_given() {
    for wrong in ["colours.live=blue", "steps.colours=blue", "inputs.a.b=c", "steps.colours.live", "steps..a=b"] {
        let ran = probed("").arg("--set").arg(wrong).code(2).run();
        assert!(ran.stderr.contains("is not like `--set steps.colours.live=blue`"), "{wrong}: {}", ran.stderr);
    }
}

#[test]
fn metrics_of_runbooks_that_are_run_are_probed_too() {
    let inner = format!("runbook: v1\nname: inner\n{METRICS}");
    let test = Test::book("steps: [{ id: inner, run: { runbook: inner.yml } }]\n").file("inner.yml", inner);
    let ran = test.new_args("probe a.yml --set steps.colours.live=blue").run();
    assert!(ran.stdout.starts_with("metrics of inner, read at "), "{}", ran.stdout);
    assert!(ran.stdout.contains("share   5%"), "{}", ran.stdout);
}

#[test]
fn a_long_change_is_not_waited_for() {
    let book = "
metrics:
  rise: { scrape: { url: 'http://127.0.0.1:9/metrics', series: x, delta: 20m }, unit: count }
  last: { scrape: { url: 'http://127.0.0.1:9/metrics', series: x, delta: 250ms }, unit: count }
steps:
  - id: judge
    decide:
      over: 1h
      every: 1m
      hit: worst
      rules:
        - { symptom: Little, if: { rise: '< 5', last: '< 5' }, action: ok }
        - { otherwise: abort }
        - { no_data: inconclusive }
";
    // Nothing answers there, so nothing is known.
    let ran = Test::book(book).new_args("probe a.yml --wait 1s").code(1).run();
    let said = "rise is a change over 20m: taken over 1s here (--wait 20m for all of it)";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let said = "last is a change over 250ms: taken over 1s here, as others need that long";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_probe_fails_as_long_as_a_metric_has_no_value() {
    let book = |script: &str| {
        Test::book(&format!(
            "
metrics: {{ load: {{ shell: '{script}', effect: read, unit: s }} }}
steps:
  - id: judge
    decide:
      hit: worst
      rules:
        - {{ symptom: Fast, if: {{ load: '< 5s' }}, action: ok }}
        - {{ otherwise: abort }}
        - {{ no_data: abort }}
"
        ))
        .new_args("probe a.yml")
    };
    assert!(book("echo -0").run().stdout.contains("load  0 s\n"));
    // What a table says of a value is no failure of the probe.
    assert!(book("echo 7").run().stdout.contains("says abort"));
    let ran = book("echo 5ms").code(1).run();
    assert!(ran.stdout.contains("load  no data: \"5ms\" is not a number"), "{}", ran.stdout);
    assert!(book("exit 3").code(1).run().stdout.contains("load  no data: "));
}

const LIMITS: &str = "
target: required
metrics:
  a: { prometheus: a, url: 'http://127.0.0.1:1', unit: count }
  b: { prometheus: b, url: 'http://127.0.0.1:1', unit: count }
  err: { ratio: { of: a, to: b }, min_samples: '{{ target.n }}' }
steps:
  - id: judge
    decide:
      hit: worst
      rules:
        - { symptom: good, if: { err: '< {{ target.limit }}' }, action: ok }
        - { symptom: bad, if: { err: '>= {{ target.limit }}' }, action: abort }
        - { otherwise: abort }
        - { no_data: abort }
";

fn at_target(command: &str, limit: &str, code: i32) -> Ran {
    let target = format!("target: v1\nname: t\nn: 10\nlimit: {limit}\n");
    Test::book(LIMITS).file("targets/t.yml", target).new_args(command).code(code).run()
}

#[test]
fn limits_of_a_target_are_looked_at_where_they_are_known() {
    at_target("check --strict a.yml", "5%", 0);
    let few = "10 observations cannot tell 5% from noise";
    for command in ["check --strict --short -t t a.yml", "check --short -t t a.yml", "plan --full -t t a.yml"] {
        let code = if command.contains("strict") { 3 } else { 0 };
        let ran = at_target(command, "5%", code);
        assert!(ran.stdout.contains("RB0819") && ran.stdout.contains(few), "{command}: {}", ran.stdout);
    }
    let full = at_target("plan --full -t t a.yml", "5%", 0);
    assert!(full.stdout.contains("err < 5% takes 59 observations to tell"), "{}", full.stdout);
}

#[test]
fn a_row_that_cannot_fire_at_this_target_refuses_the_run() {
    for command in ["run -t t a.yml", "plan -t t a.yml"] {
        let ran = at_target(command, "0%", 3);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("RB0812") && said.contains("a.yml:"), "{command}: {said}");
        assert!(ran.sandbox.runs().is_empty());
    }
}
