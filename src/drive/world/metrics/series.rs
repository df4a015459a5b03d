//! The counters and histograms of a page one by one: what they counted between two looks is only known of each alone.

use std::collections::BTreeMap;

use super::Read;
use super::page::{Labels, each, number, oldest};
use crate::machine::action::{ReadValue, Selector, Series};

/// The most series of one metric.
const MOST_SERIES: usize = 1_000;

/// The most bytes of one metric: all readings of a look stand in one line of the log.
const MOST_BYTES: usize = 64 * 1024;

/// Bytes that a count takes in the log, roughly.
const COUNT_BYTES: usize = 16;

/// Every matching counter.
pub(super) fn counters(page: &str, select: &Selector) -> Read {
    let mut all = All::default();
    let mut at_us = None;
    let read = each(page, &select.name, select, |labels, value, stamped_us| {
        all.add(name(&select.name, labels), f64::INFINITY, value);
        at_us = oldest(at_us, stamped_us);
    });
    Read { value: read.map_or_else(ReadValue::Unreadable, |()| all.done()), at_us }
}

/// Every matching histogram.
pub(super) fn histograms(page: &str, select: &Selector) -> Read {
    let mut all = All::default();
    let (mut bad, mut at_us) = (None, None);
    let read = each(page, &format!("{}_bucket", select.name), select, |labels, value, stamped_us| {
        at_us = oldest(at_us, stamped_us);
        let le = labels.iter().find(|(name, _)| name == "le").and_then(|(_, bound)| number(bound).ok());
        match le.filter(|bound| !bound.is_nan()) {
            Some(le) => all.add(name(&select.name, labels), le, value),
            None => bad = Some(format!("a series of {}_bucket has no readable `le`", select.name)),
        }
    });
    let value = match read.err().or(bad) {
        Some(why) => ReadValue::Unreadable(why),
        None => all.done(),
    };
    Read { value, at_us }
}

/// The same under other names; what has the same name then is one.
pub(super) fn renamed(series: Vec<Series>, rename: impl Fn(String) -> String) -> ReadValue {
    let mut all = All::default();
    for one in series {
        let name = rename(one.name);
        one.counts.iter().for_each(|(bound, count)| all.add(name.clone(), bound.unwrap_or(f64::INFINITY), *count));
    }
    all.done()
}

#[derive(Default)]
struct All(BTreeMap<String, Vec<(f64, f64)>>);

impl All {
    fn add(&mut self, name: String, bound: f64, count: f64) {
        let counts = self.0.entry(name).or_default();
        match counts.iter_mut().find(|(known, _)| *known == bound) {
            Some((_, known)) => *known += count,
            None => counts.push((bound, count)),
        }
    }

    fn done(mut self) -> ReadValue {
        let bytes: usize = self.0.iter().map(|(name, counts)| name.len() + COUNT_BYTES * counts.len()).sum();
        if self.0.is_empty() {
            return ReadValue::Empty;
        }
        if self.0.len() > MOST_SERIES || bytes > MOST_BYTES {
            return ReadValue::Unreadable(format!(
                "{} series match, more than can be told apart ({MOST_SERIES}, or {} KiB); ask for fewer by their labels",
                self.0.len(),
                MOST_BYTES / 1024
            ));
        }
        for (name, counts) in &mut self.0 {
            counts.sort_by(|a, b| a.0.total_cmp(&b.0));
            if counts.iter().any(|(_, count)| !count.is_finite()) {
                return ReadValue::NotANumber;
            }
            if counts.last().is_none_or(|(bound, _)| bound.is_finite()) {
                return ReadValue::Unreadable(format!("{} has no bucket with le=\"+Inf\"", super::short(name)));
            }
        }
        let open = |(bound, count): (f64, f64)| (bound.is_finite().then_some(bound), count);
        let one =
            |(name, counts): (String, Vec<(f64, f64)>)| Series { name, counts: counts.into_iter().map(open).collect() };
        ReadValue::Series(self.0.into_iter().map(one).collect())
    }
}

/// `name{a="1",b="2"}`, without the bound of a bucket.
fn name(name: &str, labels: &Labels) -> String {
    let mut labels: Vec<_> = labels.iter().filter(|(label, _)| label != "le").collect();
    labels.sort();
    if labels.is_empty() {
        return name.to_owned();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
    format!("{name}{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Selector {
        Selector { name: name.into(), labels: vec![] }
    }

    fn series(name: &str, counts: &[(Option<f64>, f64)]) -> Series {
        Series { name: name.into(), counts: counts.to_vec() }
    }

    #[test]
    fn counters_come_one_by_one_with_their_labels_in_order() {
        let page = "up{z=\"1\",a=\"\\\"q\\\"\"} 2\nup 1\ndown 9\n";
        let wanted = vec![series("up", &[(None, 1.0)]), series("up{a=\"\\\"q\\\"\",z=\"1\"}", &[(None, 2.0)])];
        assert_eq!(counters(page, &of("up")).value, ReadValue::Series(wanted));
        assert_eq!(counters(page, &of("upp")).value, ReadValue::Empty);
    }

    #[test]
    fn histograms_come_one_by_one_without_their_bounds() {
        let page = "x_bucket{le=\"+Inf\",z=\"a\"} 3\nx_bucket{z=\"a\",le=\"0.5\"} 2\nx_bucket{z=\"b\",le=\"+Inf\"} 4\n";
        let wanted = vec![series("x{z=\"a\"}", &[(Some(0.5), 2.0), (None, 3.0)]), series("x{z=\"b\"}", &[(None, 4.0)])];
        assert_eq!(histograms(page, &of("x")).value, ReadValue::Series(wanted));
        let cut = histograms("x_bucket{z=\"b\",le=\"1\"} 4\n", &of("x")).value;
        assert_eq!(cut, ReadValue::Unreadable("x{z=\"b\"} has no bucket with le=\"+Inf\"".into()));
    }

    #[test]
    fn more_series_than_can_be_told_apart_are_no_data() {
        let page = |n: usize| (0..n).map(|i| format!("up{{i=\"{i}\"}} 1\n")).collect::<String>();
        assert!(matches!(counters(&page(1_000), &of("up")).value, ReadValue::Series(all) if all.len() == 1_000));
        let read = counters(&page(1_001), &of("up")).value;
        assert!(matches!(&read, ReadValue::Unreadable(why) if why.starts_with("1001 series match")), "{read:?}");
        let long = format!("up{{i=\"{}\"}} 1\n", "x".repeat(MOST_BYTES));
        assert!(matches!(counters(&long, &of("up")).value, ReadValue::Unreadable(_)));
    }

    #[test]
    fn series_that_differ_only_in_what_is_masked_are_one() {
        let all = vec![series("up{t=\"a\"}", &[(None, 1.0)]), series("up{t=\"b\"}", &[(None, 2.0)])];
        let masked = renamed(all, |_| "up{t=\"***\"}".into());
        assert_eq!(masked, ReadValue::Series(vec![series("up{t=\"***\"}", &[(None, 3.0)])]));
    }

    #[test]
    fn what_is_no_number_is_no_data() {
        assert_eq!(counters("up{a=\"1\"} 1\nup{a=\"2\"} NaN\n", &of("up")).value, ReadValue::NotANumber);
    }
}
