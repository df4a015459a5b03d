use super::{Includes, check};
use crate::runbook::read;
use crate::text::{Code, Diagnostic, Severity, Source};
use std::collections::BTreeMap;

struct Files(BTreeMap<&'static str, &'static str>);

impl Includes for Files {
    fn load(&self, _from: &Source, path: &str) -> Result<Source, String> {
        let text = self.0.get(path).ok_or_else(|| format!("there is no file `{path}`"))?;
        Ok(Source::new(path, *text))
    }
}

/// What the check says about a runbook with these steps.
fn found_with(files: &[(&'static str, &'static str)], rest: &str) -> Vec<Diagnostic> {
    let source = Source::new("top.yml", format!("runbook: v1\nname: demo\n{rest}"));
    let (book, problems) = read(&source);
    assert!(problems.is_empty(), "{problems:?}");
    check(&book.unwrap(), &Files(files.iter().copied().collect()))
}

fn codes(rest: &str) -> Vec<Code> {
    found_with(&[], rest).into_iter().filter(|p| p.severity != Severity::Advice).map(|p| p.code).collect()
}

const PROBE: &str = "{ id: a, exec: [ls], effect: read, when: run.host == 'x', save: { v: stdout } }";

#[test]
fn a_value_that_may_be_missing_is_fine_under_a_guard() {
    let readers = [
        ("exec: [echo, '{{ steps.a.v }}']", false),
        ("exec: [echo, '{{ steps.a.v }}'], when: steps.a.v is defined", true),
        ("exec: [echo, '{{ steps.a.v }}'], when: steps.a is defined", true),
        ("exec: [echo, '{{ steps.a.v }}'], when: run.host == 'x'", true),
        ("exec: [echo, '{{ steps.a.v }}'], when: run.host == 'y'", false),
        ("exec: [echo, '{{ steps.a.v }}'], when: steps.a.result == 'pass'", true),
        ("exec: [echo, \"{{ steps.a.v | default('') }}\"]", true),
        ("exec: [echo, '{{ steps.a.result }}']", true),
    ];
    for (reader, fine) in readers {
        let found = codes(&format!("steps:\n  - {PROBE}\n  - {{ id: b, effect: read, {reader} }}\n"));
        assert_eq!(found, if fine { vec![] } else { vec![Code::UNGUARDED] }, "{reader}");
    }
}

#[test]
fn a_phase_with_a_condition_guards_its_own_steps_but_not_later_ones() {
    let inside = "{ id: b, exec: [echo, '{{ steps.a.v }}'], effect: read }";
    let value = "{ id: a, exec: [ls], effect: read, save: { v: stdout } }";
    let same = format!("phases:\n  - {{ id: p, when: run.host == 'x', steps: [{value}, {inside}] }}\n");
    assert_eq!(codes(&same), []);
    let later = format!(
        "phases:\n  - {{ id: p, when: run.host == 'x', steps: [{value}] }}\n  - {{ id: q, steps: [{inside}] }}\n"
    );
    assert_eq!(codes(&later), [Code::UNGUARDED]);
}

#[test]
fn values_of_a_parallel_group_can_be_read_after_it() {
    let group = "{ id: g, parallel: { steps: [{ id: a, exec: [ls], effect: read, save: { v: stdout } }] } }";
    assert_eq!(
        codes(&format!("steps:\n  - {group}\n  - {{ id: b, exec: [echo, '{{{{ steps.a.v }}}}'], effect: read }}\n")),
        []
    );
}

#[test]
fn two_conditions_may_choose_between_two_values() {
    let text = "steps:\n  - { id: a, set: { x: '1' }, when: run.host == 'x' }\n  \
                - { id: b, set: { x: '2' }, when: run.host != 'x' }\n  - { id: c, exec: [echo, '{{ vars.x }}'], effect: read }\n";
    assert_eq!(codes(text), []);
}

#[test]
fn a_cycle_of_runbooks_shows_its_chain() {
    let files = [
        ("b.yml", "runbook: v1\nname: b\nsteps: [{ id: r, run: { runbook: c.yml } }]\n"),
        ("c.yml", "runbook: v1\nname: c\nsteps: [{ id: r, run: { runbook: b.yml } }]\n"),
    ];
    let found = found_with(&files, "steps: [{ id: r, run: { runbook: b.yml } }]\n");
    assert_eq!(found[0].message, "this runbook would run itself: top.yml -> b.yml -> c.yml -> b.yml");
}

#[test]
fn the_same_runbook_may_be_run_twice() {
    let files = [("b.yml", "runbook: v1\nname: b\nsteps: [{ id: r, wait: 1s }]\n")];
    let found = found_with(&files, "steps: [{ id: r, run: { runbook: b.yml } }, { id: s, run: { runbook: b.yml } }]\n");
    assert_eq!(found, []);
}

