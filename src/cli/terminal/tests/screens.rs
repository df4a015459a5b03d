use crate::cli::terminal::frame::frame;
use crate::cli::terminal::live::{EVERY_US, Live, Size};
use crate::cli::terminal::plain::Plain;
use crate::cli::terminal::{RunningView, events};
use crate::decide::Direction;
use crate::machine::event::{Answer, Event};
use crate::machine::{Input, Timestamp};
use crate::plan::model::{NodeKind, Poll, Trend};
use crate::report::look::columns;
use crate::report::tests::{Script, exit, plan, prints, template};
use crate::report::{Look, View};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use snapbox::{assert_data_eq, str};

fn plain(script: &Script) -> String {
    let mut view = View::new(script.plan.clone());
    let mut plain = Plain::new(Look::plain(100));
    let told = script.events.iter().map(|(at, event)| {
        view.see(*at, event).unwrap();
        plain.event(&view, event)
    });
    told.collect()
}

/// What a terminal has scrolled when the run is over, without any block.
fn scrolled(script: &Script, look: Look) -> String {
    let mut view = View::new(script.plan.clone());
    let mut live = Live::new(look);
    for (at, event) in &script.events {
        view.see(*at, event).unwrap();
        live.event(&view, event);
    }
    live.flush(Size { rows: 24, columns: look.width })
}

fn view(script: &Script) -> View {
    View::of(script.plan.clone(), &script.events).unwrap()
}

fn running(path: &str, elapsed_us: u64, tail: &[&str]) -> RunningView {
    let tail: Vec<String> = tail.iter().map(|line| line.to_string()).collect();
    let silent_us = (!tail.is_empty()).then_some(2_000_000);
    RunningView { path: path.into(), elapsed_us, bytes: 1204, silent_us, tail }
}

