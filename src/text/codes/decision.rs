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
    p95: { prometheus: 'sum by (le) (rate(..._bucket[1m]))', quantile: 0.95, unit: s }
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
810 TABLE_GAP "values that no row covers" r#"
Between the rows of the table lie values for which `otherwise` decides. Often nobody thought of them: the value that is
as it should be needs a row too, with `action: ok`. Both ends of `1% .. 5%` belong to it, those written with `<` do not.

wrong:
    - { symptom: "Errors over 5%", if: { error_ratio: "> 5%" }, action: rollback }
    - { otherwise: investigate }       # also at 0 %
right:
    - { symptom: "Errors over 5%", if: { error_ratio: "> 5%" }, action: rollback }
    - { symptom: "Errors to 5%", if: { error_ratio: "<= 5%" }, action: ok }
    - { otherwise: investigate }
"#
811 TABLE_OVERLAP "rows that hold together" r#"
For some values two rows hold that ask for different things. With `hit: worst` the graver one counts. That may be meant;
where it is not, an open end (`1% ..< 5%`) parts them.

wrong:
    - { symptom: "Errors 1-5%", if: { error_ratio: "1% .. 5%" }, action: investigate }
    - { symptom: "Errors from 5%", if: { error_ratio: ">= 5%" }, action: rollback }
right:
    - { symptom: "Errors 1-5%", if: { error_ratio: "1% ..< 5%" }, action: investigate }
    - { symptom: "Errors from 5%", if: { error_ratio: ">= 5%" }, action: rollback }
"#
812 ROW_NEVER_FIRES "a row that no values satisfy" r#"
The conditions of the row exclude each other, or lie outside what the metric can be.

wrong:
    - { symptom: "Negative errors", if: { error_ratio: "< 0%" }, action: rollback }
right:
    - { symptom: "Errors over 5%", if: { error_ratio: "> 5%" }, action: rollback }
"#
813 ROW_SHADOWED "a row that never decides" r#"
Wherever the row holds, another one decides: an earlier one with `hit: first`, a graver one with `hit: worst`.

wrong:
    hit: first
    - { symptom: "Errors over 1%", if: { error_ratio: "> 1%" }, action: investigate }
    - { symptom: "Errors over 5%", if: { error_ratio: "> 5%" }, action: rollback }
right:
    hit: first
    - { symptom: "Errors over 5%", if: { error_ratio: "> 5%" }, action: rollback }
    - { symptom: "Errors over 1%", if: { error_ratio: "> 1%" }, action: investigate }
"#
814 BEYOND_BUCKETS "a limit beyond the last bucket" r#"
A quantile from a histogram is never above the last bucket that has a bound, so a limit there is never exceeded. Add a
bucket to the program, or lower the limit.

wrong:
    p95: { ..., quantile: 0.95, buckets: [0.1, 1, 5], unit: s }      # if: { p95: "> 5s" }
right:
    p95: { ..., quantile: 0.95, buckets: [0.1, 1, 5, 10], unit: s }
"#
815 PERCENT_MISSING "a share above one" r#"
A bare number above 1 as the limit of a share was most likely meant as percent: 1 is all of it. A ratio of two counts is
above 100 % only where the upper one is no part of the lower one; canary against main may be.

wrong:
    if: { error_ratio: "> 5" }
right:
    if: { error_ratio: "> 5%" }
"#
816 CANNOT_FAIL "a table that cannot fail" r#"
Every value passes: `ok` or `continue` decides whatever is measured. A check that cannot fail is none.

wrong:
    - { symptom: Few errors, if: { error_ratio: "< 1%" }, action: ok }
    - { symptom: Many errors, if: { error_ratio: ">= 1%" }, action: continue }
right:
    - { symptom: Few errors, if: { error_ratio: "< 1%" }, action: ok }
    - { symptom: Many errors, if: { error_ratio: ">= 1%" }, action: rollback }
"#
817 ALWAYS_TRUE "a condition that every value satisfies" r#"
The condition says nothing of the metric: every value it can have satisfies it.

wrong:
    - { symptom: Latency is fine, if: { p95: ">= 0s" }, action: ok }
right:
    - { symptom: Latency is fine, if: { p95: "< 1s" }, action: ok }
"#
818 ONLY_PENDING "values at which only a row with time holds" r#"
A row with `for` (or `in_a_row`) that holds, but not yet for long enough, is pending: `otherwise` does not apply, and
the table says `hold`. Another row can say what counts until then.

wrong:
    - { symptom: "Errors over 5%", if: { error_ratio: "> 5%" }, for: 5m, action: rollback }
