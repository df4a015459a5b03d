//! The preview of metrics, tables, stages and schedules, from runbooks as people write them.

use crate::plan::model::{Plan, Target};
use crate::plan::{Library, Request, Unreadable, build};
use crate::report::{Look, PreviewStyle, preview};
use crate::runbook::model::Runbook;
use crate::runbook::read;
use crate::text::Source;
use serde_json::json;
use snapbox::{assert_data_eq, str};
use std::collections::BTreeMap;

struct Nothing;

impl Library for Nothing {
    fn runbook(&self, _: &Source, path: &str) -> Result<(Source, Runbook), Unreadable> {
        Err(Unreadable::Missing(path.into()))
    }

    fn sha256(&self, _: &Source) -> String {
        "00".repeat(32)
    }

    fn file_sha256(&self, path: &str) -> Result<String, String> {
        Err(path.into())
    }
}

fn planned(text: &str) -> Plan {
    let source = Source::new("a.yml", text);
    let values =
        json!({ "prometheus": "http://prom:9090", "app": "http://app", "log": "/var/log/app.log", "unit": "app" });
    let request = Request {
        runbook: read(&source).0.unwrap(),
        source,
        given: BTreeMap::new(),
        target: Some(Target { name: "prod".into(), values }),
        target_source: None,
        policies: Default::default(),
        library: &Nothing,
        around: Default::default(),
    };
    build(request).unwrap()
}

fn shown(text: &str) -> String {
    preview(&planned(text), "9f", &PreviewStyle::default())
}

