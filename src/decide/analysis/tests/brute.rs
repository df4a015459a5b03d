//! The analysis against trying everything: random tables, evaluated by [`step`] at each point of a grid that has all
//! limits, values between them and values beyond them, with each combination of rows that have held or are pending.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::decide::{Because, Measured, Quantity, RowStatus, Sample, TableState, step};

/// Limits are 1 to 3, so halves from 0 to 4 are all limits, everything between and something beyond.
fn numbers() -> Vec<f64> {
    (0..=8).map(|half| f64::from(half) / 2.0).collect()
}

const TEXTS: [&str; 3] = ["ok", "down", "odd"];

fn condition() -> impl Strategy<Value = (String, String)> {
    let compare = (prop::sample::select(vec![">", ">=", "<", "<=", "==", "!="]), 1..=3u8);
    let compare = compare.prop_map(|(op, limit)| format!("{op} {limit}"));
    let range = (1..=2u8, 1..=1u8, any::<bool>(), any::<bool>()).prop_map(|(low, more, left, right)| {
        format!("{low} {}..{} {}", if left { "<" } else { "" }, if right { "<" } else { "" }, low + more)
    });
    let number = (prop::sample::select(vec!["a", "b"]), prop_oneof![compare, range]);
    let text = prop::sample::select(vec!["ok", "down", "!= ok"]).prop_map(|t| ("h", t.to_string()));
    prop_oneof![4 => number, 1 => text].prop_map(|(metric, text)| (metric.to_string(), text))
}

fn random_table() -> impl Strategy<Value = Table> {
    let action = prop::sample::select(vec![Ruling::Ok, Ruling::Continue, Ruling::Investigate, Ruling::Rollback]);
    let random_row = (prop::collection::vec(condition(), 1..=2), any::<bool>(), action);
    let rows = prop::collection::vec(random_row, 1..=5);
    (rows, prop::sample::select(vec![HitPolicy::Worst, HitPolicy::First])).prop_map(|(rows, hit)| {
        let rows = rows.iter().map(|(conditions, held, action)| {
            let conditions: Vec<(&str, &str)> = conditions.iter().map(|(m, t)| (m.as_str(), t.as_str())).collect();
            row(&conditions, if *held { 60_000_000 } else { 0 }, *action)
        });
        table(hit, rows.collect())
    })
}

/// What trying everything shows of some rows that have nothing to do with the others.
#[derive(Debug, Default)]
struct Tried {
    holds: BTreeSet<usize>,
    decides: BTreeSet<usize>,
    gaps: BTreeSet<Option<String>>,
    pending_only: bool,
    fails: bool,
    together: BTreeSet<(usize, usize)>,
}

/// Tries the rows of a part at all points of the grid. Rows are named by their place in the whole table.
fn try_all(table: &Table, part: &[usize]) -> Tried {
    let mut tried = Tried::default();
    let holders: Vec<usize> = (0..part.len()).filter(|i| table.rows[part[*i]].for_us.is_some()).collect();
    for chosen in 0..1u32 << holders.len() {
        let mut alone = Table { rows: part.iter().map(|r| table.rows[*r].clone()).collect(), ..table.clone() };
        for (place, holder) in holders.iter().enumerate() {
            if chosen >> place & 1 == 1 {
                // A row that has held for long enough fires like one that need not hold.
                alone.rows[*holder].for_us = None;
            }
        }
        let names = alone.metric_names();
        let axis = |name: &str, values: Vec<Sample>| if names.contains(&name) { values } else { values[..1].to_vec() };
        let number = |v: f64| Sample::number(1, v, None);
        for a in axis("a", numbers().into_iter().map(number).collect()) {
            for b in axis("b", numbers().into_iter().map(number).collect()) {
                for h in axis("h", TEXTS.map(|t| Sample::text(1, t)).to_vec()) {
                    let samples = [("a".to_string(), a.clone()), ("b".into(), b.clone()), ("h".into(), h)].into();
                    look(&alone, part, &samples, &mut tried);
                }
            }
        }
    }
    tried
}