right:
    - { symptom: "Errors over 5%", if: { error_ratio: "> 5%" }, for: 5m, action: rollback }
    - { symptom: "Errors over 5%, still short", if: { error_ratio: "> 5%" }, action: investigate }
"#
819 TOO_FEW_SAMPLES "too few samples to tell" r#"
With so few samples a limit cannot be told from noise: at a true error rate of 0.1 %, 300 requests show no error at all
three times in four. Zero errors exclude 1 % (with 95 % confidence) from 299 samples on, 0.1 % from 2995.

wrong:
    canary: { ..., min_samples: 300 }       # criteria: { canary: "< 0.1%" }
right:
    canary: { ..., min_samples: 2995 }
"#
820 TABLE_TOO_LARGE "too large to look at all of it" r#"
The conditions of the table can be combined in more ways than can be looked at, so gaps and rows that never decide are
not looked for. Tables of one metric each are easier to read as well.

wrong:
    one table of 60 rows over 12 metrics
right:
    a table for each phase, with what matters there
"#
850 STOPS_WHAT_SERVES "something is stopped that the balancer points at" r#"
The upstream that was written last names a server, and a later step stops it: an outage. It is found by name: the host
of the server, or the expression that chooses it, stands in the command.

wrong:
    - { id: all, file: { path: upstream.conf, template: "upstream app {\n server canary.internal:8765;\n}" } }
    - { id: remove, shell: docker compose -f docker-compose.canary.yml down }
right:
    stages: { ..., promote: { main: [...], remove: [...] } }    # the share goes back to 0 and is proved in between
"#
860 QUANTILE_CLAMPED "a quantile that stops at the last bucket" r#"
Where more than the last bucket holds is asked for, Prometheus' `histogram_quantile` answers with the bound of that bucket:
with buckets up to 5 s, a P95 of a minute is told as 5 s, and passes `<= 5s`. With `quantile` the query yields the buckets
and what is above the last one is no data; with `buckets` the bounds are known, and a value at the last one is no data.

wrong:
    p95: { prometheus: 'histogram_quantile(0.95, sum by (le) (rate(..._bucket[1m])))', unit: s }
right:
    p95: { prometheus: 'sum by (le) (rate(..._bucket[1m]))', quantile: 0.95, unit: s }
"#
861 ABSENT_SERIES "a series that may not be there yet" r#"
Most programs show a counter of failures only after the first failure. Until then no series matches, and that is no data:
nobody can tell it from a misspelled name. `absent: 0` says that such a series has counted nothing; it holds only where
another metric of the same page or server, with series of the same name, is there.

wrong:
    failed: { scrape: { url: ..., series: 'requests_total{status=~"5.."}', delta: 1m }, unit: count }
right:
    failed: { scrape: { url: ..., series: 'requests_total{status=~"5.."}', delta: 1m }, absent: 0, unit: count }
"#
862 BASELINE_TOO_LATE "a baseline that is taken after a change" r#"
A baseline says what was usual before the run changed anything. A runbook that is run by another one takes its baseline where
it begins, so nothing may have been changed before that, by this runbook or by others that it runs.

wrong:
    - { id: deploy, shell: ./deploy }
    - { id: look, run: { runbook: monitor.yml } }      # with `baseline: 5m` on a metric
right:
    metrics: { rss: { ..., baseline: 5m } }            # in this runbook, with the table that needs it
"#
880 ROW_OUT_OF_TIME "a row that has no time to fire" r#"
What must hold for five minutes is not seen in a look of one minute, and a trend takes ten samples, a slope three, a
comparison four. Such a row never fires, whatever is measured. Where only the time after `over` shows it, that is said too.

wrong:
    decide: { over: 1m, every: 10s, rules: [{ symptom: Errors, if: { errors: "> 5%" }, for: 5m, action: rollback }, ...] }
right:
    decide: { over: 10m, every: 10s, rules: [{ symptom: Errors, if: { errors: "> 5%" }, for: 5m, action: rollback }, ...] }
"#
881 RATE_AS_SHARE "so much per second, read as percent" r#"
A rate says how many there are per second: 5 errors per second are not 5 %. A share is a part of all.

wrong:
    errors: { scrape: { url: ..., series: errors_total, rate: 1m }, unit: '%' }
right:
    failed: { scrape: { url: ..., series: errors_total, delta: 1m }, unit: count }
    all: { scrape: { url: ..., series: requests_total, delta: 1m }, unit: count }
    errors: { ratio: { of: failed, to: all }, min_samples: 59 }
