use super::*;

fn memory() -> Table {
    table(
        HitPolicy::Worst,
        vec![
            row(&[("rss", Cell::slope("> 100MB/min", 3 * M).unwrap())], 0, Ruling::Rollback),
            row(&[("rss", Cell::vs_baseline("<= +10%").unwrap())], 0, Ruling::Ok),
        ],
    )
}

fn with_baseline(table: Table, kib: f64) -> Watch {
    let mut watch = Watch::of(table);
    let samples = [Sample::number(1, kib, None), Sample::missing(2, Missing::Empty), Sample::number(3, kib, None)];
    watch.state.set_baseline("rss", Baseline::from_samples(&samples).unwrap());
    watch
}

#[test]
fn memory_that_grows_too_fast_is_rolled_back_when_the_window_is_full() {
    let mut watch = with_baseline(memory(), 100_000.0);
    let mut actions = Vec::new();
    for tick in 0..=18u32 {
        let kib = 100_000.0 + f64::from(tick) * 20_000.0;
        let decision = watch.at(T0 + u64::from(tick) * 10 * S, &[("rss", kib)]);
        actions.push(decision.action);
        if tick == 18 {
            assert_eq!(decision.sentence(), "rss slope 117.2MiB/min > 100MB/min over 3m since 02:17:05, 1 sample");
        }
    }
    assert_eq!(actions[..18], [Ruling::Hold; 18]);
    assert_eq!(actions[18], Ruling::Rollback);
}

#[test]
fn ten_percent_more_memory_that_stays_there_is_fine() {
    let mut watch = with_baseline(memory(), 100_000.0);
    let decisions: Vec<Decision> = (0..=18).map(|t| watch.at(T0 + t * 10 * S, &[("rss", 110_000.0)])).collect();
    assert_eq!(decisions[5].sentence(), "rss slope > 100MB/min over 3m not known yet, 2m10s more needed");
    assert_eq!(decisions[18].action, Ruling::Ok);
    assert_eq!(
        decisions[18].sentence(),
        "rss 107.4MiB <= +10% against the baseline of 97.66MiB since 02:14:05, 19 samples"
    );
}

#[test]
fn between_the_rows_nothing_is_fine() {
    let mut watch = with_baseline(memory(), 100_000.0);
    let decisions: Vec<Decision> = (0..=18).map(|t| watch.at(T0 + t * 10 * S, &[("rss", 120_000.0)])).collect();
    assert_eq!((decisions[18].action, decisions[18].because), (Ruling::Investigate, Because::Otherwise));
    assert_eq!(decisions[18].sentence(), "no row covers rss 117.2MiB");
}

#[test]
fn without_a_baseline_nothing_is_within_ten_percent_of_it() {
    let mut watch = Watch::of(memory());
    let decisions: Vec<Decision> = (0..=18).map(|t| watch.at(T0 + t * 10 * S, &[("rss", 100_000.0)])).collect();
    assert_eq!((decisions[18].action, decisions[18].because), (Ruling::Inconclusive, Because::NoData));
    assert_eq!(decisions[18].sentence(), "rss: no baseline was taken before the change");
    assert_eq!(Baseline::from_samples(&[Sample::number(1, f64::NAN, None)]), Err(Missing::Empty));
}

#[test]
fn the_most_severe_row_counts_wherever_it_stands() {
    let rows = vec![
        row(&[("error_ratio", cell(">= 0%"))], 0, Ruling::Ok),
        row(&[("p95", cell("> 5s"))], 0, Ruling::Rollback),
        row(&[("p95", cell("<= 5s"))], 0, Ruling::Continue),
    ];
    let mut watch = Watch::of(table(HitPolicy::Worst, rows));
    assert_eq!(watch.at(T0, &[("error_ratio", 0.5), ("p95", 5.001)]).because, Because::Row(1));
    assert_eq!(watch.at(T0 + S, &[("error_ratio", 0.5), ("p95", 5.0)]).because, Because::Row(2));
}

#[test]
fn one_metric_without_data_keeps_the_others_from_passing() {
    let rows = vec![
        row(&[("error_ratio", cell("< 1%"))], 0, Ruling::Ok),
        row(&[("p95", cell("<= 5s"))], 0, Ruling::Ok),
        row(&[("error_ratio", cell(">= 1%"))], 0, Ruling::Rollback),
    ];
    let mut watch = Watch::of(table(HitPolicy::Worst, rows));
    let decision = watch.at(T0, &[("error_ratio", 0.0)]);
    assert_eq!((decision.action, decision.because), (Ruling::Inconclusive, Because::NoData));
    assert_eq!(decision.sentence(), "p95: nothing measured yet");
    assert_eq!(watch.at(T0 + S, &[("error_ratio", 0.5)]).action, Ruling::Rollback);
}

#[test]
fn too_few_observations_are_no_data() {
    let mut table = table(HitPolicy::Worst, vec![row(&[("error_ratio", cell("< 1%"))], 0, Ruling::Ok)]);
    table.metrics.insert("error_ratio".into(), Metric { min_samples: Some(300), ..Metric::default() });
    let mut watch = Watch::of(table);
    let mut with =
        |at, evidence| watch.sampled(at, [("error_ratio".to_string(), Sample::number(at, 0.0, evidence))].into());
    assert_eq!(with(T0, Some(30)).sentence(), "error_ratio: 30 of 300 observations needed");
    assert_eq!(with(T0 + S, None).action, Ruling::Inconclusive);
    assert_eq!(with(T0 + 2 * S, Some(300)).action, Ruling::Ok);
}