#[test]
fn plain_lines_tell_a_run_that_was_backed_out() {
    assert_data_eq!(
        plain(&Script::begin(plan()).rolled_back()),
        str![[r#"
15:41:02Z       run      deploy-web → prod  run 01jd3k7qw9  plan 9f2c41ab  by ana
15:41:02Z       phase    preflight                           Pre-flight checks
15:41:02Z [1/8] start    preflight.disk                      Disk space adequate
15:41:02Z [1/8] ok       preflight.disk               300ms  Disk space adequate
15:41:02Z [2/8] start    preflight.live                      Which colour serves now
15:41:02Z [2/8] ok       preflight.live                80ms  Which colour serves now
15:41:02Z [3/8] ASKED    preflight.checkpoint                Put v1.42.0; rm -rf / live? · no answer by 16:11:02Z = NO-GO
15:41:02Z         | colour now: blue
15:41:44Z [3/8] GO       preflight.checkpoint           42s  GO by ana
15:41:44Z       phase    switch                              Switch the traffic
15:41:44Z [4/8] start    switch.upstream                     Point the balancer at the new one
15:41:45Z [4/8] ok       switch.upstream               1.2s  Point the balancer at the new one
15:41:45Z [5/8] start    switch.caches[a].warm
15:41:45Z [6/8] start    switch.caches[b].warm
15:41:46Z [5/8] ok       switch.caches[a].warm        500ms
15:41:46Z [6/8] ok       switch.caches[b].warm         1.2s
15:41:46Z [7/8] start    switch.migrate                      Migrate the database
15:41:49Z [7/8] again    switch.migrate                      attempt 1 of 2: exit 3
15:41:50Z [7/8] start    switch.migrate                      Migrate the database (attempt 2)
15:42:24Z [7/8] FAILED   switch.migrate                 38s  Migrate the database: exit 3
15:42:24Z         | ALTER TABLE orders ADD COLUMN region text;
15:42:24Z         | ERROR:  deadlock ␛[2Jdetected
15:42:24Z       BACKOUT  taking back what was done, last first: exit 3
15:42:24Z       start    switch.caches[b].warm~undo
15:42:25Z       ok       switch.caches[b].warm~undo   600ms
15:42:25Z       start    switch.caches[a].warm~undo
15:42:25Z       ok       switch.caches[a].warm~undo   600ms
15:42:25Z       start    switch.upstream~undo                Put the previous content back
15:42:26Z       ok       switch.upstream~undo          1.0s  Put the previous content back
15:42:26Z       always   steps of every exit path
15:42:26Z       start    always.flag_off                     Maintenance page off
15:42:26Z       ok       always.flag_off               10ms  Maintenance page off

"#]]
    );
}

#[test]
fn plain_lines_of_a_run_nobody_can_answer() {
    let script = Script::begin(plan()).checks_pass().input(Input::NobodyThere);
    assert_data_eq!(
        plain(&script),
        str![[r#"
15:41:02Z       run      deploy-web → prod  run 01jd3k7qw9  plan 9f2c41ab  by ana
15:41:02Z       phase    preflight                           Pre-flight checks
15:41:02Z [1/8] start    preflight.disk                      Disk space adequate
15:41:02Z [1/8] ok       preflight.disk               300ms  Disk space adequate
15:41:02Z [2/8] start    preflight.live                      Which colour serves now
15:41:02Z [2/8] ok       preflight.live                80ms  Which colour serves now
15:41:02Z [3/8] ASKED    preflight.checkpoint                Put v1.42.0; rm -rf / live? · no answer by 16:11:02Z = NO-GO
15:41:02Z         | colour now: blue
15:41:02Z       PARKED   nobody to ask here; the run waits for an answer at preflight.checkpoint

"#]]
    );
}

#[test]
fn a_terminal_scrolls_finished_lines() {
    assert_data_eq!(
        scrolled(&Script::begin(plan()).rolled_back(), Look::plain(100)),
        str![[r#"
 ● deploy-web → prod  run 01jd3k7qw9  plan 9f2c41ab  by ana

 preflight  Pre-flight checks
 ✓ 1 preflight.disk             300ms  Disk space adequate
 ✓ 2 preflight.live              80ms  Which colour serves now
 ✓ 3 preflight.checkpoint         42s  GO by ana

 switch  Switch the traffic
 ✓ 4 switch.upstream             1.2s  Point the balancer at the new one
 ✓ 5 switch.caches[a].warm      500ms
 ✓ 6 switch.caches[b].warm       1.2s
 ◌ 7 switch.migrate                    again: attempt 1 of 2: exit 3
 ✗ 7 switch.migrate               38s  Migrate the database: exit 3
      ALTER TABLE orders ADD COLUMN region text;
      ERROR:  deadlock ␛[2Jdetected
 ✗ BACKOUT: taking back what was done, last first: exit 3
 ✓   switch.caches[b].warm~undo   600ms
 ✓   switch.caches[a].warm~undo   600ms
 ✓   switch.upstream~undo        1.0s  Put the previous content back
 ● always: steps of every exit path
 ✓   always.flag_off             10ms  Maintenance page off

"#]]
    );
}

#[test]
fn words_stand_for_symbols_where_symbols_cannot_be_shown() {
    let script = Script::begin(plan()).checks_pass().after(5_000);
    let script = script.answer("preflight.checkpoint", Answer::NoGo, Some("too many errors"));
    let look = Look { symbols: false, ..Look::plain(80) };
    let shown = scrolled(&script.after(10).done("always.flag_off", exit(0)), look);
    assert!(shown.lines().any(|l| l.starts_with(" FAILED  3 preflight.checkpoint")), "{shown}");
    assert!(!shown.contains(['✓', '✗', '●', '◆', '·', '…']), "{shown}");
}

#[test]
fn the_block_shows_what_runs_and_the_last_lines_of_one_step() {
    let script = Script::begin(plan()).switched().after(48_000);
    let lines = ["one", "two \x1b[2J", "10%\r50%", "four", "five", "six", "seven"];
    let running = [running("switch.migrate", 48_000_000, &lines)];
    let block = frame(&view(&script), &running, Some("switch.migrate"), script.now, &Look::plain(100), 24);
    assert_data_eq!(
        block.join("\n"),
        str![[r#"
───────────────────────────────────────────────────────────────────────────────────────────────────
 6/8 done · 1 running · 1m 32s                                                ^C: start nothing new
 ●  switch.migrate                48s  Migrate the database
      two ␛[2J
      50%
      four
      five
      six
      seven
"#]]
    );
    let block = frame(&view(&script), &running, Some("switch.migrate"), script.now, &Look::plain(80), 8);
    assert_data_eq!(
        block.join("\n"),
        str![[r#"
───────────────────────────────────────────────────────────────────────────────
 6/8 done · 1 running · 1m 32s                            ^C: start nothing new
 ●  switch.migrate                48s  Migrate the database
      four
      five
      six
      seven
"#]]
    );
}

#[test]
fn the_block_says_what_the_next_ctrl_c_does() {
    let script = Script::begin(plan()).switched().input(Input::Interrupt);
    let block = frame(&view(&script), &[], None, script.now, &Look::plain(140), 24);
    assert!(block[1].ends_with("waiting for what runs; ^C again ends it and backs out"), "{block:?}");
}

#[test]
fn a_soak_shows_what_is_left_of_it() {
    let script = Script::begin(plan()).switched().done("switch.migrate", exit(0)).after(60_000);
    let block = frame(&view(&script), &[], None, script.now, &Look::plain(100), 24);
    assert!(block[2].contains("switch.soak") && block[2].contains("4m 00s left"), "{block:?}");
}

#[test]
fn what_is_sampled_shows_its_values_and_the_time_it_has() {
    let mut plan = plan();
    let at = plan.nodes.iter().position(|node| node.id == "migrate").expect("a step");
    let NodeKind::Task(task) = &mut plan.nodes[at].kind else { panic!("it is a task") };
    let trend = Trend { of: template("stdout | int"), is: Direction::Decreasing };
    task.poll = Some(Poll { every: template("10s"), max: template("2m"), successes: 1, trend: Some(trend) });
    task.expect = vec![template("stdout | int < 5")];
    let mut script = Script::begin(plan).switched();
    for left in ["41", "22"] {
        script = script.done("switch.migrate", prints(left)).after(10_000);
    }
    let script = script.done("switch.migrate", prints("9")).after(4_000);
    let block = frame(&view(&script), &[], None, script.now, &Look::plain(100), 24);
    assert!(block[2].contains("1m 36s left") && block[2].ends_with(": 41 → 22 → 9"), "{block:?}");
}

#[test]
fn the_block_is_taken_away_before_a_line_scrolls() {
    let script = Script::begin(plan()).switched();
    let view = view(&script);
    let size = Size { rows: 24, columns: 80 };
    let mut live = Live::new(Look::plain(80));
    let step = [running("switch.migrate", 1_000_000, &["working"])];
    let first = live.draw(&view, &step, script.now, size);
    assert!(!first.contains('\x1b') && first.lines().count() == 4, "{first:?}");
    live.event(&view, &Event::Interrupted { stage: 1 });
    let soon = Timestamp { run_us: script.now.run_us + EVERY_US - 1, ..script.now };
    assert_eq!(live.draw(&view, &step, soon, size), "", "ten times a second is enough");
    let later = Timestamp { run_us: script.now.run_us + EVERY_US, ..script.now };
    let second = live.draw(&view, &step, later, size);
    assert!(second.starts_with("\r\x1b[3A\x1b[J ! starting nothing new"), "{second:?}");
    let narrow = live.flush(Size { rows: 24, columns: 40 });
    assert!(narrow.starts_with("\r\x1b[6A\x1b[J"), "three of the four lines wrapped: {narrow:?}");
}

#[test]
fn a_silent_step_is_mentioned_with_evidence_until_it_stalls() {
    let script = Script::begin(plan()).switched();
    let (view, mut plain) = (view(&script), Plain::new(Look::plain(100)));
    let mut told = String::new();
    for second in (0..=1300).step_by(5) {
        let now = Timestamp {
            run_us: script.now.run_us + second * 1_000_000,
            wall_us: script.now.wall_us + second as i64 * 1_000_000,
        };
        let mut step = running("switch.migrate", second * 1_000_000, &["x"]);
        step.silent_us = Some(second.saturating_sub(40) * 1_000_000);
        told.push_str(&plain.heartbeats(&view, &[step], now));
    }
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "15:42:16Z [7/8] running  switch.migrate               30s  last output 0ms ago (1204 B)");
    assert!(lines.last().unwrap().ends_with("no output for 10m 20s: stalled?"), "{told}");
    assert_eq!(lines.len(), 22, "{told}");
}

#[test]
fn json_lines_begin_with_the_version_and_keep_every_field() {
    let script = Script::begin(plan()).rolled_back();
    assert!(events::version().starts_with(r#"{"type":"version","format":"runbook-events/1","#));
    for (at, event) in &script.events {
        let line = events::event(event, *at);
        assert_eq!(line.matches('\n').count(), 1);
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        let whole = serde_json::to_value(event).unwrap();
        let (kind, fields) = whole.as_object().unwrap().iter().next().unwrap();
        assert_eq!(object["type"], kind.as_str());
        let fields = fields.as_object().unwrap();
        assert_eq!(object.as_object().unwrap().len(), fields.len() + 3, "a field hides another: {line}");
    }
    let (at, last) = script.events.last().unwrap();
    let expected = "{\"type\":\"run_ended\",\"time\":\"2026-07-24T15:42:26.990Z\",\"run_us\":84990000,\"outcome\":\"rolled_back\"}\n";
    assert_eq!(events::event(last, *at), expected);
}

#[test]
fn a_block_never_fills_the_terminal() {
    let script = Script::begin(plan()).switched();
    let view = view(&script);
    let lines = prop::collection::vec("(\\PC|\x1b|\r){0,50}", 0..9);
    let steps = prop::collection::vec(("[a-z.]{1,60}", lines), 0..11);
    let mut runner = TestRunner::new(Config { cases: 64, ..Config::default() });
    let checked = runner.run(&(1usize..40, 1usize..150, steps), |(rows, width, steps)| {
        let running: Vec<RunningView> =
            steps.into_iter().map(|(path, tail)| RunningView { path, tail, ..RunningView::default() }).collect();
        let focus = running.last().map(|r| r.path.clone());
        let block = frame(&view, &running, focus.as_deref(), script.now, &Look::plain(width), rows);
        prop_assert!(block.len() < rows.max(2), "{} lines in {rows} rows", block.len());
        for line in &block {
            prop_assert!(columns(line) < width.max(2), "{} columns of {width}: {line:?}", columns(line));
            prop_assert!(!line.contains(['\x1b', '\r', '\n']));
        }
        Ok(())
    });
    checked.unwrap();
}