#[test]
fn an_included_runbook_with_errors_is_an_error_here() {
    let files = [("b.yml", "runbook: v1\nname: b\nsteps: [{ id: r, wiat: 1s }]\n")];
    let found = found_with(&files, "steps: [{ id: r, run: { runbook: b.yml } }]\n");
    assert_eq!(found.iter().map(|p| p.code).collect::<Vec<_>>(), [Code::INCLUDE_MISSING]);
}

#[test]
fn a_whole_secret_may_stand_in_env_headers_and_secret_inputs() {
    let files = [("b.yml", "runbook: v1\nname: b\ninputs: { db: { type: secret } }\nsteps: [{ id: r, wait: 1s }]\n")];
    let found = found_with(
        &files,
        "inputs: { db: { type: secret, from: env:DB } }\nsteps:\n  \
         - { id: a, exec: [psql], effect: read, env: { DB: '{{ inputs.db }}' } }\n  \
         - { id: b, http: { get: u, headers: { Authorization: '{{ inputs.db }}' } } }\n  \
         - { id: c, run: { runbook: b.yml, inputs: { db: '{{ inputs.db }}' } } }\n",
    );
    assert_eq!(found, []);
}

#[test]
fn problems_in_a_block_scalar_point_at_the_very_name() {
    let text = "steps:\n  - id: a\n    effect: read\n    shell: |\n      true\n      echo {{ inputs.nope }}\n";
    let found = found_with(&[], text);
    let unknown = found.iter().find(|p| p.code == Code::UNKNOWN_INPUT).unwrap();
    assert_eq!((unknown.place.text(), unknown.place.line_col()), ("inputs.nope", (8, 15)));
}

#[test]
fn a_change_without_time_limit_and_a_leading_dash_are_only_advice() {
    let found =
        found_with(&[], "inputs: { n: {} }\nsteps:\n  - { id: a, shell: 'rm {{ inputs.n }}', undo: { none: gone } }\n");
    let advice: Vec<Code> = found.iter().filter(|p| p.severity == Severity::Advice).map(|p| p.code).collect();
    assert!(advice.contains(&Code::NO_TIMEOUT) && advice.contains(&Code::LEADING_DASH), "{found:?}");
    assert_eq!(advice.len(), found.len());
}

fn advice(rest: &str) -> Vec<Code> {
    let advice = found_with(&[], rest).into_iter().filter(|p| p.severity == Severity::Advice);
    advice.map(|p| p.code).filter(|code| *code != Code::NO_TIMEOUT).collect()
}

/// A runbook with a metric and a table of these rows.
fn table(rows: &str) -> String {
    format!(
        "metrics: {{ load: {{ shell: ./load, effect: read, unit: '%' }} }}\nguards: {{ every: 1s, hit: worst, rules: [{rows}, \
         {{ otherwise: abort }}, {{ no_data: abort }}] }}\nsteps: [{{ id: a, wait: 1s }}]\n"
    )
}

#[test]
fn rows_that_hold_together_and_rows_that_take_time_are_worth_knowing() {
    let busy = "{ symptom: Busy, if: { load: '> 90%' }, action: rollback }";
    let fine = "{ symptom: Fine, if: { load: '<= 90%' }, action: ok }";
    let half = "{ symptom: Half, if: { load: '50% .. 90%' }, action: continue }";
    assert_eq!(advice(&table(&format!("{busy}, {fine}"))), []);
    assert_eq!(advice(&table(&format!("{busy}, {fine}, {half}"))), [Code::TABLE_OVERLAP]);
    let later = busy.replace("action", "for: 5m, action");
    assert_eq!(advice(&table(&format!("{later}, {fine}"))), [Code::ONLY_PENDING]);
}

#[test]
fn a_metric_nothing_looks_at_is_pointed_out_and_still_checked() {
    let text = "metrics: { load: { shell: './load {{ inputs.x }}', effect: read } }\nsteps: [{ id: a, wait: 1s }]\n";
    assert!(advice(text).contains(&Code::UNUSED_METRIC));
    assert_eq!(codes(text), [Code::UNKNOWN_INPUT]);
}

#[test]
fn a_metric_may_read_what_is_known_where_its_table_is_armed() {
    let metric = "metrics: { load: { shell: './load {{ steps.find.host }}', effect: read, unit: '%' } }\n";
    let rules = "{ every: 1s, hit: worst, rules: [{ symptom: Busy, if: { load: '> 90%' }, action: abort }, \
                 { symptom: Fine, if: { load: '<= 90%' }, action: ok }, { otherwise: abort }, { no_data: abort }] }";
    let find = "{ id: find, exec: [hostname], effect: read, save: { host: stdout } }";
    let later = format!("{metric}steps:\n  - {find}\n  - {{ id: soak, wait: 1m, guards: {rules} }}\n");
    assert_eq!(codes(&later), []);
    let whole_run = format!("{metric}guards: {rules}\nsteps: [{find}]\n");
    assert_eq!(codes(&whole_run), [Code::STEP_NOT_YET_RUN]);
    let on_the_phase = format!("{metric}phases: [{{ id: p, guards: {rules}, steps: [{find}] }}]\n");
    assert_eq!(codes(&on_the_phase), [Code::STEP_NOT_YET_RUN]);
}