#[test]
fn a_canary_is_compared_with_main_at_the_same_time() {
    let rows = vec![
        row(&[("p95", Cell::vs("main_p95", "<= 1.2x").unwrap())], 0, Ruling::Ok),
        row(&[("p95", Cell::vs("main_p95", "> 1.2x").unwrap())], 0, Ruling::Rollback),
    ];
    let mut watch = Watch::of(table(HitPolicy::Worst, rows));
    assert_eq!(watch.at(T0, &[("p95", 0.6), ("main_p95", 0.5)]).action, Ruling::Ok);
    let worse = watch.at(T0 + S, &[("p95", 0.7), ("main_p95", 0.5)]);
    assert_eq!(worse.action, Ruling::Rollback);
    assert_eq!(worse.sentence(), "p95 700ms > 1.2x against main_p95 of 500ms since 02:14:06, 1 sample");
    assert_eq!(watch.at(T0 + 30 * S, &[("p95", 0.1)]).action, Ruling::Inconclusive);
}

#[test]
fn a_canary_is_tested_against_main_over_the_same_while() {
    let compared = |outcome| Cell::compared("main_p95", outcome, 2 * M, "10%", "98%").unwrap();
    let rows = vec![
        row(&[("p95", compared("same"))], 0, Ruling::Ok),
        row(&[("p95", compared("higher"))], 0, Ruling::Rollback),
    ];
    for (factor, action) in [(1.0, Ruling::Ok), (1.05, Ruling::Ok), (1.5, Ruling::Rollback)] {
        let mut watch = Watch::of(table(HitPolicy::Worst, rows.clone()));
        let at = |t: u32| 0.5 + f64::from(t % 4) / 100.0;
        let mut decide =
            |t: u32| watch.at(T0 + u64::from(t) * 10 * S, &[("p95", at(t) * factor), ("main_p95", at(t + 1))]);
        let decisions: Vec<Decision> = (0..=12).map(&mut decide).collect();
        assert_eq!((decisions[11].action, decisions[12].action), (Ruling::Hold, action), "{factor}");
        let text = &decisions[12].rows[1].cells[0].text;
        assert_eq!(text.starts_with("p95 same, not higher than main_p95"), action == Ruling::Ok, "{text}");
    }
}

#[test]
fn names_are_compared_as_names() {
    let rows = vec![
        row(&[("health", cell("ok"))], 0, Ruling::Ok),
        row(&[("health", Cell::one_of(vec!["down".into(), "gone".into()]).unwrap())], 0, Ruling::Rollback),
    ];
    let mut watch = Watch::of(table(HitPolicy::Worst, rows));
    let mut health = |at, text: &str| watch.sampled(at, [("health".to_string(), Sample::text(at, text))].into());
    assert_eq!(health(T0, "ok").action, Ruling::Ok);
    assert_eq!(health(T0 + S, "down").sentence(), "health \"down\" is down or gone since 02:14:06, 1 sample");
    assert_eq!(health(T0 + 2 * S, "degraded").sentence(), "no row covers health \"degraded\"");
    assert_eq!(watch.at(T0 + 3 * S, &[("health", 1.0)]).action, Ruling::Inconclusive);
}

#[test]
fn a_value_just_beside_the_limit_shows_its_digits() {
    let rows = vec![row(&[("error_ratio", cell("> 5%"))], 0, Ruling::Rollback)];
    let mut watch = Watch::of(table(HitPolicy::Worst, rows));
    let decision = watch.at(T0, &[("error_ratio", 0.0500001)]);
    assert_eq!(decision.sentence(), "error_ratio 5.00001% > 5% since 02:14:05, 1 sample");
}

#[test]
fn a_trend_needs_its_window_and_says_which_way_it_goes() {
    let rows = vec![
        row(&[("open", Cell::trend("decreasing", M).unwrap())], 0, Ruling::Ok),
        row(&[("open", Cell::trend("increasing", M).unwrap())], 0, Ruling::Abort),
    ];
    let mut table = table(HitPolicy::Worst, rows);
    table.every_us = 5 * S;
    let mut watch = Watch::of(table);
    let last =
        (0..=12u32).map(|t| watch.at(T0 + u64::from(t) * 5 * S, &[("open", 50.0 - f64::from(t))])).last().unwrap();
    assert_eq!(last.action, Ruling::Ok);
    assert_eq!(last.rows[1].cells[0].text, "open decreasing, not increasing over 1m");
}

#[test]
fn a_table_that_would_pass_without_evidence_is_refused() {
    let rows = vec![row(&[("error_ratio", cell("> 5%"))], 0, Ruling::Rollback)];
    let mut bad = table(HitPolicy::Worst, rows);
    bad.otherwise = Ruling::Ok;
    bad.no_data = Ruling::Continue;
    bad.rows.push(row(&[], 0, Ruling::Ok));
    bad.rows.push(row(&[("p95", cell("> 5%"))], 0, Ruling::Ok));
    bad.rows.push(row(&[("p95", cell("ok")), ("p95", Cell::vs("p95", "> 2x").unwrap())], 0, Ruling::Ok));
    let errors: Vec<String> = bad.check().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "`otherwise: ok`: what no row covers is never a pass; use investigate, hold or a stronger one",
            "`no_data: continue`: no data is never a pass; use investigate, hold or a stronger one",
            "row 2: the row has no condition: it would always hold",
            "row 3: `p95`: `5%` is a share; the value is a time: use `ms`, `s` or `min`",
            "row 4: `p95` is a time, and a text is never equal to it: use a limit in `ms`, `s` or `min`",
            "row 4: `p95` is compared with itself",
        ]
    );
}
