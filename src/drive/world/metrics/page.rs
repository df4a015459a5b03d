//! Pages in Prometheus' text format (exposition format 0.0.4), and in that of OpenMetrics, which ends in `# EOF`.
//! Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::collections::HashSet;

use regex::Regex;

use super::Read;
use crate::machine::action::{LabelMatch, MatchOp, ReadValue, Selector};

/// The sum over the matching series; [`ReadValue::Empty`] when there is none.
pub(super) fn sum(page: &str, select: &Selector) -> Read {
    let (mut sum, mut at_us) = (None, None);
    let read = each(page, &select.name, select, |_, value, stamped_us| {
        *sum.get_or_insert(0.0) += value;
        at_us = oldest(at_us, stamped_us);
    });
    let value = match (read, sum) {
        (Err(why), _) => ReadValue::Unreadable(why),
        (Ok(()), None) => ReadValue::Empty,
        (Ok(()), Some(sum)) if !sum.is_finite() => ReadValue::NotANumber,
        (Ok(()), Some(sum)) => ReadValue::Number(sum),
    };
    Read { value, at_us }
}

/// The buckets of a cumulative histogram, summed over the matching series by bound.
pub(super) fn buckets(page: &str, select: &Selector) -> Read {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    let (mut bad, mut at_us) = (None, None);
    let read = each(page, &format!("{}_bucket", select.name), select, |labels, value, stamped_us| {
        at_us = oldest(at_us, stamped_us);
        let le = labels.iter().find(|(name, _)| name == "le").map(|(_, bound)| number(bound));
        match le {
            Some(Ok(le)) if !le.is_nan() => match buckets.iter_mut().find(|(bound, _)| *bound == le) {
                Some((_, count)) => *count += value,
                None => buckets.push((le, value)),
            },
            _ => bad = Some(format!("a series of {}_bucket has no readable `le`", select.name)),
        }
    });
    if let Some(why) = read.err().or(bad) {
        return super::unreadable(why);
    }
    Read { value: histogram(buckets, &format!("{}_bucket", select.name)), at_us }
}

/// The older of two times.
pub(super) fn oldest(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

/// Counts by upper bound, in any order.
pub(super) fn histogram(mut buckets: Vec<(f64, f64)>, name: &str) -> ReadValue {
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    match buckets.last() {
        None => ReadValue::Empty,
        Some((bound, _)) if bound.is_finite() => {
            ReadValue::Unreadable(format!("{name} has no bucket with le=\"+Inf\""))
        }
        Some(_) if buckets.iter().any(|(_, count)| !count.is_finite()) => ReadValue::NotANumber,
        Some(_) => ReadValue::Buckets(
            buckets.into_iter().map(|(bound, count)| (bound.is_finite().then_some(bound), count)).collect(),
        ),
    }
}

pub(super) type Labels = Vec<(String, String)>;

/// Gives every matching series of the page, and fails on the first line that is not in the format.
pub(super) fn each(
    page: &str,
    name: &str,
    select: &Selector,
    mut see: impl FnMut(&Labels, f64, Option<u64>),
) -> Result<(), String> {
    let conditions = select.labels.iter().map(Condition::new).collect::<Result<Vec<_>, _>>()?;
    let open_metrics = page.trim_end().ends_with("\n# EOF");
    let mut seen = HashSet::new();
    for (index, line) in page.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (found, labels, value, stamped_us) =
            series(line, open_metrics).ok_or_else(|| format!("line {} is not a series", index + 1))?;
        if found == name && conditions.iter().all(|condition| condition.holds(&labels)) {
            let mut own = labels.clone();
            own.sort();
            // Nobody can tell which of the two is right.
            if !seen.insert(own) {
                return Err(format!("line {} is a series that stands there before", index + 1));
            }
            see(&labels, value, stamped_us);
        }
    }
    Ok(())
}

/// `name{label="value",…} number [timestamp]`
fn series(line: &str, open_metrics: bool) -> Option<(&str, Labels, f64, Option<u64>)> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, mut rest) = line.split_at(end);
    let mut found = Labels::new();
    if let Some(inner) = rest.trim_start().strip_prefix('{').filter(|_| !name.is_empty()) {
        rest = labels(inner, &mut found)?;
    }
    let mut words = rest.split_whitespace();
    let value = number(words.next()?).ok()?;
    let stamped_us = match words.next() {
        // What follows is an exemplar.
        None | Some("#") => None,
        Some(time) => Some(stamp_us(time, open_metrics)?),
    };
    Some((name, found, value, stamped_us))
}

