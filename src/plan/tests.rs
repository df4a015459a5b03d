use super::model::{MetricSource, NodeKind, Plan, Target};
use super::{Library, Request, Unreadable, build, encode};
use crate::runbook::model::Runbook;
use crate::runbook::read;
use crate::text::{Code, Diagnostic, Source};
use serde_json::json;
use std::collections::BTreeMap;

/// One other runbook, as `inner.yml`.
struct Shelf(&'static str);

impl Library for Shelf {
    fn runbook(&self, _from: &Source, _path: &str) -> Result<(Source, Runbook), Unreadable> {
        let source = Source::new("inner.yml", self.0);
        let (book, problems) = read(&source);
        assert!(problems.is_empty(), "{problems:?}");
        Ok((source, book.unwrap()))
    }

    fn sha256(&self, _source: &Source) -> String {
        "00".repeat(32)
    }

    fn file_sha256(&self, _path: &str) -> Result<String, String> {
        Ok("00".repeat(32))
    }
}

fn request<'a>(text: &str, shelf: &'a Shelf) -> Request<'a> {
    let source = Source::new("a.yml", text);
    let (book, problems) = read(&source);
    assert!(problems.is_empty(), "{problems:?}");
    let values = json!({ "prometheus": "http://prom:9090", "app": "http://app", "log": "/var/log/app.log", "unit": "app", "limit": "5%", "soak": 90 });
    Request {
        source,
        runbook: book.unwrap(),
        given: BTreeMap::new(),
        target: Some(Target { name: "prod".into(), values }),
        target_source: None,
        policies: Default::default(),
        library: shelf,
        around: Default::default(),
    }
}

fn planned(text: &str) -> Plan {
    build(request(text, &Shelf(""))).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn refused(text: &str, inner: &'static str) -> Vec<Diagnostic> {
    build(request(text, &Shelf(inner))).unwrap_err()
}

/// A runbook of one guard on one metric.
fn guarded(cell: &str, every: &str) -> String {
    format!(
        "runbook: v1\nname: demo\nmetrics: {{ load: {{ shell: ./load, effect: read, unit: '%' }} }}\n\
         guards:\n  every: {every}\n  hit: worst\n  investigate: {{ within: 15m, then: rollback }}\n  rules:\n    \
         - {{ symptom: Busy, if: {{ load: {cell} }}, for: 5m, action: rollback }}\n    - {{ otherwise: investigate }}\n    \
         - {{ no_data: inconclusive }}\nsteps: [{{ id: a, wait: 1s }}]\n"
    )
}

#[test]
fn limits_and_times_of_a_table_are_filled_in_when_planning() {
    let plan = planned(&guarded("\"> {{ target.limit }}\"", "\"{{ target.soak }}\""));
    let guards = plan.guards(plan.forward).unwrap();
    assert_eq!(guards.table.rows[0].conditions[0].cell.to_string(), "> 5%");
    assert_eq!(guards.table.every_us, 90_000_000);
    assert_eq!(guards.table.rows[0].for_us, Some(300_000_000));
    assert_eq!(guards.otherwise.ask.as_ref().map(|ask| ask.within_us), Some(900_000_000));
    assert_eq!(guards.rows[0].ask, None);
}

#[test]
fn times_counts_and_marks_come_from_inputs_and_the_target() {
    let plan = planned(
        "runbook: v1\nname: demo\ninputs: { late: { type: duration, default: 5m }, few: { type: int, default: 59 } }\n\
         metrics:\n  load: { prometheus: load, samples: n, unit: '%', min_samples: '{{ inputs.few }}', \
         stale_after: '{{ target.soak }}', timeout: '{{ inputs.late }}' }\n\
         guards:\n  every: 10s\n  gap: '{{ target.soak }}'\n  hit: worst\n  \
         investigate: { within: '{{ inputs.late }}', then: rollback }\n  rules:\n    \
         - { symptom: Rises, if: { load: { slope: '> 1%/min', over: '{{ target.soak }}' } }, for: '{{ inputs.late }}', action: hold }\n    \
         - { otherwise: investigate }\n    - { no_data: inconclusive }\n\
         steps: [{ id: a, wait: 1s, at: 'T+{{ inputs.late }}' }, { id: b, wait: { until: 'T+{{ target.soak }}' } }]\n",
    );
    let guards = plan.guards(plan.forward).unwrap();
    let metric = &guards.table.metrics["load"];
    assert_eq!((metric.min_samples, metric.stale_after_us), (Some(59), Some(90_000_000)));
    assert_eq!((guards.table.gap_us, guards.table.rows[0].for_us), (Some(90_000_000), Some(300_000_000)));
    assert_eq!(guards.table.rows[0].conditions[0].cell.over_us(), Some(90_000_000));
    assert_eq!(guards.otherwise.ask.as_ref().map(|ask| ask.within_us), Some(300_000_000));
    assert_eq!((plan.metrics[0].timeout_us, plan.metrics[0].min_samples), (Some(300_000_000), Some(59)));
    let marks = plan.nodes.iter().filter_map(|node| node.marks.at_us).collect::<Vec<i64>>();
    let until = plan.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::WaitUntil(until) => Some(until.mark_us),
        _ => None,
    });
    assert_eq!((marks, until), (vec![300_000_000], Some(90_000_000)));
}

