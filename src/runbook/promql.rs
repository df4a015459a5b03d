//! What a query, or the series of a page, names: enough of PromQL to tell which metrics it is made of.

use std::collections::BTreeSet;

/// Words that stand before a list of labels.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Other words that name nothing.
const WORDS: [&str; 9] = ["and", "or", "unless", "bool", "offset", "atan2", "start", "end", "inf"];

/// The names of the metrics in a query, or of a series; those of one histogram are one.
pub fn families(query: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let (name, after) = word(rest);
        rest = match first {
            '"' | '\'' | '`' => after_text(rest),
            _ if !name.is_empty() => {
                let next = after.trim_start();
                let grouped = BEFORE_LABELS.contains(&name);
                let calls = next.starts_with('(') || ["by", "without"].contains(&word(next).0);
                if !grouped && !calls && !WORDS.contains(&name) {
                    found.insert(stem(name));
                }
                if grouped { after_labels(next) } else { after }
            }
            '{' => after_closing(rest, '}'),
            '[' => after_closing(rest, ']'),
            // A number, or a time such as 5m.
            _ if first.is_ascii_digit() => rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.'),
            _ => &rest[first.len_utf8()..],
        }
        .trim_start();
    }
    found
}

/// Whether a query is the name of a metric, with or without labels: what it yields is what was scraped, and not computed.
pub fn is_selector(query: &str) -> bool {
    let (name, after) = word(query.trim());
    let after = after.trim_start();
    let rest = if after.starts_with('{') { after_closing(after, '}') } else { after };
    !name.is_empty() && rest.trim().is_empty()
}

/// A name at the beginning, with the templates in it; empty where there is none.
fn word(text: &str) -> (&str, &str) {
    let mut end = 0;
    loop {
        let rest = &text[end..];
        end += match (rest.find("}}"), rest.chars().next()) {
            (Some(close), _) if rest.starts_with("{{") => close + 2,
            (_, Some(c)) if c.is_ascii_alphabetic() || c == '_' => 1,
            (_, Some(c)) if end > 0 && (c.is_ascii_digit() || c == ':' || c == '.') => 1,
            _ => return text.split_at(end),
        }
    }
}

/// `x_bucket`, `x_sum` and `x_count` are the histogram `x`.
fn stem(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn after_text(text: &str) -> &str {
    let quote = text.chars().next().unwrap_or('"');
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return &text[at + c.len_utf8()..],
            _ => {}
        }
    }
    ""
}

fn after_labels(text: &str) -> &str {
    if text.starts_with('(') { after_closing(text, ')') } else { text }
}

/// What follows the bracket that closes the first one; texts may have it in them.
fn after_closing(text: &str, close: char) -> &str {
    let mut rest = &text[1..];
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '"' | '\'' | '`' => after_text(rest),
            c if c == close => return &rest[1..],
            c => &rest[c.len_utf8()..],
        };
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_of_a_query_are_its_names_that_are_no_functions_and_no_labels() {
        let cases: [(&str, &[&str]); 9] = [
            ("up", &["up"]),
            (r#"http_requests_total{status=~"5..",path="}"}"#, &["http_requests_total"]),
            (r#"sum by (le, job) (rate(x_bucket{job="a"}[1m] offset 5m))"#, &["x"]),
            ("sum(rate(a_total[5m])) without (instance) / on(job) group_left(zone) b_total", &["a_total", "b_total"]),
            ("a_sum / a_count > bool 1.5e3", &["a"]),
            (r#"http_{{ target.kind }}_total{color="{{ inputs.colour }}"}"#, &["http_{{ target.kind }}_total"]),
            ("time() - 5m", &[]),
            ("absent(up) or vector(0)", &["up"]),
            ("label_replace(up, \"x\", '$1', `y`, \"down\")", &["up"]),
        ];
        for (query, wanted) in cases {
            assert_eq!(families(query).into_iter().collect::<Vec<_>>(), wanted, "{query}");
        }
    }

    #[test]
    fn only_a_name_with_its_labels_is_a_selector() {
        for query in ["up", " up{} ", r#"up{job="{{ inputs.job }}",path=~"a}b"}"#] {
            assert!(is_selector(query), "{query}");
        }
        for query in ["sum(up)", "up[5m]", "up + 1", "up offset 5m", "5", "", "{job=\"a\"}", "time()"] {
            assert!(!is_selector(query), "{query}");
        }
    }
}