"#
882 NO_MIN_SAMPLES "a share of nobody knows how many" r#"
Without `min_samples` one single request makes an error rate of 0 % or 100 %. Zero errors exclude 5 % (with 95 %
confidence) from 59 observations on, 1 % from 299, 0.1 % from 2995; a P95 takes 59. And `min_samples` needs somebody who
counts: a ratio of two rates has no number of observations.

wrong:
    errors: { ratio: { of: failed, to: all } }                        # if: { errors: "> 1%" }
right:
    errors: { ratio: { of: failed, to: all }, min_samples: 299 }
"#
883 STAGE_PROVES_NOTHING "a stage that proves nothing" r#"
A stage without a time is over as soon as its share is set. A tolerance that reaches the next stage lets a share pass
that was never changed. Without `share` nobody knows that the traffic has left the canary before it is taken down.

wrong:
    share: { metric: share, tolerance: 10% }
    table: [{ percent: 5, wait: 5m }, { percent: 10, wait: 5m }, { percent: 100 }]
right:
    share: { metric: share, tolerance: 2% }
    table: [{ percent: 5, wait: 5m }, { percent: 10, wait: 5m }, { percent: 100, wait: 5m }]
"#
884 GUARDS_TOO_SELDOM "guards that look too seldom" r#"
Guards see a breach at their next look. Where they would go back, that should be within 10 seconds; and when what they
guard takes less than the time between two looks, they may not see it at all.

wrong:
    guards: { every: 1m, ... }
right:
    guards: { every: 5s, ... }
"#
885 ENDLESS_HOLD "a hold without an end, or an end without a hold" r#"
While a table holds, nothing begins and nothing ends. If that never changes, the run waits for ever: say for how long it
may, and what follows then. Where no row, `otherwise` or `no_data` holds, the limit has no meaning.

wrong:
    rules: [{ symptom: Queue is long, if: { queue: "> 100" }, action: hold }, ...]
right:
    hold: { max: 30m, then: rollback }
    rules: [{ symptom: Queue is long, if: { queue: "> 100" }, action: hold }, ...]
"#
890 UNSAID_SHARE "a share that nothing says is one" r#"
A number without a unit is read as a fraction where its limits are percent: 0.5 is 50 %. A program that prints 50 is then
at 5000 %, which passes `>= 99%`. And a query that divides yields 0.05 for 5 %, which never reaches `> 5`. Say which it is.

wrong:
    available: { shell: ./availability, effect: read }                   # if: { available: ">= 99%" }
right:
    available: { shell: ./availability, effect: read, unit: "%" }        # it prints 99.5
    available: { shell: ./availability, effect: read, unit: ratio }      # it prints 0.995
"#
891 ANSWER_NOT_ASKED "an answer that nothing asks for" r#"
`escalate:` says whom to ask, one after the other, and no row, `otherwise` or `no_data` of the table escalates.

wrong:
    escalate: { levels: [{ to: on-call, within: 15m }], then: rollback }
    rules: [{ symptom: Errors, if: { errors: "> 5%" }, action: investigate }, ...]
right:
    rules: [{ symptom: Errors, if: { errors: "> 5%" }, action: escalate }, ...]
"#
892 SINCE_THE_START "everything since the program began" r#"
A counter or a histogram of a page counts since its program began: what happens now drowns in the traffic of before, which
also makes up any `min_samples`. `delta` is the change over the last while, or, with `all`, since looking began.

wrong:
    p95: { scrape: { url: ..., series: request_seconds }, quantile: 0.95, unit: s }
right:
    p95: { scrape: { url: ..., series: request_seconds, delta: 1m }, quantile: 0.95, unit: s }
"#
893 ENDS_AT_ONCE "a table that ends at its first look" r#"
A change takes two looks, so at the first one there is no data. Where that goes back or stops, the table always does.

wrong:
    metrics: { failed: { scrape: { url: ..., series: failed_total, delta: 1m }, unit: count } }
    rules: [{ symptom: Failures, if: { failed: "> 5" }, action: rollback }, { no_data: rollback }, ...]
right:
    rules: [{ symptom: Failures, if: { failed: "> 5" }, action: rollback }, { no_data: inconclusive }, ...]
"#
894 PROMOTED_UNDER_TRAFFIC "main is replaced while it serves" r#"
`promote` replaces main after the last stage. Where that stage leaves a part of the traffic on main, requests are dropped
while it is replaced.

wrong:
    table: [{ percent: 5, wait: 5m }, { percent: 50, wait: 5m }]
    promote: { main: [...], remove: [...] }
right:
    table: [{ percent: 5, wait: 5m }, { percent: 50, wait: 5m }, { percent: 100, wait: 5m }]
    promote: { main: [...], remove: [...] }
"#
}