#[test]
fn a_mark_or_a_count_that_is_filled_with_something_else_is_refused() {
    for (from, to) in [
        ("at: T+5m", "at: 'T+{{ target.app }}'"),
        ("min_samples: 59", "min_samples: '{{ target.app }}'"),
        ("min_samples: 59", "min_samples: '{{ target.nothing }}'"),
    ] {
        let text = guarded("\"> 5%\"", "10s")
            .replace("shell: ./load, effect: read,", "prometheus: load, samples: n, min_samples: 59,")
            .replace("wait: 1s", "wait: 1s, at: T+5m");
        let problems = refused(&text.replace(from, to), "");
        assert!(problems.iter().all(|problem| problem.code == Code::NOT_KNOWN), "{to}: {problems:?}");
    }
}

#[test]
fn a_limit_that_is_filled_with_something_else_is_refused_at_its_place() {
    let problems = refused(&guarded("\"> {{ target.app }}\"", "10s"), "");
    assert_eq!(problems[0].code, Code::NOT_KNOWN);
    assert!(problems[0].place.to_string().starts_with("a.yml:9"), "{}", problems[0].place);
    let wrong_unit = refused(&guarded("\"> {{ target.soak }}\"", "10s"), "");
    assert_eq!(wrong_unit[0].code, Code::WRONG_UNIT, "{wrong_unit:?}");
}

#[test]
fn the_digest_of_a_plan_covers_limits_metrics_and_marks() {
    let digest = |text: &str| encode(&planned(text)).1;
    let plain = guarded("\"> 5%\"", "10s");
    let changed = [
        guarded("\"> 6%\"", "10s"),
        guarded("\"> 5%\"", "20s"),
        plain.replace("./load", "./load --all"),
        plain.replace("for: 5m", "for: 6m"),
        plain.replace("within: 15m", "within: 16m"),
        plain.replace("otherwise: investigate", "otherwise: hold"),
        plain.replace("wait: 1s", "wait: 1s, at: T+5m"),
        format!("{plain}window: {{ allow: Mon UTC }}\n"),
        format!("{plain}anchor: {{ end_of: a }}\n"),
    ];
    let mut digests: Vec<String> = changed.iter().map(|text| digest(text)).chain([digest(&plain)]).collect();
    assert_eq!(digest(&plain), digest(&plain));
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), changed.len() + 1);
}

#[test]
fn a_plan_survives_being_stored() {
    for text in [
        include_str!("../../tests/fixtures/good/metrics.yml"),
        include_str!("../../tests/fixtures/good/decide.yml"),
        include_str!("../../tests/fixtures/good/stages.yml"),
        include_str!("../../tests/fixtures/good/schedule.yml"),
        include_str!("../../tests/fixtures/good/watch.yml"),
    ] {
        let plan = planned(text);
        let (bytes, digest) = encode(&plan);
        let read: Plan = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read, plan);
        assert_eq!(encode(&read).1, digest);
    }
}

#[test]
fn criteria_that_are_the_same_as_above_stand_in_every_stage() {
    let plan = planned(include_str!("../../tests/fixtures/good/stages.yml"));
    let stages = plan.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Stages(stages) => Some(stages),
        _ => None,
    });
    let criteria: Vec<usize> = stages.unwrap().table.iter().map(|stage| stage.criteria.len()).collect();
    assert_eq!(criteria, [2, 2, 2, 1, 0]);
}