fn look(alone: &Table, part: &[usize], samples: &BTreeMap<String, Sample>, tried: &mut Tried) {
    let decision = step(alone, TableState::default(), samples, 1).1;
    let with = |status| decision.rows.iter().enumerate().filter(move |(_, r)| r.status == status);
    let fired: Vec<usize> = with(RowStatus::Fired).map(|(i, _)| i).collect();
    let pending: Vec<usize> = with(RowStatus::Pending).map(|(i, _)| i).collect();
    let holding: BTreeSet<usize> = fired.iter().chain(&pending).copied().collect();
    tried.holds.extend(holding.iter().map(|i| part[*i]));
    for one in &holding {
        for other in holding.iter().filter(|o| *o > one && decision.rows[**o].action != decision.rows[*one].action) {
            tried.together.insert((part[*one], part[*other]));
        }
    }
    match alone.hit {
        HitPolicy::First => {
            tried.decides.extend(fired.first().map(|i| part[*i]));
            if holding.is_empty() {
                tried.gaps.insert(None);
            }
            tried.fails |= fired.first().is_some_and(|i| !alone.rows[*i].action.passes()) || holding.is_empty();
            tried.pending_only |= fired.is_empty() && !pending.is_empty();
        }
        HitPolicy::Worst => {
            let worst = fired.iter().map(|i| alone.rows[*i].action).max();
            tried.decides.extend(fired.iter().filter(|i| Some(alone.rows[**i].action) == worst).map(|i| part[*i]));
            tried.gaps.extend(decision.uncovered.keys().cloned().map(Some));
            tried.fails |= worst.is_some_and(|w| !w.passes()) || !decision.uncovered.is_empty();
            tried.pending_only |= alone.metric_names().iter().any(|metric| {
                let judges = |i: &&usize| alone.rows[**i].conditions.iter().any(|c| c.metric == *metric);
                fired.iter().find(judges).is_none() && pending.iter().any(|i| judges(&i))
            });
        }
    }
    assert_ne!(decision.because, Because::NoData, "everything was measured: {decision:?}");
}