/// Milliseconds since 1970, as the text format has it, or seconds, as OpenMetrics has it. What was before 1970 is as old as
/// that.
fn stamp_us(text: &str, open_metrics: bool) -> Option<u64> {
    let of_unit = if open_metrics || text.contains('.') { 1e6 } else { 1e3 };
    let time = text.parse::<f64>().ok().filter(|time| time.is_finite())?;
    Some((time * of_unit).max(0.0).round() as u64)
}

/// The labels after `{`; what stands after `}` is left.
fn labels<'a>(mut rest: &'a str, found: &mut Labels) -> Option<&'a str> {
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        found.push((name.trim().to_owned(), value));
        rest = after;
    }
}

/// Text up to the closing quotes, with `\\`, `\"` and `\n` resolved.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

/// A number as Prometheus writes it: `NaN`, `+Inf` and `-Inf` included.
pub(super) fn number(text: &str) -> Result<f64, String> {
    match text {
        "+Inf" | "Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        _ => text.parse().map_err(|_| format!("`{}` is not a number", super::short(text))),
    }
}

/// A label condition ready to be asked.
enum Condition<'a> {
    Text { label: &'a str, value: &'a str, wanted: bool },
    Pattern { label: &'a str, pattern: Regex, wanted: bool },
}

impl Condition<'_> {
    fn new(from: &LabelMatch) -> Result<Condition<'_>, String> {
        let label = from.label.as_str();
        Ok(match from.op {
            MatchOp::Equal | MatchOp::NotEqual => {
                Condition::Text { label, value: &from.value, wanted: from.op == MatchOp::Equal }
            }
            MatchOp::Matches | MatchOp::NotMatches => {
                let pattern = Regex::new(&format!("^(?:{})$", from.value))
                    .map_err(|_| format!("`{}` is not a pattern", super::short(&from.value)))?;
                Condition::Pattern { label, pattern, wanted: from.op == MatchOp::Matches }
            }
        })
    }

    fn holds(&self, labels: &Labels) -> bool {
        let text = |name: &str| labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value.as_str());
        match self {
            Condition::Text { label, value, wanted } => (text(label) == *value) == *wanted,
            Condition::Pattern { label, pattern, wanted } => pattern.is_match(text(label)) == *wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"
# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{method="GET",status="200"} 1027 1395066363000
http_requests_total{method="POST",status="503"} 3
http_requests_total{method="GET",status="500",} 2
odd{path="C:\\DIR\\\"x\"\nline"} +Inf
rpc_bucket{le="0.1"} 10
rpc_bucket{le="0.5"} 15
rpc_bucket{le="+Inf"} 20
rpc_bucket{le="0.1",zone="b"} 1
rpc_bucket{le="0.5",zone="b"} 1
rpc_bucket{le="+Inf",zone="b"} 1
process_resident_memory_bytes 2.45e+07
empty NaN
"#;

    type Case = (&'static str, &'static [(&'static str, MatchOp, &'static str)], ReadValue);

    fn select(name: &str, labels: &[(&str, MatchOp, &str)]) -> Selector {
        let labels = labels.iter().map(|(label, op, value)| LabelMatch {
            label: (*label).into(),
            op: *op,
            value: (*value).into(),
        });
        Selector { name: name.into(), labels: labels.collect() }
    }

    #[test]
    fn series_are_summed_where_the_labels_match() {
        let cases: &[Case] = &[
            ("http_requests_total", &[], ReadValue::Number(1032.0)),
            ("http_requests_total", &[("status", MatchOp::Matches, "5..")], ReadValue::Number(5.0)),
            ("http_requests_total", &[("status", MatchOp::NotMatches, "5..")], ReadValue::Number(1027.0)),
            ("http_requests_total", &[("method", MatchOp::Equal, "GET")], ReadValue::Number(1029.0)),
            ("http_requests_total", &[("method", MatchOp::NotEqual, "GET")], ReadValue::Number(3.0)),
            ("process_resident_memory_bytes", &[], ReadValue::Number(24_500_000.0)),
            ("rpc_bucket", &[("zone", MatchOp::Equal, "")], ReadValue::Number(45.0)),
        ];
        for (name, labels, wanted) in cases {
            assert_eq!(sum(PAGE, &select(name, labels)).value, *wanted, "{name} {labels:?}");
        }
    }

    #[test]
    fn a_pattern_must_match_the_whole_label() {
        let part = select("http_requests_total", &[("status", MatchOp::Matches, "50")]);
        assert_eq!(sum(PAGE, &part).value, ReadValue::Empty);
    }

    #[test]
    fn nothing_there_is_empty_and_not_zero() {
        assert_eq!(sum(PAGE, &select("http_request_total", &[])).value, ReadValue::Empty);
        assert_eq!(sum("", &select("up", &[])).value, ReadValue::Empty);
        assert_eq!(buckets(PAGE, &select("nope", &[])).value, ReadValue::Empty);
    }

    #[test]
    fn nan_and_infinity_are_not_numbers() {
        assert_eq!(sum(PAGE, &select("empty", &[])).value, ReadValue::NotANumber);
        assert_eq!(sum(PAGE, &select("odd", &[])).value, ReadValue::NotANumber);
    }

    #[test]
    fn buckets_are_summed_by_bound_and_end_in_infinity() {
        let wanted = vec![(Some(0.1), 11.0), (Some(0.5), 16.0), (None, 21.0)];
        assert_eq!(buckets(PAGE, &select("rpc", &[])).value, ReadValue::Buckets(wanted));
    }

    #[test]
    fn a_histogram_without_its_last_bucket_cannot_be_read() {
        let read = buckets("x_bucket{le=\"1\"} 3\n", &select("x", &[]));
        assert_eq!(read.value, ReadValue::Unreadable("x_bucket has no bucket with le=\"+Inf\"".into()));
    }

    #[test]
    fn a_page_that_is_something_else_is_unreadable() {
        for page in ["<html><body>404</body></html>", "{\"a\": 1}", "up{a=\"b} 1", "up one"] {
            assert!(matches!(sum(page, &select("up", &[])).value, ReadValue::Unreadable(_)), "{page}");
        }
    }

    #[test]
    fn a_series_that_stands_twice_is_unreadable_and_no_sum() {
        let twice = "up{a=\"1\",b=\"2\"} 5\nup{b=\"2\",a=\"1\"} 7\nother 1\nother 2\n";
        let wanted = ReadValue::Unreadable("line 2 is a series that stands there before".into());
        assert_eq!(sum(twice, &select("up", &[])).value, wanted);
        assert_eq!(super::super::series::counters(twice, &select("up", &[])).value, wanted);
        assert_eq!(sum(twice, &select("up", &[("a", MatchOp::Equal, "")])).value, ReadValue::Empty);
    }

    #[test]
    fn what_the_formats_allow_is_read() {
        let page = "up {a=\"1\"} 5\nup\t{ b = \"2\" , }\t7\nage 1 1395066363000\nold 1 -5\n";
        assert_eq!(sum(page, &select("up", &[])).value, ReadValue::Number(12.0));
        assert_eq!(sum(page, &select("age", &[])).at_us, Some(1_395_066_363_000_000));
        assert_eq!(sum(page, &select("old", &[])).at_us, Some(0));
        let open = "age 1 1395066363\nhit{le=\"1\"} 5 1395066364 # {id=\"x\"} 0.6\nplain 1 # {id=\"x\"} 2\n# EOF\n";
        assert_eq!(sum(open, &select("age", &[])).at_us, Some(1_395_066_363_000_000), "OpenMetrics has seconds");
        assert_eq!(sum(open, &select("hit", &[])).at_us, Some(1_395_066_364_000_000));
        assert_eq!(sum(open, &select("plain", &[])), ReadValue::Number(1.0).into());
        assert!(matches!(sum("up 1 soon\n", &select("up", &[])).value, ReadValue::Unreadable(_)));
    }

    #[test]
    fn a_value_is_as_old_as_the_oldest_series_it_is_made_of() {
        let page =
            "up{i=\"a\"} 1 1395066363000\nup{i=\"b\"} 2 1395066360000\nup{i=\"c\"} 3\nopen 1 1395066363.5\nnone 1\n";
        let at = |name| sum(page, &select(name, &[])).at_us;
        assert_eq!(at("up"), Some(1_395_066_360_000_000));
        assert_eq!(at("open"), Some(1_395_066_363_500_000));
        assert_eq!(at("none"), None);
    }

    #[test]
    fn escapes_in_labels_are_resolved() {
        let (name, labels, ..) = series(r#"odd{path="C:\\DIR\\\"x\"\nline"} 1"#, false).unwrap();
        assert_eq!((name, labels[0].1.as_str()), ("odd", "C:\\DIR\\\"x\"\nline"));
    }
}
