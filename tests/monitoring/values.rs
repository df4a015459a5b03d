//! What a metric is worth: units, parts of ratios, changes over outages, and what its source says that cannot be.

use std::cell::Cell;

use runbook::decide::Ruling;
use runbook::machine::action::{Captured, Done, HttpAnswer, ReadValue, Series};

use super::hours::{Hours, MINUTE, SECOND};

/// A runbook that looks once, or for as long as `over` says, at one metric.
fn judged(metrics: &str, limits: [&str; 2], over: &str) -> String {
    format!(
        r#"
runbook: v1
name: judged
metrics:
{metrics}
steps:
  - id: look
    decide:
      {over}
      hit: worst
      rules:
        - {{ symptom: Good, if: {{ m: {good} }}, action: ok }}
        - {{ symptom: Bad, if: {{ m: {bad} }}, action: abort }}
        - {{ otherwise: abort }}
        - {{ no_data: inconclusive }}
"#,
        good = limits[0],
        bad = limits[1],
    )
}

fn counter(name: &str, count: f64) -> ReadValue {
    ReadValue::Series(vec![Series { name: name.into(), counts: vec![(None, count)] }])
}

fn answered(status: u16, body: &str) -> ReadValue {
    ReadValue::Done(Box::new(Done {
        http: Some(HttpAnswer { status, ..HttpAnswer::default() }),
        stdout: Some(Captured { bytes: body.len() as u64, text: Some(body.into()), ..Captured::default() }),
        ..Done::default()
    }))
}

fn last(text: &str, script: impl Fn(&str, u64) -> ReadValue + 'static) -> Ruling {
    let mut run = Hours::of(text, script);
    run.go(10 * MINUTE);
    run.rulings("main.look").last().expect("a look").1
}