#[test]
fn prometheus_is_where_the_target_says_unless_the_metric_does() {
    let text = "runbook: v1\nname: demo\nmetrics:\n  up: { prometheus: up }\nsteps: [{ id: a, wait: 1s }]\n";
    let plan = planned(text);
    let MetricSource::Prometheus { url, .. } = &plan.metrics[0].source else { panic!("{:?}", plan.metrics) };
    assert_eq!(url.text, "{{ target.prometheus }}");
}

#[test]
fn guards_and_metrics_of_an_included_runbook_stay_in_its_scope() {
    let outer = "runbook: v1\nname: outer\nsteps: [{ id: inner, run: { runbook: inner.yml } }]\n";
    const INNER: &str = include_str!("../../tests/fixtures/good/guards.yml");
    let plan = build(request(outer, &Shelf(INNER))).unwrap();
    assert_eq!(plan.metrics[0].scope, 1);
    assert!(plan.nodes.iter().any(|node| node.scope == 1 && node.guards.is_some()));
}

#[test]
fn an_included_runbook_may_not_have_a_schedule_of_its_own() {
    let outer = "runbook: v1\nname: outer\nsteps: [{ id: inner, run: { runbook: inner.yml } }]\n";
    let problems = refused(
        outer,
        "runbook: v1\nname: inner\nwindow: { allow: Mon UTC }\nanchor: { end_of: a }\nsteps: [{ id: a, wait: 1s }]\n",
    );
    assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), [Code::INNER_SCHEDULE; 2]);
}

mod gates {
    use super::*;
    use crate::plan::{Around, idle_waivers, paths};
    use crate::runbook::read_waivers;

    const BOOK: &str = "runbook: v1\nname: demo\nphases:\n  - id: look\n    steps:\n      - { id: a, shell: 'true', effect: read }\n      \
                        - { id: e, for_each: { in: [x, y], steps: [{ id: b, shell: 'true', effect: read }] } }\n      \
                        - { id: i, run: { runbook: inner.yml } }\n  - id: change\n    steps:\n      - { id: c, shell: make }\n";
    const INNER: &str = "runbook: v1\nname: inner\nsteps: [{ id: d, shell: 'true', effect: read }]\n";

