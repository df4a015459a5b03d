//! The order of things: conditions, lists, groups, attempts, included runbooks, failures and what is taken back.

use crate::support::{Test, lines};
use std::time::{Duration, Instant};

#[test]
fn a_step_whose_condition_is_false_is_skipped() {
    let body = "
inputs: { deploy: { type: bool, default: false } }
steps:
  - id: never
    when: inputs.deploy
    shell: echo never >> trace
  - id: after
    shell: echo after >> trace
";
    let ran = Test::book(body).run();
    assert_eq!(ran.steps(), ["main.never skipped", "main.after pass"]);
    assert_eq!(lines(&ran, "trace"), ["after"]);
    assert_eq!(ran.reason("main.never"), "not inputs.deploy");
    assert_eq!(lines(&ran.then("run a.yml -i deploy=true").run(), "trace"), ["after", "never", "after"]);
}

#[test]
fn a_condition_may_look_at_earlier_results() {
    let body = "
steps:
  - id: look
    shell: echo blue
    effect: read
    save: { colour: stdout }
  - id: blue
    when: steps.look.colour == 'blue'
    shell: echo blue >> trace
  - id: green
    when: steps.look.colour == 'green'
    shell: echo green >> trace
";
    assert_eq!(lines(&Test::book(body).run(), "trace"), ["blue"]);
}

#[test]
fn a_list_written_in_the_file_and_one_known_only_later() {
    let body = "
steps:
  - id: fixed
    for_each:
      in: [a, b]
      steps:
        - id: one
          shell: echo fixed {{ item }} >> trace
  - id: look
    shell: printf 'x\\ny\\nz\\n'
    effect: read
    save: { names: stdout | lines }
  - id: found
    for_each:
      in: '{{ steps.look.names }}'
      max: 3
      as: name
      steps:
        - id: each
          shell: echo found {{ name }} >> trace
";
    let ran = Test::book(body).run();
    assert_eq!(lines(&ran, "trace"), ["fixed a", "fixed b", "found x", "found y", "found z"]);
    assert_eq!(ran.steps()[..2], ["main.fixed[a].one pass", "main.fixed[b].one pass"]);
    assert_eq!(ran.logs("main.found[y].each"), "");
    Test::book(&body.replace("max: 3", "max: 2")).code(1).run();
}

#[test]
fn an_empty_list_passes_nothing() {
    let body = "
steps:
  - id: look
    shell: 'true'
    effect: read
    save: { names: stdout | lines }
  - id: none
    for_each: { in: '{{ steps.look.names }}', max: 3, steps: [{ id: one, shell: 'true' }] }
";
    let ran = Test::book(body).code(1).run();
    assert_eq!(ran.reason("main.none"), "the list is empty, so nothing was done");
}

#[test]
fn members_of_a_group_run_at_the_same_time_up_to_the_cap() {
    let member = |n: u32| {
        format!(
            "        - id: m{n}
          shell: |
            touch running-{n}; set -- running-*; echo $# >> seen; sleep 0.15; rm running-{n}
"
        )
    };
    let members: String = (0..4).map(member).collect();
    let body = format!("steps:\n  - id: group\n    parallel:\n      max: 2\n      steps:\n{members}");
    let since = Instant::now();
    let ran = Test::book(&body).run();
    assert!(since.elapsed() >= Duration::from_millis(300));
    let most = lines(&ran, "seen").iter().map(|n| n.parse::<u32>().unwrap()).max();
    assert_eq!(most, Some(2));
}

#[test]
fn after_a_failure_a_group_starts_nothing_new_unless_it_collects() {
    let body = |collect| {
        format!(
            "steps:\n  - id: all\n    for_each:\n      in: [1, 2, 3]\n      collect: {collect}\n      steps:\n        - id: one\n          \
             shell: echo {{{{ item }}}} >> trace; test {{{{ item }}}} != 2\n"
        )
    };
    assert_eq!(lines(&Test::book(&body(false)).code(1).run(), "trace"), ["1", "2"]);
    assert_eq!(lines(&Test::book(&body(true)).code(1).run(), "trace"), ["1", "2", "3"]);
}