#[test]
fn what_is_wrong_with_a_metric_is_said_once_however_many_tables_name_it() {
    let metric = "metrics: { load: { shell: './load {{ inputs.x }}', effect: read, unit: '%' } }\n";
    let rules = "{ every: 1s, hit: worst, rules: [{ symptom: Busy, if: { load: '> 90%' }, action: abort }, \
                 { symptom: Fine, if: { load: '<= 90%' }, action: ok }, { otherwise: abort }, { no_data: abort }] }";
    let text = format!("{metric}guards: {rules}\nsteps:\n  - {{ id: soak, wait: 1m, guards: {rules} }}\n");
    assert_eq!(codes(&text), [Code::UNKNOWN_INPUT]);
}

#[test]
fn limits_with_holes_wait_for_the_plan() {
    let rows = "{ symptom: Busy, if: { load: '> {{ target.limit }}' }, action: rollback }";
    assert_eq!(codes(&table(rows)), []);
}

#[test]
fn stages_inside_stages_have_one_name_for_two_values() {
    let inner = "{ id: inner, stages: { every: 1s, table: [{ percent: 100, wait: 1m }], steps: [{ id: set, exec: [weight, \
                 '{{ stage.percent }}'], effect: read }] } }";
    let text = format!(
        "steps: [{{ id: outer, stages: {{ every: 1s, table: [{{ percent: 100, wait: 1m }}], steps: [{inner}] }} }}]\n"
    );
    assert_eq!(codes(&text), [Code::NAME_CLASH]);
}

/// A runbook of these metrics with a table of one of them.
fn judged(metrics: &str, good: &str, bad: &str) -> String {
    format!(
        "metrics:\n{metrics}\nguards: {{ every: 10s, hit: worst, rules: [{{ symptom: Good, if: {good}, action: ok }}, \
         {{ symptom: Bad, if: {bad}, action: abort }}, {{ otherwise: abort }}, {{ no_data: inconclusive }}] }}\n\
         steps: [{{ id: a, wait: 1m }}]\n"
    )
}

#[test]
fn a_histogram_in_a_ratio_is_not_to_be_taken_for_zero() {
    let found = |of: &str| {
        let part = |name: &str| {
            format!(
                "  {name}: {{ scrape: {{ url: 'http://a/metrics', series: 'h{{c=\"{name}\"}}', delta: 1m }}, {of} }}\n"
            )
        };
        let metrics = part("canary") + &part("main") + "  slower: { ratio: { of: canary, to: main } }";
        advice(&judged(&metrics, "{ slower: '<= 120%' }", "{ slower: '> 120%' }"))
    };
    assert!(!found("quantile: 0.95, unit: s, min_samples: 59").contains(&Code::ABSENT_SERIES));
    assert!(found("unit: count").contains(&Code::ABSENT_SERIES));
}

#[test]
fn a_rate_that_says_no_unit_is_per_second() {
    let metric = "  m: { scrape: { url: 'http://a/metrics', series: c, rate: 10s } }";
    let found =
        |limit: &str| codes(&judged(metric, &format!("{{ m: '< {limit}' }}"), &format!("{{ m: '>= {limit}' }}")));
    assert_eq!(found("100/min"), []);
    assert_eq!(found("100"), [Code::WRONG_UNIT, Code::WRONG_UNIT], "per second, or per minute?");
}

#[test]
fn a_row_whose_only_condition_cannot_be_read_is_not_said_to_have_none() {
    let row = |condition: &str| {
        format!(
            "runbook: v1\nname: demo\nmetrics: {{ a: {{ shell: ./a, effect: read, unit: count }} }}\nsteps:\n  \
             - id: look\n    decide:\n      every: 10s\n      over: 5m\n      hit: worst\n      rules:\n        \
             - {{ symptom: High, if: {{ a: {condition} }}, action: abort }}\n        \
             - {{ symptom: Low, if: {{ a: '<= 5' }}, action: ok }}\n        - {{ otherwise: abort }}\n        - {{ no_data: abort }}\n"
        )
    };
    let said = |condition: &str| {
        let (book, mut problems) = read(&Source::new("top.yml", row(condition)));
        problems.extend(check(&book.unwrap(), &Files(BTreeMap::new())));
        problems.into_iter().filter(|p| p.severity == Severity::Error).map(|p| p.message).collect::<Vec<_>>()
    };
    assert_eq!(said("{ in_a_row: 3, is: '> 5' }"), Vec::<String>::new());
    assert_eq!(said("{ in_a_row: 4294967296, is: '> 5' }"), ["`in_a_row` needs a number from 1 to 10000"]);
}
