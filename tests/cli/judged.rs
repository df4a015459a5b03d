//! What a run says of the tables it was judged by.

use crate::support::{Ran, Test};

/// A step that judges two looks, and guards beside a pause; the second reading has no data once.
const BOOK: &str = "
metrics:
  load: { shell: 'n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) > n; [ $n != 1 ] || exit 3; echo 3', effect: read, unit: '%' }
  free: { shell: echo 40, effect: read, unit: '%' }
phases:
  - id: judge
    steps:
      - id: look
        decide:
          over: 1s
          every: 250ms
          hit: worst
          rules:
            - { symptom: Not much to do, if: { load: '<= 5%' }, action: ok }
            - { symptom: Busy, if: { load: '> 5%' }, action: abort }
            - { otherwise: abort }
            - { no_data: inconclusive }
  - id: soak
    steps:
      - id: wait
        wait: 1s
        guards:
          every: 250ms
          hit: worst
          rules:
            - { symptom: Enough room, if: { free: '>= 10%' }, action: ok }
            - { symptom: Nearly full, if: { free: '< 10%' }, action: abort }
            - { otherwise: abort }
            - { no_data: inconclusive }
";

fn judged() -> Ran {
    Test::book(BOOK).run()
}

#[test]
fn a_report_says_which_row_decided_with_which_values_and_how_often_was_looked() {
    let ran = judged();
    let report = ran.of_run("report").run().stdout;
    let line = |of: &str| report.lines().find(|line| line.starts_with(of)).unwrap_or_else(|| panic!("{of}: {report}"));
    let guards = line("| guards of soak.wait |");
    assert!(
        guards.contains("| ok: Enough room | ") && guards.contains(" looks | free 40% &gt;= 10% since "),
        "{guards}"
    );
    let step = line("| judge.look |");
    assert!(step.contains("| ok: Not much to do | ") && step.contains(", 1 without data |"), "{step}");
    assert!(report.contains("| Not much to do: load 3% &lt;= 5% since "), "{report}");
}

#[test]
fn show_says_what_tables_said_as_text_and_as_data() {
    let ran = judged();
    let show = ran.of_run("show").run().stdout;
    assert!(show.contains("judged by") && show.contains("guards of soak.wait  ok: Enough room"), "{show}");
    let data = ran.show();
    let tables = data["tables"].as_array().unwrap();
    let guards = tables.iter().find(|table| table["guards"] == "soak.wait").unwrap();
    assert_eq!((&guards["says"], &guards["row"]), (&"ok".into(), &"Enough room".into()));
    assert_eq!(guards["values"][0]["value"], "40%");
    assert!(guards["looks"].as_u64().unwrap() >= 3, "{guards}");
    let step = tables.iter().find(|table| table["path"] == "judge.look").unwrap();
    assert_eq!((&step["without_data"], &step["guards"]), (&1.into(), &serde_json::Value::Null));
    assert!(ran.reason("judge.look").starts_with("Not much to do: load 3% <= 5% since "));
}

#[test]
fn logs_tells_every_look_of_a_table() {
    let ran = judged();
    let looks = ran.logs("judge.look");
    let lines: Vec<&str> = looks.lines().collect();
    assert!(lines.len() >= 3, "{looks}");
    assert!(
        lines[0].contains("ok: Not much to do  load 3% <= 5% since ") && lines[0].ends_with("  [load 3%]"),
        "{looks}"
    );
    assert!(lines[1].contains("inconclusive: no data") && lines[1].contains("[load no data: "), "{looks}");
    assert!(ran.logs("soak.wait~guard").contains("ok: Enough room  free 40% >= 10%"));
    assert!(ran.of_run("logs").run().stdout.contains("==> judge.look looks <==\n"));
}