#[test]
fn attempts_come_again_with_growing_pauses() {
    let body = "
steps:
  - id: flaky
    shell: echo $RUNBOOK_ATTEMPT >> trace; test $(wc -l < trace) -ge 3
    retry: { attempts: 4, wait: 60ms, factor: 2 }
";
    let since = Instant::now();
    let ran = Test::book(body).run();
    assert!(since.elapsed() >= Duration::from_millis(180), "60 ms and then 120 ms");
    assert_eq!(lines(&ran, "trace"), ["1", "2", "3"]);
    assert_eq!(ran.show()["rows"][1]["attempts"], 3);
    let never = Test::book(&body.replace("attempts: 4", "attempts: 2")).code(1).run();
    assert_eq!(lines(&never, "trace"), ["1", "2"]);
}

#[test]
fn a_poll_waits_until_it_holds_often_enough() {
    let body = "
steps:
  - id: ready
    shell: echo x >> trace; wc -l < trace
    effect: read
    poll: { every: 10ms, max: 5s, successes: 2 }
    expect: stdout | int >= 3
";
    assert_eq!(lines(&Test::book(body).run(), "trace").len(), 4);
    let never = Test::book(&body.replace("max: 5s", "max: 80ms").replace(">= 3", "> 100000")).code(1).run();
    let reason = never.reason("main.ready");
    assert!(reason.starts_with("did not hold within 80ms; last: expected stdout | int > 100000, found"), "{reason}");
}

#[test]
fn a_number_that_is_expected_to_go_one_way_is_told_with_its_values() {
    let body = "
steps:
  - id: drained
    shell: echo x >> trace; echo $((12 - 3 * $(wc -l < trace)))
    effect: read
    poll: { every: 10ms, max: 5s, trend: { of: stdout | int, is: decreasing } }
    expect: stdout | int < 2
";
    let ran = Test::book(body).run();
    assert_eq!(ran.reason("main.drained"), "9 → 6 → 3 → 0, decreasing");
    let stuck = body.replace("echo $((12 - 3 * $(wc -l < trace)))", "echo 7").replace("max: 5s", "max: 1s");
    let stuck = Test::book(&stuck).code(1).run();
    let reason = stuck.reason("main.drained");
    assert!(reason.ends_with("→ 7, steady and not decreasing)"), "{reason}");
    let planned = Test::book(body).new_args("plan a.yml --full").run().stdout;
    assert!(planned.contains("meanwhile: stdout | int decreasing"), "{planned}");
}

#[test]
fn what_stands_in_a_skipped_phase_counts_as_skipped() {
    let body = "
inputs: { more: { type: bool, default: false } }
phases:
  - id: perhaps
    when: inputs.more
    steps: [{ id: one, shell: 'true', effect: read }, { id: two, shell: 'true', effect: read }]
  - { id: surely, steps: [{ id: three, shell: 'true', effect: read }] }
";
    let ran = Test::book(body).run();
    assert!(ran.stderr.contains("1 ok, 2 skipped") && !ran.stderr.contains("not reached"), "{}", ran.stderr);
}

const INNER: &str = "
runbook: v1
name: inner
inputs: { name: { pattern: '[a-z]+' } }
outputs: { greeting: steps.say.words }
steps:
  - id: say
    shell: echo hello {{ inputs.name }} | tee -a trace
    save: { words: stdout }
    undo: { shell: 'echo unsay {{ inputs.name }} >> trace' }
always:
  - id: last
    shell: echo inner-always >> trace
";

#[test]
fn an_included_runbook_has_inputs_outputs_and_its_own_always() {
    let body = "
steps:
  - id: greet
    run: { runbook: lib/inner.yml, inputs: { name: ana } }
  - id: use
    shell: echo '{{ steps.greet.greeting }}' again >> trace
";
    let ran = Test::book(body).file("lib/inner.yml", INNER.trim_start()).run();
    assert_eq!(lines(&ran, "trace"), ["hello ana", "inner-always", "hello ana again"]);
}

