//! 08xx: metrics, decision tables, stages and schedules.

use super::codes;

codes! {
801 UNKNOWN_METRIC "there is no such metric" r#"
Tables, stages and ratios name metrics that stand under `metrics:` of the same runbook.

wrong:
    if: { eror_ratio: "> 5%" }
right:
    if: { error_ratio: "> 5%" }
"#
802 METRIC_DECLARATION "a metric contradicts itself" r#"
A metric says where its values come from and what they are: a unit that exists, buckets that rise, a request that only
reads, evidence for `min_samples`, a ratio of two other metrics.

wrong:
    p95: { prometheus: 'histogram_quantile(0.95, ...)', quantile: 0.95, unit: seconds }
right:
    p95: { prometheus: 'histogram_quantile(0.95, ...)', unit: s }
"#
803 WRONG_UNIT "a limit of another unit" r#"
A limit is compared in the unit of its metric: a share with `5%`, a time with `500ms`, a size with `100MB`, a rate with
`100MB/min`. A bare number is for counts and ratios.

wrong:
    if: { p95: "> 5" }
right:
    if: { p95: "> 5s" }
"#
804 ACTION_INCOMPLETE "an action without what it needs" r#"
`investigate` asks a person, so it needs a time for the answer and what happens without one. `escalate` needs levels,
`extend` a limit. They stand in the row (`within`, `then`) or once for the table.

wrong:
    - { symptom: "Error rate 1-5%", if: { error_ratio: "1% .. 5%" }, action: investigate }
right:
    - { symptom: "Error rate 1-5%", if: { error_ratio: "1% .. 5%" }, action: investigate, within: 15m, then: rollback }
"#
805 NO_BASELINE "nothing to compare with" r#"
`vs_baseline` compares with the usual value from before the change. The metric says how long to look for it.

wrong:
    rss: { shell: ./rss, unit: KiB, effect: read }
right:
    rss: { shell: ./rss, unit: KiB, effect: read, baseline: 5m }
"#
806 STAGE_TABLE "a table of stages that cannot work" r#"
Percents rise, criteria need a time to look and a rule for when they do not hold, the first stage has nothing above it,
and the steps set the share from `stage.percent`.

wrong:
    table: [{ percent: 5, criteria: { error_ratio: "< 0.1%" } }]
right:
    table: [{ percent: 5, wait: 10m, criteria: { error_ratio: "< 0.1%" } }]
    extend: { max: 2, then: rollback }
"#
807 SCHEDULE "a schedule that cannot be kept" r#"
Marks before T need a T that is known beforehand, a mark cannot wait for the end of something that comes later, times of
rounds rise, and nothing waits while a run is backing out.

wrong:
    phases: [{ id: prepare, at: T-30m, steps: [...] }]
right:
    anchor: { time: "{{ inputs.t_zero }}" }
    phases: [{ id: prepare, at: T-30m, steps: [...] }]
"#
808 WATCH "a watch that cannot tell" r#"
Patterns are regular expressions; one that matches every line, or an empty one, tells nothing. A watch has something
that must or must not come, or is the baseline of a later one.

wrong:
    watch: { file: /var/log/app.log, for: 30s, must: [".*"] }
right:
    watch: { file: /var/log/app.log, for: 30s, must: ["listening on"] }
"#
809 UNUSED_METRIC "a metric nothing looks at" r#"
No table, stage or ratio names the metric, so it decides nothing.

wrong:
    metrics: { errors: { scrape: { url: "http://localhost/metrics", series: errors_total } } }
right:
    guards:
      rules: [{ symptom: Errors, if: { errors: "> 5" }, action: rollback }, ...]
"#
}
