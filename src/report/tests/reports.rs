use super::{Script, exit, plan, tail};
use crate::machine::Input;
use crate::machine::event::{Answer, Event, Outcome, Question};
use crate::report::{Counts, Ending, Look, Standing, View, exit_code, json, markdown, summary};
use snapbox::{assert_data_eq, str};

fn view(script: &Script) -> View {
    View::of(script.plan.clone(), &script.events).unwrap()
}

fn screen(script: &Script) -> String {
    summary(&view(script), &Look::plain(80))
}

#[test]
fn a_run_that_went_through_ends_in_one_line() {
    assert_data_eq!(screen(&Script::begin(plan()).passed()), str![]);
}

#[test]
fn a_run_that_was_backed_out_tells_the_whole_story() {
    assert_data_eq!(screen(&Script::begin(plan()).rolled_back()), str![]);
}

#[test]
fn a_no_go_before_anything_changed() {
    let script = Script::begin(plan()).checks_pass().after(5_000);
    let script = script.answer("preflight.checkpoint", Answer::NoGo, Some("the error rate looks high"));
    let script = script.after(10).done("always.flag_off", exit(0));
    assert_data_eq!(screen(&script), str![]);
}

#[test]
fn a_run_that_waits_for_a_person_says_how_to_go_on() {
    let script = Script::begin(plan()).checks_pass().input(Input::NobodyThere);
    assert_eq!(exit_code(view(&script).ending()), 5);
    assert_data_eq!(screen(&script), str![]);
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
    let mut script = script.input(Input::Resume { by: "li".into() });
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
    assert_data_eq!(markdown(&view(&Script::begin(plan()).rolled_back())), str![]);
}

#[test]
fn text_from_outside_cannot_leave_its_place_in_markdown() {
    let nasty = "``` end\n```\n| x | <img src=y> @team ![p](http://q)";
    let script = Script::begin(plan()).checks_pass();
    let script = script.answer("preflight.checkpoint", Answer::NoGo, Some(nasty)).done("always.flag_off", tail(1, nasty));
    let report = markdown(&view(&script));
    assert!(!report.contains("<img") && !report.contains("| x | \\") && !report.contains(" @team !["), "{report}");
    assert!(report.contains("````text\n"), "{report}");
}