#[test]
fn an_included_runbook_is_taken_back_with_the_rest() {
    let body = "
on_failure: rollback
steps:
  - id: greet
    run: { runbook: lib/inner.yml, inputs: { name: ana } }
  - id: fail
    shell: exit 1
";
    let ran = Test::book(body).file("lib/inner.yml", INNER.trim_start()).code(11).run();
    assert_eq!(lines(&ran, "trace"), ["hello ana", "inner-always", "unsay ana"]);
}

#[test]
fn an_input_of_an_included_runbook_is_checked_when_it_is_known() {
    let body = "
steps:
  - id: look
    shell: echo NOT-LOWER
    save: { name: stdout }
  - id: greet
    run: { runbook: inner.yml, inputs: { name: '{{ steps.look.name }}' } }
";
    let ran = Test::book(body).file("inner.yml", INNER.trim_start()).code(1).run();
    assert!(ran.reason("main.greet").contains("`NOT-LOWER` does not match the pattern `[a-z]+`"));
    assert_eq!(lines(&ran, "trace"), [] as [&str; 0]);
}

#[test]
fn values_are_set_once_and_read_later() {
    let body = "
steps:
  - id: names
    set: { idle: \"'green' if 1 == 1 else 'blue'\", twice: 21 * 2 }
  - id: use
    shell: echo {{ vars.idle }} {{ vars.twice }} >> trace
";
    assert_eq!(lines(&Test::book(body).run(), "trace"), ["green 42"]);
}

#[test]
fn a_warning_is_counted_and_the_run_goes_on() {
    let body = "
steps:
  - id: soft
    severity: warn
    shell: exit 1
  - id: after
    shell: 'true'
";
    let ran = Test::book(body).run();
    assert_eq!(ran.steps(), ["main.soft warn", "main.after pass"]);
    assert_eq!(ran.show()["counts"]["warned"], 1);
}

#[test]
fn a_failure_stops_continues_or_takes_back_as_the_step_says() {
    let body = |policy| {
        format!(
            "steps:
  - id: one
    shell: echo one >> trace
    undo: {{ shell: echo undo-one >> trace }}
  - id: two
    on_failure: {policy}
    shell: echo two >> trace; exit 1
  - id: three
    shell: echo three >> trace
"
        )
    };
    let table: &[(&str, i32, &[&str])] = &[
        ("stop", 1, &["one", "two"]),
        ("continue", 0, &["one", "two", "three"]),
        ("rollback", 11, &["one", "two", "undo-one"]),
        ("ask", 5, &["one", "two"]),
    ];
    for (policy, code, trace) in table {
        let ran = Test::book(&body(policy)).code(*code).run();
        assert_eq!(lines(&ran, "trace"), *trace, "{policy}");
    }
}

#[test]
fn everything_is_taken_back_last_first_the_failed_step_included() {
    let body = "
on_failure: rollback
phases:
  - id: a
    steps:
      - id: one
        shell: echo one >> trace
        undo: { shell: echo undo-one >> trace }
      - id: nothing
        shell: 'true'
        undo: { none: it only writes a log }
  - id: b
    steps:
      - id: two
        shell: echo two >> trace; exit 1
        undo: { shell: echo undo-two >> trace }
always:
  - id: last
    shell: echo always {{ run.outcome }} >> trace
";
    let ran = Test::book(body).code(11).run();
    assert_eq!(lines(&ran, "trace"), ["one", "two", "undo-two", "undo-one", "always failed"]);
    assert_eq!(ran.show()["result"], "rolled_back");
}

#[test]
fn a_failed_undo_stops_the_undos_before_it_and_is_told() {
    let body = "
on_failure: rollback
steps:
  - id: one
    shell: echo one >> trace
    undo: { shell: echo undo-one >> trace }
  - id: two
    shell: echo two >> trace
    undo: { shell: exit 7 }
  - id: three
    shell: exit 1
always:
  - id: last
    shell: echo always >> trace
";
    let ran = Test::book(body).code(13).run();
    assert_eq!(lines(&ran, "trace"), ["one", "two", "always"]);
    assert!(ran.of_run("show").run().stdout.contains("ROLLBACK FAILED"));
}

#[test]
fn a_list_of_steps_may_replace_the_undos() {
    let body = "
on_failure: rollback
rollback:
  - id: restore
    shell: echo restore >> trace
steps:
  - id: one
    shell: echo one >> trace; exit 1
    undo: { shell: echo never >> trace }
always:
  - id: last
    shell: echo always >> trace
";
    assert_eq!(lines(&Test::book(body).code(11).run(), "trace"), ["one", "restore", "always"]);
    let bad = body.replace("echo restore >> trace", "exit 2");
    assert_eq!(lines(&Test::book(&bad).code(13).run(), "trace"), ["one", "always"]);
}

#[test]
fn the_last_steps_run_on_success_and_after_failure_and_all_of_them() {
    let body = |first| {
        format!(
            "steps:\n  - id: one\n    shell: {first}\nalways:\n  - id: bad\n    severity: warn\n    shell: echo bad >> trace; exit 1\n  \
             - id: last\n    shell: echo last {{{{ run.outcome }}}} >> trace\n"
        )
    };
    assert_eq!(lines(&Test::book(&body("'true'")).run(), "trace"), ["bad", "last done"]);
    assert_eq!(lines(&Test::book(&body("exit 1")).code(1).run(), "trace"), ["bad", "last failed"]);
}

#[test]
fn a_failing_last_step_fails_the_run_but_keeps_no_other_from_running() {
    let body = "
steps: [{ id: one, shell: 'true' }]
always:
  - id: bad
    shell: exit 1
  - id: last
    shell: echo last >> trace
";
    let ran = Test::book(body).code(1).run();
    assert_eq!(lines(&ran, "trace"), ["last"]);
}

#[test]
fn a_no_go_stops_and_runs_the_last_steps() {
    let body = "
steps:
  - id: one
    shell: echo one >> trace
  - id: go
    checkpoint: { title: Go?, timeout: 1ms }
  - id: two
    shell: echo two >> trace
always:
  - id: last
    shell: echo last {{ run.outcome }} >> trace
";
    let parked = Test::book(body).start().end_any();
    std::thread::sleep(Duration::from_millis(5));
    let ran = parked.resume().start().end_any();
    assert_eq!(lines(&ran, "trace"), ["one", "last no_go"]);
    assert_eq!(ran.show()["exit_code"], 4);
}

#[test]
fn a_question_without_a_terminal_parks_the_run_until_somebody_can_answer() {
    let body = "
steps:
  - id: one
    shell: echo one >> trace
  - id: go
    checkpoint: { title: 'Go on after {{ steps.one.result }}?' , show: { count: '{{ 40 + 2 }}' } }
  - id: two
    shell: echo two >> trace
";
    let ran = Test::book(body).code(5).run();
    assert_eq!(lines(&ran, "trace"), ["one"]);
    let question = &ran.show()["open_questions"][0];
    assert_eq!((&question["title"], &question["evidence"][0][1]), (&"Go on after pass?".into(), &"42".into()));
    ran.resume().args("--no-input").code(5).run();
    assert_eq!(lines(&ran, "trace"), ["one"]);
}

#[test]
fn a_parallel_group_is_taken_back_as_one() {
    let body = "
on_failure: rollback
steps:
  - id: both
    parallel:
      steps:
        - id: left
          shell: echo did >> trace
          undo: { shell: echo undid >> trace }
        - id: right
          shell: echo did >> trace
          undo: { shell: echo undid >> trace }
  - id: fail
    shell: exit 1
";
    assert_eq!(lines(&Test::book(body).code(11).run(), "trace"), ["did", "did", "undid", "undid"]);
}

#[test]
fn only_what_really_ran_is_taken_back() {
    let body = "
on_failure: rollback
steps:
  - id: skipped
    when: 1 == 2
    shell: echo no >> trace
    undo: { shell: echo undo-skipped >> trace }
  - id: absent
    exec: [no-such-program]
    undo: { shell: echo undo-absent >> trace }
";
    // Nothing was changed, so there was nothing to back out of.
    let ran = Test::book(body).code(1).run();
    assert_eq!(lines(&ran, "trace"), [] as [&str; 0]);
}
