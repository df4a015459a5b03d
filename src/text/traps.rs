//! Values that YAML reads as something else than they look like.

use super::{
    Code, Diagnostic, Node, Source, Span, Style,
    parse::{Finding, Repair},
    syntax::{end_of_value, value_start},
};

/// `text` as a YAML scalar between quotes, in the most readable kind that can hold it on one line.
pub fn quoted(text: &str) -> String {
    if text.chars().any(char::is_control) {
        return format!("\"{}\"", text.chars().map(escaped).collect::<String>());
    }
    match (text.contains('\''), text.contains(['"', '\\'])) {
        (true, false) => format!("\"{text}\""),
        (false, true) => format!("'{text}'"),
        (true, true) => format!("'{}'", text.replace('\'', "''")),
        (false, false) => format!("\"{text}\""),
    }
}

/// A character as it stands between double quotes.
fn escaped(c: char) -> String {
    match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        // All control characters are below U+0100.
        c if c.is_control() => format!("\\x{:02x}", c as u32),
        c => c.to_string(),
    }
}

/// Warns when the value is a plain scalar and its line goes on with ` #`: what looks like text is a comment. For keys
/// that hold prose or commands.
pub fn lost_comment(source: &Source, node: &Node) -> Option<Diagnostic> {
    if node.style() != Some(Style::Plain) || node.span.is_empty() {
        return None;
    }
    let end = node.span.end as usize;
    let line = source.line_span(source.line_index(node.span.end));
    let rest = source.text().get(end..line.end as usize)?;
    let comment = rest.trim_start_matches([' ', '\t']);
    if comment.len() == rest.len() || !comment.starts_with('#') {
        return None;
    }
    let lost = Span::new(line.end as usize - comment.len(), line.end as usize);
    let whole = Span::new(node.span.start as usize, end + rest.trim_end().len());
    let message = "the text after ` #` is a comment, not part of the value";
    let diagnostic = Diagnostic::warning(Code::LOST_COMMENT, message, source.place(lost))
        .label("not part of the value")
        .also(source.place(node.span), "the value");
    Some(if source.slice(whole).contains(['\n', '\r']) {
        diagnostic.help("quote the value, or put the comment on its own line")
    } else {
        diagnostic.fix(whole, quoted(source.slice(whole)), "if it belongs to the value, quote the value")
    })
}

/// `{{` at the start of a value. `start` is the offset of the first brace.
pub(super) fn unquoted_template(source: &Source, start: usize, in_flow: bool) -> Option<Finding> {
    let text = source.text();
    if !text[start..].starts_with("{{") {
        return None;
    }
    let line = source.line_span(source.line_index(start as u32));
    let line_end = line.end as usize;
    let end = if in_flow {
        // What follows a comma or bracket belongs to the collection around the value.
        let close = start + text[start..line_end].find("}}")? + 2;
        let tail = text[close..line_end].find([',', ']', '}']).map_or(line_end, |found| close + found);
        close + text[close..tail].trim_end().len()
    } else if value_start(source, start as u32) == start {
        end_of_value(text, start, line_end)
    } else {
        line_end
    };
    Some(template_finding(source, Span::new(start, end)))
}

pub(super) fn template_finding(source: &Source, span: Span) -> Finding {
    let place = source.place(span);
    let diagnostic = Diagnostic::error(Code::UNQUOTED_TEMPLATE, "a value with `{{` needs quotes here", place)
        .label("YAML reads `{` as the start of a mapping")
        .fix(span, quoted(source.slice(span)), "quote the value");
    Finding { diagnostic, repair: Some(Repair::String(span)) }
}