    fn roled<'a>(roles: &str, people: serde_json::Value, operator: Option<&str>, shelf: &'a Shelf) -> Request<'a> {
        let book = format!(
            "runbook: v1\nname: demo\nsteps:\n  - id: go\n    checkpoint: {{ title: Go?, roles: {{ {roles} }} }}\n"
        );
        let mut request = request(&book, shelf);
        request.target = Some(Target { name: "prod".into(), values: json!({ "roles": people }) });
        request.around.operator = operator.map(String::from);
        request
    }

    fn codes(request: Request<'_>) -> Vec<Code> {
        build(request).err().unwrap_or_default().into_iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn a_checkpoint_knows_its_people_from_the_target() {
        let people = json!({ "lead": ["mo", "li", "mo"], "dba": ["kim"], "cook": ["eve"] });
        let plan = build(roled("lead: 2, dba: 1", people, None, &Shelf(""))).unwrap();
        let gates = plan.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Checkpoint { gate, .. } => Some(gate),
            _ => None,
        });
        let gate = gates.collect::<Vec<_>>().pop().unwrap();
        assert_eq!(json!(gate.people), json!({ "dba": ["kim"], "lead": ["li", "mo"] }));
        assert_eq!(json!(gate.roles), json!({ "dba": 1, "lead": 2 }));
    }

    #[test]
    fn quorums_must_be_met_by_different_people_who_do_not_run_it() {
        let none = Vec::new();
        let cases = [
            ("lead: 1", json!({ "lead": ["li"] }), None, none.clone()),
            ("lead: 1", json!({ "lead": ["li"] }), Some("li"), vec![Code::TOO_FEW_PEOPLE]),
            ("lead: 1", json!({ "lead": ["li", "mo"] }), Some("li"), none.clone()),
            ("lead: 1, dba: 1", json!({ "lead": ["li"], "dba": ["li"] }), None, vec![Code::TOO_FEW_PEOPLE]),
            ("lead: 1, dba: 1", json!({ "lead": ["li"], "dba": ["li", "mo"] }), None, none.clone()),
            ("lead: 1, dba: 1", json!({ "lead": ["li"], "dba": ["li", "mo"] }), Some("mo"), vec![Code::TOO_FEW_PEOPLE]),
            ("a: 1, b: 1, c: 1", json!({ "a": ["x", "y"], "b": ["x", "z"], "c": ["x"] }), None, none.clone()),
            ("a: 2, b: 1", json!({ "a": ["x", "y"], "b": ["x", "y"] }), None, vec![Code::TOO_FEW_PEOPLE]),
            ("lead: 1", json!({ "dba": ["li"] }), None, vec![Code::ROLE_UNKNOWN]),
            ("lead: 1", json!("li"), None, vec![Code::ROLE_UNKNOWN]),
            // Nobody is everybody because a target says so.
            ("lead: 1", json!({ "lead": ["*"] }), None, vec![Code::ROLE_UNKNOWN]),
        ];
        for (roles, people, operator, wanted) in cases {
            let shown = format!("{roles} {people} {operator:?}");
            assert_eq!(codes(roled(roles, people, operator, &Shelf(""))), wanted, "{shown}");
        }
    }

    #[test]
    fn overriding_a_window_takes_somebody_else_where_it_says_so_or_in_production() {
        let second = |window: &str, values: serde_json::Value| {
            let book = format!("runbook: v1\nname: demo\nwindow: {{ {window} }}\nsteps: [{{ id: a, wait: 1s }}]\n");
            let shelf = Shelf("");
            let mut request = request(&book, &shelf);
            request.target = Some(Target { name: "prod".into(), values });
            let plan = build(request).unwrap();
            let node = plan.schedule.second_look()?;
            match &plan.node(node).kind {
                NodeKind::Checkpoint { gate, .. } => Some(json!(gate.people)),
                _ => None,
            }
        };
        let night = "allow: 00:00-03:00 UTC";
        assert_eq!(second(night, json!({ "environment": "staging" })), None);
        assert_eq!(second(night, json!({ "environment": "production" })), Some(json!({ "second-person": ["*"] })));
        let named = json!({ "environment": "staging", "roles": { "lead": ["li"] } });
        assert_eq!(second(&format!("{night}, override: lead"), named), Some(json!({ "lead": ["li"] })));
    }

    fn waiving(waivers: &str, now: &str) -> Around {
        let (waivers, problems) = read_waivers(&Source::new("waivers.yml", waivers));
        assert!(problems.is_empty(), "{problems:?}");
        let now_us = now.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        Around { now_us: Some(now_us), waivers, ..Around::default() }
    }

    fn waiver(step: &str) -> String {
        format!("- {{ step: '{step}', person: li, reason: CHG-7, until: 2026-03-02 }}\n")
    }

    #[test]
    fn a_waiver_holds_to_the_end_of_its_day_and_is_kept_where_it_names_a_step() {
        for (step, kept) in
            [("look.a", 1), ("look.e.b", 1), ("look.e[x].b", 1), ("look.i/d", 1), ("look.nothing", 0), ("look", 0)]
        {
            let mut request = request(BOOK, &Shelf(INNER));
            request.around = waiving(&waiver(step), "2026-03-02T23:59:59Z");
            let plan = build(request).unwrap_or_else(|problems| panic!("{problems:?}"));
            assert_eq!(plan.waivers.len(), kept, "{step}");
            let idle = idle_waivers(&plan, &waiving(&waiver(step), "2026-03-02T00:00:00Z").waivers, None);
            assert_eq!(idle.len(), 1 - kept, "{step}");
        }
        let mut late = request(BOOK, &Shelf(INNER));
        late.around = waiving(&waiver("look.a"), "2026-03-03T00:00:00Z");
        assert_eq!(codes(late), [Code::WAIVER_EXPIRED]);
        let mut change = request(BOOK, &Shelf(INNER));
        change.around = waiving(&waiver("change.c"), "2026-03-01T00:00:00Z");
        assert_eq!(codes(change), [Code::WAIVER_FOR_A_CHANGE]);
    }

    #[test]
    fn a_waiver_by_the_operator_is_told() {
        let mut request = request(BOOK, &Shelf(INNER));
        let around = waiving(&waiver("look.a"), "2026-03-01T00:00:00Z");
        let waivers = around.waivers.clone();
        request.around = around;
        let plan = build(request).unwrap();
        assert_eq!(idle_waivers(&plan, &waivers, Some("li"))[0].code, Code::WAIVER_BY_OPERATOR);
        assert!(idle_waivers(&plan, &waivers, Some("mo")).is_empty());
    }

    #[test]
    fn a_window_binds_from_the_first_phase_that_changes_anything() {
        let mut all = request(BOOK, &Shelf(INNER));
        all.around = Around::default();
        let plan = build(all).unwrap();
        assert_eq!(paths::bound_from(&plan), 1);
        assert_eq!(paths::without_keys("a[x.y].b[5%]/c"), "a.b/c");
        let looks = planned("runbook: v1\nname: demo\nsteps: [{ id: a, shell: 'true', effect: read }]\n");
        assert_eq!(paths::bound_from(&looks), 0);
    }

    #[test]
    fn what_nobody_asks_for_leaves_no_trace_in_a_plan() {
        let plain = planned("runbook: v1\nname: demo\nsteps: [{ id: go, checkpoint: { title: Go? } }]\n");
        let text = String::from_utf8(encode(&plain).0).unwrap();
        assert!(!text.contains("gate") && !text.contains("waivers") && !text.contains("second_look"), "{text}");
    }
}