#[test]
fn a_reviewer_sees_metrics_and_every_row_of_the_guards() {
    assert_data_eq!(
        shown(include_str!("../../../tests/fixtures/good/metrics.yml")),
        str![[r#"
Plan for demo → prod     nothing was executed: 0 processes, 0 connections

metrics
  errors                prometheus at http://prom:9090:
                        sum(increase(http_requests_total{status=~"5.."}[1m])), samples:
                        sum(increase(http_requests_total[1m])); in count; at least 300 samples
  requests              prometheus at http://prom:9090: sum(increase(http_requests_total[1m])); in
                        count
  error_ratio           errors / requests; at least 300 samples; baseline of 5m before the first
                        change
  p95                   prometheus at http://prom:9090: sum by (le)
                        (rate(http_request_duration_seconds_bucket[1m])), samples:
                        sum(increase(http_request_duration_seconds_count[1m])); quantile 0.95;
                        buckets up to 10; in s; at least 59 samples
  worst_minute          prometheus at http://prom:9090: app_queue_length, greatest of the last 5m in
                        steps of 15s
  served                change over 10s of http_requests_total{env="prd"} at http://app/metrics; in
                        count
  served_per_second     rate over 10s of http_requests_total at http://app/metrics; in /s
  oldest                prometheus at http://prom:9090: app_oldest_job_seconds{queue="mail"}; in s;
                        stale after 2m
  active                json.active_connections of GET http://app/health
  rss                   $ ps -o rss= -p $(cat /run/app.pid); in KiB; baseline of 2m before the first
                        change
  health                $ ./health: stdout | trim
  latency               latencies of ready; quantile 0.95; in s; at least 59 samples
  slowest               greatest of the latencies of ready; in s

  guards beside the whole run, every 10s, the gravest row decides
    Error rate over 5 % for 5     error_ratio > 5% for 5m            → back out
    min
    Errors beyond chance          error_ratio surely > 5%            → back out
    Error rate 1-5 %              error_ratio 1% .. 5%               → ask (no answer in 5m = stop)
    Error rate below 1 %          error_ratio < 1%                   → ok
    Far more errors than usual    error_ratio > 3x against the       → known, go on
                                  baseline
    P95 over 5 s                  p95 > 5s                           → back out
    P95 2 to 5 s                  p95 2s .. 5s                       → ask on-call for 15m, head of
                                                                       operations for 30m, then back
                                                                       out
    P95 below 2 s                 p95 0s ..< 2s                      → ok
    Memory leak                   rss slope > 100MB/min over 3m      → back out
    Memory up 10 %                rss <= +10% against the baseline   → ok
    Memory up further             rss > +10% against the baseline    → known, go on
    Queue grows                   worst_minute increasing over 50m   → begin nothing new, for at
                                                                       most 1h, then ask (no answer
                                                                       in 15m = back out)
    Queue shrinks                 worst_minute decreasing over 50m   → ok
    Queue stays                   worst_minute steady over 50m       → ok
    Errors again and again        errors > 20 3 times in a row       → stop
    A few errors                  errors <= 20                       → ok
    App not well                  health degraded or down            → ask (no answer in 15m = back
                                                                       out)
    App well                      health != degraded                 → ok
    Own requests slow             latency > 500ms and slowest > 5s   → ask (no answer in 15m = back
                                                                       out)
    Most requests fast            latency <= 5s                      → ok
    Most requests very slow       latency > 5s                       → stop
    All requests fast             slowest <= 10s                     → ok
    Some requests very slow       slowest > 10s                      → stop
    A job waits                   oldest > 1h                        → ask (no answer in 15m = back
                                                                       out)
    No job waits                  oldest <= 1h                       → ok
    Crowded                       active > 100                       → begin nothing new, for at
                                                                       most 1h, then ask (no answer
                                                                       in 15m = back out)
    Not crowded                   active 0 .. 100                    → ok
    Little traffic                served < 10                        → begin nothing new, for at
                                                                       most 1h, then ask (no answer
                                                                       in 15m = back out)
    Traffic                       served >= 10                       → ok
    No traffic                    served_per_second == 0/s           → begin nothing new, for at
                                                                       most 1h, then ask (no answer
                                                                       in 15m = back out)
    Some traffic                  served_per_second > 0/s            → ok
    otherwise                     no row covers the value            → ask (no answer in 15m = back
                                                                       out)
    no data                       missing, stale or too little       → inconclusive, never a pass

phase before-any-change  Before any change
  effect   #  step                  what exactly                              if it fails
  read     1  take-baseline         look at error_ratio for 5m, rss for 2m,   stop
                                    every 10s

phase main
  effect   #  step                  what exactly                              if it fails
  read     2  ready                 GET http://app/health/ready → 2xx         every 1.0s for 1m, st…
  wait     3  soak                  wait 30m                                  stop

  target    prod
  files     a.yml
  fails     stop (unless the step's row says otherwise); NO-GO: stop, keep what was done

Plan: 2 read, 0 change, 1 wait
digest 9f

"#]]
    );
}

#[test]
fn a_reviewer_sees_what_a_decision_does() {
    assert_data_eq!(
        shown(include_str!("../../../tests/fixtures/good/decide.yml")),
        str![[r#"
Plan for demo → prod     nothing was executed: 0 processes, 0 connections

metrics
  canary_p95            json.canary of GET http://127.0.0.1:9100/p95; in ms
  main_p95              json.main of GET http://127.0.0.1:9100/p95; in ms

phase main
  effect   #  step                  what exactly                              if it fails
  read     1  now                   decide once: the first row decides        stop
    Too slow                      canary_p95 > 500ms                 → back out
    Slower than main              canary_p95 > 1.2x against main_p95 → stop
    Fast enough                   canary_p95 >= 0ms                  → ok
    otherwise                     no row covers the value            → stop
    no data                       missing, stale or too little       → stop
  read     2  for_a_while           decide for 10m, every 10s: the gravest    stop
                                    row decides
    Too slow                      canary_p95 > 500ms for 1m          → back out
    A little slow                 canary_p95 200ms .. 500ms          → look longer by 5m, at most 2
                                                                       times, then ask (no answer in
                                                                       10m = stop)
    Fast                          canary_p95 0ms ..< 200ms           → ok
    otherwise                     no row covers the value            → ask (no answer in 10m = stop)
    no data                       missing, stale or too little       → look longer by 5m, at most 2
                                                                       times, then ask (no answer in
                                                                       10m = stop)

  inputs    limit=500ms ← default
  target    prod
  files     a.yml
  fails     stop (unless the step's row says otherwise); NO-GO: stop, keep what was done

Plan: 2 read, 0 change
digest 9f

"#]]
    );
}

#[test]
fn a_reviewer_sees_the_stages_and_what_follows_them() {
    assert_data_eq!(
        shown(include_str!("../../../tests/fixtures/good/stages.yml")),
        str![[r#"
Plan for demo → prod     nothing was executed: 0 processes, 0 connections

metrics
  canary_errors         prometheus at http://prom:9090: canary:errors:ratio, samples:
                        canary:requests; in %; at least 3000 samples
  canary_p95            prometheus at http://prom:9090: canary:p95; in s
  main_p95              prometheus at http://prom:9090: main:p95; in s
  canary_share          prometheus at http://prom:9090: canary:share; in %

phase main
  effect   #  step                  what exactly                              if it fails
              rollout               in 5 stages
  guards beside rollout, every 2s, the gravest row decides
    Errors over 1 %               canary_errors > 1%                 → back out
    Errors to 1 %                 canary_errors 0% .. 1%             → ok
    otherwise                     no row covers the value            → ask (no answer in 10m = back
                                                                       out)
    no data                       missing, stale or too little       → inconclusive, never a pass
                  1 %  for 5m      canary_errors < 0.1% and canary_p95 <= 1.2x against main_p95
                  5 %  for 10m     canary_errors < 0.1% and canary_p95 <= 1.2x against main_p95
                 25 %  for 15m     canary_errors < 0.1% and canary_p95 <= 1.2x against main_p95
                 50 %  for 15m     canary_p95 same as main_p95 over 10m
                100 %  for 5m      no criteria
                sampled every 10s
                criteria that do not hold: look longer, at most 2 times, then ask (no answer in
                  15m = back out)
                the share is proved by canary_share, within 2%
                after the last stage: main, then 0 % again, then remove
  change   1    weights             file /etc/nginx/upstream.conf: write, 4   stop
                                    lines, then $ nginx -s reload
                                    back out: restore previous content, then $ nginx -s reload
                                    ‹100 - stage.percent› is different for each stage
                                    ‹stage.percent› is different for each stage
                main                after the last stage
  change  11      update            $ ./update main                           stop
                                    back out: $ ./restore main
                remove              after the last stage
  change  14      stop              $ ./stop canary                           stop
                                    back out: $ ./start canary

  target    prod
  lock      prod
  files     a.yml
  fails     stop (unless the step's row says otherwise); NO-GO: stop, keep what was done
  backing out takes back what was really done, last first:
            14  stop                  $ ./start canary
            11  update                $ ./restore main
             1  weights               restore previous content, then $ nginx -s reload

Plan: 0 read, 8 change
digest 9f

"#]]
    );
}

#[test]
fn a_reviewer_sees_when_things_happen() {
    assert_data_eq!(
        shown(include_str!("../../../tests/fixtures/good/schedule.yml")),
        str![[r#"
Plan for demo → prod     nothing was executed: 0 processes, 0 connections

phase announce
  not before T-24h, not after T-1h
  effect   #  step                  what exactly                              if it fails
  ask      1  tell                  Tell all stakeholders                     NO-GO: stop

phase deploy
  not before T
  effect   #  step                  what exactly                              if it fails
  wait     2  work                  wait 1m                                   stop
                                    not after T+30m

phase look
  not before T+5m
  effect   #  step                  what exactly                              if it fails
  wait     3  later                 wait until T+1h30m                        stop
              monitor               34 rounds
                every 5m until 1h, then every 30m until 8h, then every 2h until 24h
  read     4    health              GET http://127.0.0.1:8000/health → 2xx    stop

  inputs    t_zero=2026-03-02T02:00:00Z ← default
  target    prod
  anchor    T is 2026-03-02T02:00:00Z, and from the end of deploy that moment
  window    only Mon-Thu 02:00-05:00 UTC or Sat,Sun 22:00-02:00 Europe/Berlin; never Fri UTC; must
            end inside; backing out at any time; the steps of every exit path at any time
  files     a.yml
  fails     stop (unless the step's row says otherwise); NO-GO: stop, keep what was done

Plan: 34 read, 0 change, 1 ask, 2 wait
digest 9f

"#]]
    );
}

#[test]
fn a_reviewer_sees_what_a_watch_looks_for() {
    assert_data_eq!(
        shown(include_str!("../../../tests/fixtures/good/watch.yml")),
        str![[r#"
Plan for demo → prod     nothing was executed: 0 processes, 0 connections

phase main
  effect   #  step                  what exactly                              if it fails
  read     1  before                lines of /var/log/app.log for 30s         stop
  change   2  restart               $ ./restart                               stop
                                    nothing to back out: it runs either way
  read     3  quiet                 lines of /var/log/app.log for 30s, since  stop
                                    restart began
                                    must: listening|started|ready
                                    must not: (?i)/berror/b
                                    must not: panic
                                    at most 3 kinds of lines that were not in before
  read     4  unit                  journal of app for 30s                    warn, go on
                                    must not: Traceback
  read     5  container             lines of $ docker logs -f --tail 0 app    stop
                                    for 30s
                                    must not: fatal

  target    prod
  lock      prod
  files     a.yml
  fails     stop (unless the step's row says otherwise); NO-GO: stop, keep what was done
  not taken back:
             2  restart               nothing to back out: it runs either way

Plan: 4 read, 1 change
digest 9f

"#]]
    );
}

#[test]
fn tables_fit_the_width() {
    for text in [
        include_str!("../../../tests/fixtures/good/metrics.yml"),
        include_str!("../../../tests/fixtures/good/stages.yml"),
        include_str!("../../../tests/fixtures/good/decide.yml"),
    ] {
        for width in [60, 80, 100, 140] {
            let style = PreviewStyle { look: Look::plain(width), ..PreviewStyle::default() };
            for line in preview(&planned(text), "9f", &style).lines() {
                assert!(crate::report::look::columns(line) <= width, "{width}: {line}");
            }
        }
    }
}
