use super::{Script, exit, plan, tail};
use crate::machine::Input;
use crate::machine::event::{Answer, Event, Outcome, Question};
use crate::report::{Counts, Ending, Look, Standing, View, exit_code, json, markdown, summary_in};
use snapbox::{assert_data_eq, str};

fn view(script: &Script) -> View {
    View::of(script.plan.clone(), &script.events).unwrap()
}

fn screen(script: &Script) -> String {
    summary_in(&view(script), &Look::plain(80), None)
}

#[test]
fn a_run_that_went_through_ends_in_one_line() {
    assert_data_eq!(
        screen(&Script::begin(plan()).passed()),
        str![[r#"

  changed and kept  switch.upstream, switch.migrate, switch.caches[a].warm,
                    switch.caches[b].warm
  next              runbook show 01jd3k7qw9 · runbook verify 01jd3k7qw9
DONE  6m 04s · 8 ok · exit code 0

"#]]
    );
}

#[test]
fn a_run_that_was_backed_out_tells_the_whole_story() {
    assert_data_eq!(
        screen(&Script::begin(plan()).rolled_back()),
        str![[r#"

 ✗ switch.migrate  38s  exit 3 · 2 attempts · deploy.yml:21
      ALTER TABLE orders ADD COLUMN region text;
      ERROR:  deadlock ␛[2Jdetected
      all of it: runbook logs 01jd3k7qw9 switch.migrate
    note (deploy.yml:21): deadlocks here mean that the nightly vacuum is still running

  changed and kept  nothing
  changed, undone   switch.upstream, switch.caches[a].warm,
                    switch.caches[b].warm
  unknown           switch.migrate (it failed, and may have changed something
                    first)
  next              runbook show 01jd3k7qw9 · runbook logs 01jd3k7qw9 ·
                    runbook verify 01jd3k7qw9
ROLLED BACK  at switch.migrate · 1m 24s · 6 ok, 1 failed, 3 backed out, 1 not reached · exit code 11

"#]]
    );
}

#[test]
fn a_no_go_before_anything_changed() {
    let script = Script::begin(plan()).checks_pass().after(5_000);
    let script = script.answer("preflight.checkpoint", Answer::NoGo, Some("the error rate looks high"));
    let script = script.after(10).done("always.flag_off", exit(0));
    assert_data_eq!(
        screen(&script),
        str![[r#"

 ✗ preflight.checkpoint  NO-GO to `Put v1.42.0; rm -rf / live?` by ana: the error rate looks high · deploy.yml:12

  changed and kept  always.flag_off
  changed, undone   nothing
  unknown           nothing
  next              runbook show 01jd3k7qw9 · runbook logs 01jd3k7qw9 ·
                    runbook verify 01jd3k7qw9
NO-GO  at preflight.checkpoint · 5.3s · 2 ok, 1 failed, 5 not reached · exit code 4

"#]]
    );
}

#[test]
fn a_run_that_waits_for_a_person_says_how_to_go_on() {
    let script = Script::begin(plan()).checks_pass().input(Input::NobodyThere);
    assert_eq!(exit_code(view(&script).ending()), 5);
    assert_data_eq!(
        screen(&script),
        str![[r#"

  changed and kept  nothing
  changed, undone   nothing
  unknown           nothing
  open question     Put v1.42.0; rm -rf / live?
  next              runbook resume 01jd3k7qw9 · runbook show 01jd3k7qw9
WAITING  for an answer at preflight.checkpoint · 380ms · 2 ok, 6 not reached · exit code 5

"#]]
    );
}

#[test]
fn a_log_that_just_stops_leaves_what_was_running_unknown() {
    let script = Script::begin(plan()).switched();
    let view = view(&script);
    assert_eq!(view.ending(), Ending::Open);
    assert_eq!(view.changes().unknown, [("switch.migrate".to_string(), "nobody saw how it ended".to_string())]);
    assert_eq!(view.changes().kept.len(), 3);
}

#[test]
fn in_doubt_after_resume_is_its_own_exit_code() {
    let script = Script::begin(plan()).switched().after(1_000);
    let mut script = script.input(Input::Resume { by: "li".into(), override_window: None, key: None });
    assert_eq!(view(&script).open_questions()[0].question, Question::InDoubt);
    script = script.input(Input::NobodyThere);
    let view = view(&script);
    assert_eq!((view.ending(), exit_code(view.ending())), (Ending::Waiting(Question::InDoubt), 12));
    assert_eq!(view.takeovers()[0].in_doubt, ["switch.migrate"]);
}

#[test]
fn counts_add_up_and_lists_count_each_item() {
    let script = Script::begin(plan()).rolled_back();
    let counts = view(&script).counts();
    let expected = Counts { total: 8, ok: 6, failed: 1, undone: 3, ..Counts::default() };
    assert_eq!(counts, expected);
}

#[test]
fn a_failed_undo_leaves_the_change_unknown() {
    let script = Script::begin(plan()).migration_failed().after(10);
    let script = script.done("switch.caches[b].warm~undo", tail(1, "no\n")).after(10);
    let script = script.done("switch.caches[a].warm~undo", exit(0)).after(10).done("always.flag_off", exit(0));
    let view = view(&script);
    assert_eq!(view.ending(), Ending::Over(Outcome::RollbackFailed));
    let unknown: Vec<String> = view.changes().unknown.into_iter().map(|(path, _)| path).collect();
    assert!(unknown.contains(&"switch.caches[b].warm".to_string()), "{unknown:?}");
    assert_eq!(exit_code(view.ending()), 13);
}

#[test]
fn a_view_built_live_equals_one_built_from_the_log() {
    let script = Script::begin(plan()).rolled_back();
    let mut live = View::new(script.plan.clone());
    for (at, event) in &script.events {
        live.see(*at, event).unwrap();
    }
    let stored: Vec<_> = script
        .events
        .iter()
        .map(|(at, event)| {
            let text = serde_json::to_string(event).unwrap();
            (*at, serde_json::from_str::<Event>(&text).unwrap())
        })
        .collect();
    let stored = View::of(script.plan.clone(), &stored).unwrap();
    assert_eq!(json(&live), json(&stored));
}

#[test]
fn a_row_alone_equals_the_row_in_the_list() {
    let view = view(&Script::begin(plan()).rolled_back());
    for row in view.rows().iter().filter(|row| row.kind.is_step() && row.standing != Standing::NotReached) {
        let alone = view.row(&row.path).unwrap();
        assert_eq!((alone.kind, alone.part, alone.number), (row.kind, row.part, row.number), "{}", row.path);
    }
}

#[test]
fn the_json_report_names_result_exit_code_and_every_step() {
    let report = json(&view(&Script::begin(plan()).rolled_back()));
    assert_eq!(report["format"], "runbook-report/1");
    assert_eq!((&report["result"], &report["exit_code"]), (&"rolled_back".into(), &11.into()));
    assert_eq!(report["decisions"][0]["by"], "ana");
    assert_eq!(report["rows"].as_array().unwrap().len(), 17);
    assert_eq!(report["changes"]["undone"].as_array().unwrap().len(), 3);
}

#[test]
fn the_markdown_report_is_complete() {
    assert_data_eq!(
        markdown(&view(&Script::begin(plan()).rolled_back())),
        str![[r#"
# Deploy the web shop: ROLLED BACK

| | |
|---|---|
| runbook | `deploy-web` |
| target | `prod` |
| run | `01jd3k7qw9` |
| plan | `9f2c41ab9f2c41ab9f2c41ab9f2c41ab9f2c41ab9f2c41ab9f2c41ab9f2c41ab` |
| operator | ana on bastion |
| started | 2026-07-24T15:41:02Z |
| tool | 0.1.0 |
| last event | 2026-07-24T15:42:26.990Z |
| run time | 1m 24s |
| result | **ROLLED BACK** (exit code 11) |
| steps | 6 ok, 1 failed, 3 backed out, 1 not reached |
| cause | `switch.migrate`: exit 3 |

## Inputs

| input | value | from |
|---|---|---|
| `version` | `v1.42.0; rm -rf /` | -i |
| `db_url` | *secret* | env DATABASE/_URL |


## Phase `preflight`: Pre-flight checks

ok · 42s

| # | step | result | took | attempts | details |
|---|---|---|---|---|---|
| 1 | `preflight.disk` | ok | 300ms |  | Disk space adequate |
| 2 | `preflight.live` | ok | 80ms |  | Which colour serves now |
| 3 | `preflight.checkpoint` | GO | 42s |  | Put v1.42.0; rm -rf / live?: answered by ana |

## Phase `switch`: Switch the traffic

not finished · -

| # | step | result | took | attempts | details |
|---|---|---|---|---|---|
| 4 | `switch.upstream` | ok | 1.2s |  | Point the balancer at the new one |
|  | `switch.caches` | ok | 1.2s |  | Warm the caches |
|  | &nbsp;&nbsp;`switch.caches[a]` | ok | 500ms |  | a |
| 5 | &nbsp;&nbsp;&nbsp;&nbsp;`switch.caches[a].warm` | ok | 500ms |  |  |
|  | &nbsp;&nbsp;`switch.caches[b]` | ok | 1.2s |  | b |
| 6 | &nbsp;&nbsp;&nbsp;&nbsp;`switch.caches[b].warm` | ok | 1.2s |  |  |
| 7 | `switch.migrate` | **FAILED** | 38s | 2 | Migrate the database: exit 3 |
| 8 | `switch.soak` | not reached |  |  |  |

## Backing out

| # | step | result | took | attempts | details |
|---|---|---|---|---|---|
|  | `switch.caches[b].warm~undo` | ok | 600ms |  |  |
|  | `switch.caches[a].warm~undo` | ok | 600ms |  |  |
|  | `switch.upstream~undo` | ok | 1.0s |  | Put the previous content back |

## On every exit path

| # | step | result | took | attempts | details |
|---|---|---|---|---|---|
|  | `always.flag_off` | ok | 10ms |  | Maintenance page off |

## Decisions of people

| asked | step | question | answer | by | answered | words |
|---|---|---|---|---|---|---|
| 2026-07-24T15:41:02.380Z | `preflight.checkpoint` | Put v1.42.0; rm -rf / live? | **GO** | ana | 2026-07-24T15:41:44.380Z |  |

Evidence at `preflight.checkpoint`:

| evidence | value | |
|---|---|---|
| colour now | `blue` | shown |

## What it changed

- Changed and kept: nothing
- Changed, undone: `switch.upstream`, `switch.caches[a].warm`, `switch.caches[b].warm`
- Unknown: `switch.migrate` (it failed, and may have changed something first)

Last output of `switch.migrate`:

```text
ALTER TABLE orders ADD COLUMN region text;
ERROR:  deadlock ␛[2Jdetected
```

"#]]
    );
}

#[test]
fn text_from_outside_cannot_leave_its_place_in_markdown() {
    let nasty = "``` end\n```\n| x | <img src=y> @team ![p](http://q)";
    let script = Script::begin(plan()).checks_pass();
    let script =
        script.answer("preflight.checkpoint", Answer::NoGo, Some(nasty)).done("always.flag_off", tail(1, nasty));
    let report = markdown(&view(&script));
    let (tables, output) = report.split_once("Last output").unwrap();
    assert!(!tables.contains("<img") && !tables.contains("@team") && !tables.contains("!["), "{tables}");
    assert!(!tables.lines().any(|line| line.starts_with("| x |")), "{tables}");
    assert!(output.contains("````text\n``` end\n```\n") && output.ends_with("````\n"), "{output}");
}
