use super::*;

fn ordered() -> Table {
    table(
        HitPolicy::First,
        vec![
            row(&[("p95", cell("> 5s"))], M, Ruling::Rollback),
            row(&[("error_ratio", cell("< 1%"))], 0, Ruling::Ok),
            row(&[("error_ratio", cell("< 5%"))], 0, Ruling::Investigate),
        ],
    )
}

#[test]
fn the_first_row_that_fires_counts() {
    let mut watch = Watch::of(ordered());
    assert_eq!(watch.at(T0, &[("p95", 1.0), ("error_ratio", 0.005)]).because, Because::Row(1));
    assert_eq!(watch.at(T0 + S, &[("p95", 1.0), ("error_ratio", 0.02)]).because, Because::Row(2));
    let none = watch.at(T0 + 2 * S, &[("p95", 1.0), ("error_ratio", 0.2)]);
    assert_eq!((none.because, none.action), (Because::Otherwise, Ruling::Investigate));
}

#[test]
fn a_pending_row_before_it_keeps_it_from_passing() {
    let mut watch = Watch::of(ordered());
    let pending = watch.at(T0, &[("p95", 6.0), ("error_ratio", 0.0)]);
    assert_eq!((pending.action, pending.because), (Ruling::Hold, Because::Pending(0)));
    let worse = watch.at(T0 + S, &[("p95", 6.0), ("error_ratio", 0.02)]);
    assert_eq!((worse.action, worse.because), (Ruling::Investigate, Because::Row(2)));
}

#[test]
fn a_row_before_it_that_cannot_be_judged_keeps_it_from_passing() {
    let mut watch = Watch::of(ordered());
    let blind = watch.at(T0, &[("error_ratio", 0.0)]);
    assert_eq!((blind.action, blind.because), (Ruling::Inconclusive, Because::NoData));
    let after = watch.at(T0 + S, &[("error_ratio", 0.02)]);
    assert_eq!((after.action, after.because), (Ruling::Investigate, Because::Row(2)));
}

#[test]
fn what_comes_after_the_first_does_not_matter() {
    let rows =
        vec![row(&[("error_ratio", cell("< 1%"))], 0, Ruling::Ok), row(&[("p95", cell("> 5s"))], 0, Ruling::Rollback)];
    let mut watch = Watch::of(table(HitPolicy::First, rows));
    assert_eq!(watch.at(T0, &[("error_ratio", 0.0), ("p95", 9.0)]).action, Ruling::Ok);
    assert_eq!(watch.at(T0 + S, &[("error_ratio", 0.0)]).action, Ruling::Ok);
}