/// A runbook of rounds and a mark whose times are inputs.
fn scheduled(every: &str, until: &str, latest: &str) -> String {
    format!(
        "runbook: v1\nname: demo\ninputs:\n  every: {{ type: duration, default: {every} }}\n  \
         until: {{ type: duration, default: {until} }}\n  latest: {{ type: duration, default: {latest} }}\nsteps:\n  \
         - id: again\n    rounds: {{ times: [{{ every: '{{{{ inputs.every }}}}', until: '{{{{ inputs.until }}}}' }}], \
         steps: [{{ id: look, shell: ./look, effect: read }}] }}\n  \
         - {{ id: a, wait: 1s, at: T+5s, not_after: 'T+{{{{ inputs.latest }}}}' }}\n"
    )
}

#[test]
fn rounds_and_marks_that_inputs_make_impossible_are_refused() {
    assert_eq!(planned(&scheduled("10s", "1m", "10s")).nodes.len(), planned(&scheduled("5s", "1m", "1h")).nodes.len());
    let cases = [
        ("0s", "1m", "10s", "rounds need a distance"),
        ("10s", "5s", "10s", "no round fits before"),
        ("1us", "30d", "10s", "rounds are too many"),
        ("10s", "1m", "1s", "is not after"),
    ];
    for (every, until, latest, wanted) in cases {
        let problems = refused(&scheduled(every, until, latest), "");
        assert!(problems.iter().any(|p| p.message.contains(wanted)), "{every} {until} {latest}: {problems:?}");
    }
}

#[test]
fn a_tolerance_of_a_share_is_some_percent_points_wherever_it_comes_from() {
    let staged = |tolerance: &str| {
        format!(
            "runbook: v1\nname: demo\ninputs: {{ tolerance: {{ default: '{tolerance}' }} }}\n\
             metrics: {{ share: {{ shell: ./share, effect: read, unit: '%' }} }}\nsteps:\n  - id: rollout\n    stages:\n      \
             every: 1s\n      share: {{ metric: share, tolerance: '{{{{ inputs.tolerance }}}}' }}\n      \
             extend: {{ max: 1, then: rollback }}\n      table: [{{ percent: 25, wait: 1m }}, {{ percent: 100, wait: 1m }}]\n      \
             steps: [{{ id: set, shell: './weight {{{{ stage.percent }}}}', undo: {{ shell: ./weight 0 }} }}]\n"
        )
    };
    planned(&staged("3%"));
    for wrong in ["3", "100ms", "-2%", "0%"] {
        let problems = refused(&staged(wrong), "");
        assert!(problems.iter().any(|p| p.message.contains("needs percent points")), "{wrong}: {problems:?}");
    }
}
