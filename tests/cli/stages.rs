//! Traffic in stages with real commands: the weight is a file, and the share is what it says.

use crate::support::{Test, lines};

const BOOK: &str = "
on_failure: rollback
metrics:
  share: { shell: cat weight, effect: read, unit: '%' }
  errors: { shell: cat errors, effect: read, unit: '%' }
steps:
  - id: rollout
    guards:
      every: 100ms
      hit: worst
      rules:
        - { symptom: Errors over 5 %, if: { errors: '> 5%' }, action: rollback }
        - { symptom: Errors to 5 %, if: { errors: 0% .. 5% }, action: ok }
        - { otherwise: abort }
        - { no_data: inconclusive }
    stages:
      every: 100ms
      share: { metric: share, tolerance: 1% }
      extend: { max: 1, then: rollback }
      table:
        - { percent: 10, wait: 400ms, criteria: { errors: '< 1%' } }
        - { percent: 50, wait: WAIT, criteria: same as above }
        - { percent: 100 }
      steps:
        - id: weights
          shell: |
            echo {{ stage.percent }} > weight
            echo {{ stage.percent }} >> set
          timeout: 5s
          repeat: safe
          undo: { shell: 'echo 0 > weight; echo back from {{ stage.percent }} >> set', timeout: 5s }
      promote:
        main: [{ id: update, shell: echo main >> set, timeout: 5s, undo: { none: a note } }]
        remove: [{ id: stop, shell: echo stopped >> set, timeout: 5s, undo: { none: a note } }]
";

fn rollout(wait: &str) -> Test {
    Test::book(&BOOK.replace("WAIT", wait)).file("errors", "0.1").file("weight", "0")
}

#[test]
fn stages_move_the_weight_and_main_takes_over() {
    let ran = rollout("400ms").run();
    assert_eq!(lines(&ran, "set"), ["10", "50", "100", "main", "0", "stopped"]);
    let steps = ran.steps();
    for stage in ["10%", "50%", "0%"] {
        let look = format!("main.rollout[{stage}].end-of-stage");
        assert!(steps.iter().any(|step| step.contains(&look)), "{steps:?}");
    }
    ran.verified();
}

#[test]
fn a_breach_takes_the_weights_back() {
    let mut run = rollout("20s").code(1).start();
    run.until_logged("main.rollout[50%].end-of-stage");
    run.sandbox().write("errors", "9");
    let ran = run.end_any();
    assert_eq!(lines(&ran, "set"), ["10", "50", "back from 50", "back from 10"]);
}

#[test]
fn a_kill_in_the_second_stage_goes_on_there() {
    let mut run = rollout("1s").start();
    run.until_logged("main.rollout[50%].end-of-stage");
    let killed = run.kill();
    let ran = killed.resume().run();
    assert_eq!(lines(&ran, "set"), ["10", "50", "100", "main", "0", "stopped"]);
    ran.verified();
}