/// The rows in groups that share metrics; under `hit: first` all of them.
fn groups(table: &Table) -> Vec<Vec<usize>> {
    let metrics = |row: usize| table.rows[row].conditions.iter().map(|c| c.metric.as_str()).collect::<BTreeSet<_>>();
    let all: Vec<usize> = (0..table.rows.len()).collect();
    if table.hit == HitPolicy::First {
        return vec![all];
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for row in all {
        let (touching, apart): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|g| g.iter().any(|r| !metrics(*r).is_disjoint(&metrics(row))));
        groups = apart;
        groups.push(touching.into_iter().flatten().chain([row]).collect::<BTreeSet<_>>().into_iter().collect());
    }
    groups
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_analysis_finds_what_trying_everything_finds(table in random_table()) {
        prop_assume!(table.check().is_empty());
        let findings = analyse(&table, Looks::Armed, &BTreeMap::new());
        let of = |kind: FindingKind| findings.iter().filter(move |f| f.kind == kind);
        for part in groups(&table) {
            let tried = try_all(&table, &part);
            let inside = |f: &&Finding| f.rows.first().is_some_and(|r| part.contains(r));
            let first_rows = |kind| of(kind).filter(inside).map(|f| f.rows[0]).collect::<BTreeSet<_>>();
            let never: BTreeSet<usize> = part.iter().filter(|r| !tried.holds.contains(r)).copied().collect();
            let shadowed: BTreeSet<usize> = tried.holds.difference(&tried.decides).copied().collect();
            let gaps: BTreeSet<Option<String>> = of(FindingKind::Gap).filter(inside).map(|f| f.metric.clone()).collect();
            prop_assert_eq!(first_rows(FindingKind::NeverFires), never);
            prop_assert_eq!(first_rows(FindingKind::Shadowed), shadowed);
            prop_assert_eq!(gaps, tried.gaps);
            prop_assert_eq!(of(FindingKind::CannotFail).filter(inside).count() == 0, tried.fails);
            if table.hit == HitPolicy::Worst {
                let pairs: BTreeSet<(usize, usize)> =
                    of(FindingKind::Overlap).filter(inside).map(|f| (f.rows[0], f.rows[1])).collect();
                prop_assert_eq!(pairs, tried.together);
            }
            prop_assert_eq!(of(FindingKind::OnlyPending).filter(inside).count() > 0, tried.pending_only);
        }
    }

    /// Limits that are closer than four digits can tell apart, and units that take other digits than the limit was written in.
    #[test]
    fn what_is_printed_of_a_gap_lies_in_it(
        low in 0..2_000_000i64, more in 1..40i64, places in 0..6u32,
        unit in prop::sample::select(vec![("s", "ms"), ("min", "s"), ("%", "%"), ("MiB", "B"), ("MB", "KiB"), ("/min", "/s")]),
    ) {
        let number = |n: i64| format!("{}{}", n as f64 / 10f64.powi(places as i32), unit.1);
        let (low, high) = (number(low), number(low + more));
        let rows = vec![
            row(&[("x", &format!("<= {low}"))], 0, Ruling::Ok),
            row(&[("x", &format!("> {high}"))], 0, Ruling::Rollback),
        ];
        let mut table = table(HitPolicy::Worst, rows);
        let declared = Some(Unit::parse(unit.0).unwrap());
        table.metrics.insert("x".into(), Metric { unit: declared, ..Metric::default() });
        let gaps: Vec<Finding> =
            analyse(&table, Looks::Armed, &BTreeMap::new()).into_iter().filter(|f| f.kind == FindingKind::Gap).collect();
        prop_assert_eq!(gaps.len(), 1, "{:?}", gaps);
        let parse = |text: &str| Quantity::parse(text).unwrap().base();
        let (from, to) = (parse(&low), parse(&high));
        let printed = parse(&gaps[0].witness[0].value);
        prop_assert!(from < printed && printed <= to, "{} {} {}", low, high, gaps[0].message);
        let span = gaps[0].message.split('`').nth(1).unwrap();
        let ends: Vec<f64> = Cell::parse(span).unwrap().bounds().unwrap().limits().map(|l| l.quantity().base()).collect();
// A limit per second is not always a number per minute.
        let same = |one: f64, other: f64| (one - other).abs() <= 1e-12 * other.abs();
        prop_assert!(same(ends[0], from) && same(ends[1], to), "{}", gaps[0].message);
    }

    #[test]
    fn each_gap_is_seen_at_its_witness(table in random_table()) {
        prop_assume!(table.check().is_empty());
        for finding in analyse(&table, Looks::Armed, &BTreeMap::new()).iter().filter(|f| f.kind == FindingKind::Gap) {
            let mut samples: BTreeMap<String, Sample> =
                [("a", Sample::number(1, 2.0, None)), ("b", Sample::number(1, 2.0, None)), ("h", Sample::text(1, "ok"))]
                    .map(|(m, s)| (m.to_string(), s)).into();
            for witness in &finding.witness {
                // What is printed, not what is meant.
                let sample = match Quantity::parse(&witness.value) {
                    Ok(printed) => Sample::number(1, printed.base(), None),
                    Err(_) => Sample::text(1, witness.value.trim_matches('"')),
                };
                prop_assert_eq!(witness.number.is_some(), matches!(sample.value, Measured::Number { .. }));
                samples.insert(witness.metric.clone(), sample);
            }
            let decision = step(&table, TableState::default(), &samples, 1).1;
            match &finding.metric {
                Some(metric) => prop_assert!(decision.uncovered.contains_key(metric), "{finding:?} {decision:?}"),
                None => prop_assert_eq!(decision.because, Because::Otherwise),
            }
        }
    }
}
