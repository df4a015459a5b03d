//! `name{label="value", other=~"pattern"}` as a selector.

use crate::machine::action::{LabelMatch, MatchOp, Selector};

/// Reads a selector.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<Selector, String> {
    let wrong = || format!("`{text}` is not a series such as http_requests_total{{status=~\"5..\"}}");
    let text = text.trim();
    let (name, labels) = match text.split_once('{') {
        None => (text, None),
        Some((name, rest)) => (name, Some(rest.strip_suffix('}').ok_or_else(wrong)?)),
    };
    let name = name.trim();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_:.".contains(c)) {
        return Err(wrong());
    }
    let mut rest = labels.unwrap_or_default().trim();
    let mut matches = Vec::new();
    while !rest.is_empty() {
        let (label, after) = condition(rest).ok_or_else(wrong)?;
        matches.push(label);
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if rest.is_empty() => rest,
            None => return Err(wrong()),
        };
    }
    Ok(Selector { name: name.to_string(), labels: matches })
}

fn condition(text: &str) -> Option<(LabelMatch, &str)> {
    let end = text.find(['=', '!'])?;
    let (label, rest) = text.split_at(end);
    let ops = [("=~", MatchOp::Matches), ("!~", MatchOp::NotMatches), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
    let (op, rest) = ops.iter().find_map(|(word, op)| Some((*op, rest.strip_prefix(word)?)))?;
    let mut value = String::new();
    let mut chars = rest.trim_start().strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    let label = label.trim();
    let good = !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    good.then(|| (LabelMatch { label: label.to_string(), op, value }, chars.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_conditions_are_read() {
        let selector = parse(r#"http_requests_total{status=~"5..", method!="GET",path="a\"b"}"#).unwrap();
        let ops: Vec<_> = selector.labels.iter().map(|m| (m.label.as_str(), m.op, m.value.as_str())).collect();
        assert_eq!(selector.name, "http_requests_total");
        let wanted = [
            ("status", MatchOp::Matches, "5.."),
            ("method", MatchOp::NotEqual, "GET"),
            ("path", MatchOp::Equal, "a\"b"),
        ];
        assert_eq!(ops, wanted);
        assert_eq!(parse("up").unwrap().labels, []);
        assert_eq!(parse("up{}").unwrap().name, "up");
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in
            ["", "{a=\"b\"}", "up{a}", "up{a=b}", "up{a=\"b\"", "up{a=\"b\" c=\"d\"}", "rate(up[1m])", "up{=\"b\"}"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