#[test]
fn a_ratio_of_seconds_and_milliseconds_is_one_of_times() {
    let metrics = r#"
  canary: { prometheus: canary, url: "http://127.0.0.1:9090", unit: s }
  main: { prometheus: main, url: "http://127.0.0.1:9090", unit: ms }
  m: { ratio: { of: canary, to: main } }
"#;
    let text = judged(metrics, [r#""<= 120%""#, r#""> 120%""#], "");
    for (canary, ruling) in [(5.0, Ruling::Abort), (0.2, Ruling::Ok)] {
        let read = move |name: &str, _| ReadValue::Number(if name == "canary" { canary } else { 200.0 });
        assert_eq!(last(&text, read), ruling, "{canary} s and 200 ms");
    }
}

#[test]
fn a_part_of_a_ratio_needs_its_own_observations() {
    let part = |name: &str| {
        format!(
            "  {name}: {{ prometheus: {name}, url: \"http://127.0.0.1:9090\", samples: {name}_count, min_samples: 59, unit: s }}"
        )
    };
    let metrics = format!("{}\n{}\n  m: {{ ratio: {{ of: canary, to: main }} }}", part("canary"), part("main"));
    let text = judged(&metrics, [r#""<= 120%""#, r#""> 120%""#], "");
    for (behind_main, ruling) in [(1.0, Ruling::Inconclusive), (59.0, Ruling::Ok)] {
        let read = move |name: &str, _| match name {
            "canary#samples" => ReadValue::Number(100.0),
            "main#samples" => ReadValue::Number(behind_main),
            _ => ReadValue::Number(0.2),
        };
        assert_eq!(last(&text, read), ruling, "{behind_main} observations");
    }
}

/// Requests of two steps; the names of their items say which get no answer within a second.
fn requests(of: &str, to: &str, metrics: &str, limits: [&str; 2]) -> String {
    let step = |id: &str, items: &str| {
        format!(
            r#"
  - id: {id}s
    for_each:
      in: [{items}]
      as: item
      key: item
      parallel: 2
      collect: true
      steps:
        - {{ id: {id}, severity: warn, timeout: 1s, http: {{ get: "http://127.0.0.1/{{{{ item }}}}" }} }}"#
        )
    };
    let judged = judged(metrics, limits, "");
    judged.replace("steps:\n  - id: look", &format!("steps:{}{}\n  - id: look", step("canary", of), step("main", to)))
}

#[test]
fn a_ratio_of_what_was_not_waited_for_is_at_least_that_or_nothing() {
    let metrics = r#"
  canary_slowest: { latency_of: canary, reduce: max }
  main_slowest: { latency_of: main, reduce: max }
  m: { ratio: { of: canary_slowest, to: main_slowest } }
"#;
    let cases = [
        ("unanswered1", "unanswered2", Ruling::Inconclusive),
        ("fast1", "unanswered2", Ruling::Inconclusive),
        ("unanswered1", "fast2", Ruling::Abort),
        ("fast1", "fast2", Ruling::Ok),
    ];
    for (of, to, ruling) in cases {
        let text = requests(of, to, metrics, [r#""<= 120%""#, r#""> 120%""#]);
        assert_eq!(last(&text, |_, _| ReadValue::Empty), ruling, "{of} to {to}");
    }
}

#[test]
fn the_last_request_is_the_newest_of_all_instances() {
    let metrics = "  m: { latency_of: canary, reduce: last }";
    for items in ["unanswered1, fast1", "fast1, unanswered1"] {
        let text = requests(items, "fast2", metrics, [r#""< 500ms""#, r#"">= 500ms""#]);
        assert_eq!(last(&text, |_, _| ReadValue::Empty), Ruling::Abort, "{items}: the slow one ended last");
    }
}

#[test]
fn requests_of_long_ago_are_no_data_also_where_nothing_says_how_old_they_may_be() {
    let metrics = "  m: { latency_of: canary, quantile: 0.95, min_samples: 1 }";
    let text = requests("fast1", "fast2", metrics, [r#""< 500ms""#, r#"">= 500ms""#]);
    for (pause, ruling) in [("4m", Ruling::Ok), ("6m", Ruling::Inconclusive)] {
        let text = text.replace("  - id: look", &format!("  - {{ id: rest, wait: {pause} }}\n  - id: look"));
        assert_eq!(last(&text, |_, _| ReadValue::Empty), ruling, "after {pause}");
    }
}

/// All requests fail from second 60 on; from 30 to 60 nobody can read anything.
fn outage(name: &str, second: u64) -> ReadValue {
    let before = 10.0 * second.min(60) as f64;
    let failed = 10.0 * second.saturating_sub(60) as f64;
    match name {
        _ if (30..60).contains(&second) => ReadValue::Unreadable("connection refused".into()),
        "failed" => counter("failed", failed),
        _ => counter("all", before + failed),
    }
}

#[test]
fn a_change_over_an_outage_is_not_the_change_of_the_last_seconds() {
    let text = r#"
runbook: v1
name: outage
metrics:
  failed: { scrape: { url: "http://127.0.0.1/metrics", series: failed, delta: 5s }, unit: count }
  all: { scrape: { url: "http://127.0.0.1/metrics", series: all, delta: 5s }, unit: count }
  errors: { ratio: { of: failed, to: all }, min_samples: 10 }
steps:
  - id: soak
    wait: 5m
    guards:
      every: 1s
      hit: worst
      rules:
        - { symptom: Good, if: { errors: "<= 20%" }, action: ok }
        - { symptom: Bad, if: { errors: "> 20%" }, action: abort }
        - { otherwise: abort }
        - { no_data: inconclusive }
"#;
    let mut run = Hours::of(text, outage);
    run.go(10 * MINUTE);
    let rulings = run.rulings("main.soak~guard");
    let after: Vec<_> = rulings.iter().filter(|(second, _)| *second >= 30).copied().collect();
    assert_eq!(after, [(30, Ruling::Inconclusive), (65, Ruling::Abort)], "{rulings:?}");
}

#[test]
fn a_tool_that_was_away_does_not_count_the_time_of_its_absence() {
    let text = r#"
runbook: v1
name: away
metrics:
  all: { scrape: { url: "http://127.0.0.1/metrics", series: all, delta: 5s }, unit: count }
steps:
  - id: soak
    wait: 5m
    guards:
      every: 1s
      hit: worst
      rules:
        - { symptom: Traffic, if: { all: ">= 10" }, action: ok }
        - { symptom: None, if: { all: "< 10" }, action: hold }
        - { otherwise: abort }
        - { no_data: inconclusive }
"#;
    let mut run = Hours::of(text, |_, second| counter("all", 10.0 * second.min(30) as f64));
    run.go(20 * SECOND).killed_for(60 * SECOND).go(20 * SECOND);
    let after: Vec<_> = run.rulings("main.soak~guard").into_iter().filter(|(second, _)| *second >= 60).collect();
    assert_eq!(after.iter().map(|(_, ruling)| *ruling).collect::<Vec<_>>(), [Ruling::Inconclusive, Ruling::Hold]);
}

#[test]
fn a_rate_is_told_in_its_unit() {
    for (unit, limit) in [("", "5/s"), (", unit: /s", "5/s"), (", unit: /min", "300/min"), (", unit: /min", "5/s")] {
        let metrics = format!("  m: {{ scrape: {{ url: \"http://127.0.0.1/metrics\", series: c, rate: 10s }}{unit} }}");
        let text =
            judged(&metrics, [&format!("\"< {limit}\""), &format!("\">= {limit}\"")], "over: 1m\n      every: 2s");
        for (per_second, ruling) in [(4.9, Ruling::Ok), (5.1, Ruling::Abort)] {
            let read = move |_: &str, second: u64| counter("c", per_second * second as f64);
            assert_eq!(last(&text, read), ruling, "{per_second} per second{unit}, < {limit}");
        }
    }
}

#[test]
fn what_cannot_be_below_zero_and_is_is_no_data() {
    let of_query = |unit: &str| format!("  m: {{ prometheus: m, url: \"http://127.0.0.1:9090\"{unit} }}");
    let ratio = r#"
  part: { prometheus: part, url: "http://127.0.0.1:9090", unit: "%" }
  all: { prometheus: all, url: "http://127.0.0.1:9090", unit: "%" }
  m: { ratio: { of: part, to: all } }
"#;
    let cases = [
        (of_query(", unit: count"), "100", Ruling::Inconclusive),
        (of_query(", unit: MiB"), "100MiB", Ruling::Inconclusive),
        (of_query(", unit: ms"), "100ms", Ruling::Ok),
        (of_query(", unit: MiB").replace("prometheus: m", "prometheus: 'delta(m[5m])'"), "100MiB", Ruling::Ok),
        (ratio.to_string(), "5%", Ruling::Inconclusive),
    ];
    for (metrics, limit, ruling) in cases {
        let text = judged(&metrics, [&format!("\"< {limit}\""), &format!("\">= {limit}\"")], "");
        let read = |name: &str, _| ReadValue::Number(if name == "all" { 100.0 } else { -5.0 });
        assert_eq!(last(&text, read), ruling, "{metrics}");
    }
}

#[test]
fn an_answer_of_a_status_that_is_asked_for_says_what_the_metric_is() {
    let metrics =
        |status: &str| format!("  m: {{ http: {{ get: \"http://127.0.0.1/health\"{status} }}, value: json.status }}");
    let cases = [
        ("", 200, r#"{"status": "ok"}"#, Ruling::Ok),
        ("", 503, r#"{"status": "down"}"#, Ruling::Inconclusive),
        (", status: [200, 503]", 503, r#"{"status": "down"}"#, Ruling::Abort),
        (", status: [200, 503]", 200, r#"{"status": "ok"}"#, Ruling::Ok),
        (", status: [200, 503]", 502, r#"{"status": "ok"}"#, Ruling::Inconclusive),
        (", status: [200, 503]", 503, "<html>nobody there</html>", Ruling::Inconclusive),
    ];
    for (asked, status, body, ruling) in cases {
        let text = judged(&metrics(asked), ["ok", r#""!= ok""#], "");
        assert_eq!(last(&text, move |_, _| answered(status, body)), ruling, "{asked} {status} {body}");
    }
}

#[test]
fn a_ratio_may_be_as_old_as_its_parts() {
    let text = |stale_after: &str| {
        let part = |name: &str| {
            format!(
                "  {name}: {{ scrape: {{ url: \"http://127.0.0.1/metrics\", series: {name} }}, unit: count{stale_after} }}\n"
            )
        };
        let metrics = part("part") + &part("all") + "  m: { ratio: { of: part, to: all } }";
        judged(&metrics, [r#""< 5%""#, r#"">= 5%""#], "")
    };
    for (stale_after, ruling) in [("", Ruling::Inconclusive), (", stale_after: 30m", Ruling::Ok)] {
        let mut run =
            Hours::of(&text(stale_after), |name, _| ReadValue::Number(if name == "all" { 100.0 } else { 1.0 }));
        run.stamped_us = Some((1_767_225_600 - 600) * SECOND);
        run.go(MINUTE);
        assert_eq!(run.rulings("main.look").last().map(|(_, ruling)| *ruling), Some(ruling), "{stale_after}");
    }
}

#[test]
fn how_old_a_series_of_prometheus_is_is_asked_beside_it() {
    let metrics = r#"
  m: { prometheus: 'app_queue{job="a"}', url: "http://127.0.0.1:9090", stale_after: 30s, unit: count }
"#;
    let text = judged(metrics, [r#""< 5""#, r#"">= 5""#], "");
    let at = |age_s: f64| ReadValue::Number(1_767_225_600.0 - age_s);
    let cases = [
        (at(20.0), Ruling::Ok),
        (at(40.0), Ruling::Inconclusive),
        (ReadValue::Empty, Ruling::Inconclusive),
        (ReadValue::Unreadable("no answer".into()), Ruling::Inconclusive),
    ];
    for (time, ruling) in cases {
        let (words, asked) = (format!("{time:?}"), Cell::new(0));
        let mut run = Hours::of(&text, move |name, _| {
            asked.set(asked.get() + 1);
            if name == "m#time" { time.clone() } else { ReadValue::Number(1.0) }
        });
        run.stamped_us = Some(1_767_225_600 * SECOND);
        run.go(MINUTE);
        assert_eq!(run.rulings("main.look").last().map(|(_, ruling)| *ruling), Some(ruling), "{words}");
    }
}

#[test]
fn a_series_that_is_not_there_is_zero_only_beside_one_of_the_same_name() {
    let book = |all: &str| {
        let metrics = format!(
            "  m: {{ scrape: {{ url: \"http://127.0.0.1/metrics\", series: 'requests_total{{s=\"5\"}}' }}, absent: 0, unit: count }}\n  \
             other: {{ scrape: {{ url: \"http://127.0.0.1/metrics\", series: threads }}, unit: count }}\n  \
             all: {{ scrape: {{ url: \"http://127.0.0.1/metrics\", series: {all} }}, unit: count }}"
        );
        judged(&metrics, [r#""< 5""#, r#"">= 5""#], "")
    };
    let page = |name: &str, _| if name == "m" { ReadValue::Empty } else { ReadValue::Number(1.0) };
    assert_eq!(last(&book("requests_total"), page), Ruling::Ok);
    let misspelled = |name: &str, _| if name == "other" { ReadValue::Number(1.0) } else { ReadValue::Empty };
    assert_eq!(last(&book("requests_total"), misspelled), Ruling::Inconclusive);
}
