//! Syntax errors in the words of the person who made them: the parser says where it stopped, the line there says why.

use granit_parser::{ErrorKind as E, ScanError};

use super::{
    Code, Diagnostic, Source, Span,
    parse::{Finding, MAX_DEPTH, Repair},
    traps::{quoted, template_finding},
};

/// Lines looked at above an error for its cause.
const LINES_ABOVE: usize = 200;

/// Explains why the parser stopped. `text` is the text it read, of the same length as the source;
/// `open_bracket` the innermost bracket that was open.
pub(super) fn explain(source: &Source, text: &str, error: &ScanError, open_bracket: Option<Span>) -> Finding {
    let at = super::source::floor_boundary(text, error.marker().byte_offset().unwrap_or(0));
    let site = Site { source, text, at, line: source.line_index(at as u32) };
    let found = match error.kind() {
        E::RecursionLimitExceeded => Some(site.too_deep()),
        E::DirectiveDisallowed => Some(site.directive()),
        E::UnclosedQuotedScalar | E::InvalidQuotedScalarIndent | E::DocumentIndicatorInQuotedScalar => {
            site.unclosed_quote()
        }
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate
        | E::InvalidUnicodeEscape => site.bad_escape(),
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => site.text_after_quote(),
        E::UnknownAnchor => Some(site.unknown_alias()),
        E::UnexpectedCharacter { character } => site.reserved(*character),
        _ => None,
    };
    found
        .or_else(|| site.template())
        .or_else(|| open_bracket.and_then(|_| site.template_in_brackets()))
        .or_else(|| site.tab(error.kind()))
        .or_else(|| site.missing_space())
        .or_else(|| site.bracket(error.kind(), open_bracket))
        .or_else(|| site.colon_in_value(error.kind()))
        .or_else(|| site.indentation(error.kind()))
        .unwrap_or_else(|| site.plain(Code::SYNTAX, &sentence(error), ""))
}

/// Where a value starts in the line that holds `offset`: after indentation, dashes and a key. Only for block style.
pub(super) fn value_start(source: &Source, offset: u32) -> usize {
    let line = source.line_span(source.line_index(offset));
    line.start as usize + value_column(source.slice(line))
}

/// The end of a value that runs to the end of its line: before a comment and trailing blanks.
pub(super) fn end_of_value(text: &str, start: usize, line_end: usize) -> usize {
    let value = &text[start..line_end];
    let comment = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
    start + value[..comment].trim_end().len()
}

/// The parser's own words as ours.
fn sentence(error: &ScanError) -> String {
    let info = error.info();
    let what = info.rsplit_once(", ").map_or(info.as_str(), |(_, what)| what);
    what.replace("did not find expected", "expected").replace('`', "'")
}

/// The place where the parser stopped.
struct Site<'a> {
    source: &'a Source,
    text: &'a str,
    at: usize,
    line: usize,
}

impl Site<'_> {
    fn too_deep(&self) -> Finding {
        let message = format!("lists and mappings nest deeper than {MAX_DEPTH} levels");
        self.plain(Code::LIMIT, &message, "the limit is passed here")
    }

    fn directive(&self) -> Finding {
        let line = self.source.line_span(self.line);
        let place = self.source.place(line);
        let diagnostic = Diagnostic::error(Code::DIRECTIVE, "YAML directives are not used here", place)
            .help("remove the line; YAML 1.2 is understood");
        // As a comment the line is harmless.
        Finding { diagnostic, repair: Some(Repair::Byte(line.start, b'#')) }
    }

    /// The nearest line at or above the error whose value opens a quote and does not close it.
    fn unclosed_quote(&self) -> Option<Finding> {
        let (start, end) = (0..=self.line).rev().take(LINES_ABOVE).find_map(|line| {
            let (start, end) = self.value_of(line);
            opens_quote(&self.text[start..end]).then_some((start, end))
        })?;
        let span = Span::new(start, end);
        let quote = &self.text[start..=start];
        let diagnostic = Diagnostic::error(Code::UNCLOSED_QUOTE, "this quote is never closed", self.source.place(span))
            .label(format!("no closing {quote} on this line"))
            .fix(Span::new(end, end), quote, "close it, if the value ends on this line");
        Some(Finding { diagnostic, repair: Some(Repair::Unknown(span)) })
    }

    fn bad_escape(&self) -> Option<Finding> {
        let start = self.at;
        let line_end = self.source.line_span(self.line).end as usize;
        let len = self.text[start..line_end].strip_prefix('"').and_then(closing_quote)?;
        let span = Span::new(start, start + len + 2);
        let inner = &self.source.text()[start + 1..start + 1 + len];
        let escape = inner.find('\\').map(|found| wrong_escape(&inner[found..], found))?;
        let place = self.source.place(Span::new(start + 1 + escape.0, start + 1 + escape.0 + escape.1));
        let message = format!("`{}` is not an escape of YAML", place.text());
        let mut diagnostic = Diagnostic::error(Code::BAD_ESCAPE, message, place)
            .label("a backslash between double quotes starts an escape");
        let is_literal = !inner.contains('\'') && !inner.contains("\\\\") && !inner.contains("\\\"");
        if is_literal {
            diagnostic = diagnostic.fix(span, format!("'{inner}'"), "use single quotes, where a backslash is itself");
        } else {
            diagnostic = diagnostic.help("write `\\\\` for a backslash");
        }
        Some(Finding { diagnostic, repair: Some(Repair::Unknown(span)) })
    }

    fn text_after_quote(&self) -> Option<Finding> {
        let (start, end) = self.value_of(self.line);
        let value = &self.source.text()[start..end];
        let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''))?;
        if end <= self.at {
            return None;
        }
        let apostrophe = quote == '\'' && value.ends_with('\'') && value.matches('\'').count() % 2 == 1;
        let meant = if apostrophe { &value[1..value.len() - 1] } else { value };
        let rest = self.source.place(Span::new(self.at, end));
        let diagnostic = Diagnostic::error(Code::TEXT_AFTER_QUOTE, "text after a quoted value", rest)
            .label("the value ended at the quote before this")
            .fix(Span::new(start, end), quoted(meant), "quote the whole value");
        Some(Finding { diagnostic, repair: Some(Repair::String(Span::new(start, end))) })
    }

    fn unknown_alias(&self) -> Finding {
        let line_end = self.source.line_span(self.line).end as usize;
        let name = self.text[self.at..line_end].find([' ', '\t', ',', ']', '}', '\r']);
        let span = Span::new(self.at, name.map_or(line_end, |len| self.at + len));
        let place = self.source.place(span);
        let name = place.text().trim_start_matches('*').to_owned();
        let message = format!("no value is marked `&{name}` above");
        let (start, end) = self.value_of(self.line);
        let whole = if start == self.at { Span::new(start, end) } else { span };
        let diagnostic = Diagnostic::error(Code::UNKNOWN_ALIAS, message, place)
            .label("a value that starts with `*` refers to another value")
            .fix(whole, quoted(self.source.slice(whole)), "if the star is text, quote the value");
        Finding { diagnostic, repair: Some(Repair::String(whole)) }
    }

    fn reserved(&self, character: char) -> Option<Finding> {
        let (start, end) = self.value_of(self.line);
        let span = Span::new(start, end);
        let name = if character == '`' { "a backtick".to_owned() } else { format!("`{character}`") };
        let message = format!("a value cannot start with {name} unless it is quoted");
        let diagnostic = Diagnostic::error(Code::RESERVED_CHARACTER, message, self.source.place(span)).fix(
            span,
            quoted(self.source.slice(span)),
            "quote the value",
        );
        (start == self.at).then_some(Finding { diagnostic, repair: Some(Repair::String(span)) })
    }

    /// `{{` at the start of the value of this line.
    fn template(&self) -> Option<Finding> {
        let (start, end) = self.value_of(self.line);
        self.text[start..end].starts_with("{{").then(|| template_finding(self.source, Span::new(start, end)))
    }

    /// Tabs before the text of a line at or below the error.
    /// `{ shell: echo {{ x }} }`: between brackets a brace ends a value that is not quoted.
    fn template_in_brackets(&self) -> Option<Finding> {
        if !self.text[self.at..].starts_with("{{") {
            return None;
        }
        let line = self.source.line_span(self.line);
        let before = &self.text[line.start as usize..self.at];
        let after = |mark: &str| before.rfind(mark).map(|found| found + mark.len());
        let start = [": ", ", ", "[", "{"].into_iter().filter_map(after).max()?;
        let start = self.at - before[start..].trim_start().len();
        let rest = &self.text[..line.end as usize];
        let mut end = self.at;
        loop {
            end += rest[end..].find("}}")? + 2;
            let tail = rest[end..].find([',', ']', '}']).unwrap_or(rest.len() - end);
            match rest[end..end + tail].find("{{") {
                Some(next) => end += next,
                None => break end += rest[end..end + tail].trim_end().len(),
            }
        }
        Some(template_finding(self.source, Span::new(start, end)))
    }

    fn tab(&self, kind: &E) -> Option<Finding> {
        if !matches!(
            kind,
            E::TabNotAllowed
                | E::TabInBlockIndentation
                | E::TabInIndentation
                | E::TabInPlainScalar
                | E::TabAtBlockScalarStart
                | E::InvalidBlockEntryWhitespace
                | E::InvalidMappingValueWhitespace
        ) {
            return None;
        }
        let mut tabs = (self.line..self.source.line_count()).filter_map(|line| self.indentation_tab(line));
        let first = tabs.next()?;
        let more = tabs.count();
        let diagnostic =
            Diagnostic::error(Code::TAB_INDENTATION, "a tab is used as indentation", self.source.place(first))
                .label("YAML indents with spaces only");
        let diagnostic = match more {
            0 => diagnostic.fix(first, "  ".repeat(first.range().len()), "use spaces"),
            _ => diagnostic.help(format!("use spaces here and on {more} more line(s) below")),
        };
        Some(Finding { diagnostic, repair: None })
    }

    fn indentation_tab(&self, line: usize) -> Option<Span> {
        let span = self.source.line_span(line);
        let text = self.source.slice(span);
        let blank = text.len() - text.trim_start_matches([' ', '\t']).len();
        let start = text[..blank].find('\t')?;
        let len = text[start..blank].len() - text[start..blank].trim_start_matches('\t').len();
        let start = span.start as usize + start;
        (blank < text.len()).then(|| Span::new(start, start + len))
    }

    /// `key:value` on the line of the error or on the one before it.
    fn missing_space(&self) -> Option<Finding> {
        let before = (0..self.line).rev().find(|line| !self.line_text(*line).trim().is_empty());
        let (line, colon) = [Some(self.line), before].into_iter().flatten().find_map(|line| {
            let span = self.source.line_span(line);
            joined_key(&self.text[span.range()]).map(|colon| (span, span.start as usize + colon))
        })?;
        let diagnostic = Diagnostic::error(
            Code::MISSING_SPACE,
            "a space is missing after the colon",
            self.source.place(Span::new(colon, colon + 1)),
        )
        .label("without a space this is not the end of a key")
        .fix(Span::new(colon + 1, colon + 1), " ", "add a space");
        let next = colon + 1;
        let is_ascii = next < line.end as usize && self.text.as_bytes()[next].is_ascii();
        Some(Finding { diagnostic, repair: is_ascii.then_some(Repair::Byte(next as u32, b' ')) })
    }

    fn bracket(&self, kind: &E, open: Option<Span>) -> Option<Finding> {
        match (kind, open) {
            (E::MisplacedFlowCollectionEnd, None) => {
                Some(self.plain(Code::UNCLOSED_BRACKET, "a closing bracket without an opening one", "nothing to close"))
            }
            (E::MismatchedFlowCollectionEnd { open, close }, _) => {
                let message = format!("`{open}` is closed by `{close}`");
                Some(self.plain(Code::UNCLOSED_BRACKET, &message, "the wrong kind of bracket"))
            }
            (E::UnclosedFlowCollection { open }, _) => {
                Some(self.plain(Code::UNCLOSED_BRACKET, &format!("`{open}` is never closed"), "opened here"))
            }
            // An error further down inside brackets mostly means that they were never closed.
            (_, Some(open))
                if self.source.line_index(open.start) < self.line || self.at >= self.text.trim_end().len() =>
            {
                let place = self.source.place(open);
                let message = format!("`{}` is not closed before the next line that cannot be inside it", place.text());
                let diagnostic = Diagnostic::error(Code::UNCLOSED_BRACKET, message, place)
                    .label("opened here")
                    .also(self.source.place(Span::new(self.at, self.at)), "not possible inside brackets");
                Some(Finding { diagnostic, repair: None })
            }
            _ => None,
        }
    }

    /// `title: one: two`.
    fn colon_in_value(&self, kind: &E) -> Option<Finding> {
        let (start, end) = self.value_of(self.line);
        let is_inside = matches!(kind, E::MappingValueNotAllowed) && start < self.at && self.at < end;
        if !is_inside || start == self.source.line_span(self.line).start as usize {
            return None;
        }
        // After its own key only: a first key on the line is not a value.
        if !self.text[..start].trim_end().ends_with([':', '-']) {
            return None;
        }
        let span = Span::new(start, end);
        let colon = self.source.place(Span::new(self.at, self.at + 1));
        let diagnostic = Diagnostic::error(Code::COLON_IN_VALUE, "a colon inside a value needs quotes", colon)
            .label("this would start another mapping")
            .fix(span, quoted(self.source.slice(span)), "quote the value");
        Some(Finding { diagnostic, repair: Some(Repair::String(span)) })
    }

    fn indentation(&self, kind: &E) -> Option<Finding> {
        let (message, label) = match kind {
            E::MappingValueNotAllowed => return Some(self.key_below_value()),
            E::ExpectedBlockMappingKey if self.line_text(self.line).trim_start().starts_with("- ") => {
                ("a list item where a key was expected", "does not stand in the column of a list")
            }
            E::ExpectedBlockMappingKey => ("a key was expected here", "does not stand in the column of the other keys"),
            E::ExpectedBlockSequenceEntry => ("a list item was expected here", "expected `- ` in this column"),
            E::BlockSequenceEntryNotAllowed => ("a list cannot start here", "put the list on the lines below its key"),
            E::SimpleKeyExpected => ("a key without a colon", "expected `:` and a space after this"),
            E::InvalidIndentation | E::InvalidFlowScalarIndent | E::InvalidBlockScalarIndent => {
                ("the indentation does not fit the lines above", "")
            }
            _ => return None,
        };
        Some(self.plain(Code::INDENTATION, message, label))
    }

    /// `a: b` with another key indented on the next line, which YAML reads as more of `b`.
    fn key_below_value(&self) -> Finding {
        let line = self.source.line_span(self.line);
        let indent = self.line_text(self.line).len() - self.line_text(self.line).trim_start().len();
        let key = Span::new(line.start as usize + indent, self.at);
        let message = "a key cannot stand below a value that is already complete";
        let diagnostic = Diagnostic::error(Code::INDENTATION, message, self.source.place(key))
            .label("read as part of the value above")
            .help("indent it like the key above, or remove the value above");
        Finding { diagnostic, repair: None }
    }

    /// An error at the place where the parser stopped, marking the rest of the word there.
    fn plain(&self, code: Code, message: &str, label: &str) -> Finding {
        let line_end = self.source.line_span(self.line).end as usize;
        let rest = &self.text[self.at.min(line_end)..line_end];
        let word = rest.find([' ', '\t', ':', ',', ']', '}']).unwrap_or(rest.len());
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let span = Span::new(self.at, self.at + word.max(first));
        let diagnostic = Diagnostic::error(code, message, self.source.place(span)).label(label);
        Finding { diagnostic, repair: None }
    }

    fn line_text(&self, line: usize) -> &str {
        &self.text[self.source.line_span(line).range()]
    }

    /// Start and end of the value on a line, as if it ran to the end of the line.
    fn value_of(&self, line: usize) -> (usize, usize) {
        let span = self.source.line_span(line);
        let start = span.start as usize + value_column(self.line_text(line));
        (start, end_of_value(self.text, start, span.end as usize).max(start))
    }
}

/// The column after indentation, dashes and one key.
fn value_column(line: &str) -> usize {
    let mut rest = line.trim_start_matches([' ', '\t', '\u{feff}']);
    while let Some(item) = rest.strip_prefix("- ") {
        rest = item.trim_start();
    }
    if !rest.starts_with(['"', '\'', '{', '[']) {
        let key = rest.find(": ").map(|at| at + 2).or_else(|| rest.ends_with(':').then_some(rest.len()));
        rest = rest[key.unwrap_or(0)..].trim_start();
    }
    line.len() - rest.len()
}

/// Whether a value starts with a quote that its line does not close.
fn opens_quote(value: &str) -> bool {
    match value.as_bytes().first() {
        Some(b'"') => closing_quote(&value[1..]).is_none(),
        Some(b'\'') => value[1..].replace("''", "").find('\'').is_none(),
        _ => false,
    }
}

/// The position of the `"` that ends a double-quoted scalar.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })
}

/// Offset and length of the first escape YAML does not know, or else of the first escape. `text` starts at a
/// backslash that stands at `offset`.
fn wrong_escape(text: &str, offset: usize) -> (usize, usize) {
    let mut rest = text;
    while let Some(found) = rest.find('\\') {
        rest = &rest[found..];
        let next = rest[1..].chars().next().unwrap_or('\\');
        if !r#"0abtnvfre "/\N_LPxuU"#.contains(next) {
            return (offset + text.len() - rest.len(), 1 + next.len_utf8());
        }
        rest = rest.get(1 + next.len_utf8()..).unwrap_or("");
    }
    (offset, 2.min(text.len()))
}

/// The colon of `key:value`, when the line is nothing else.
fn joined_key(line: &str) -> Option<usize> {
    let mut rest = line.trim_start();
    while let Some(item) = rest.strip_prefix("- ") {
        rest = item.trim_start();
    }
    let colon = rest.find(':')?;
    let is_key = colon > 0 && rest[..colon].bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    // `https://...` and a Windows drive are no keys.
    let value = rest[colon + 1..].chars().next()?;
    (is_key && !value.is_whitespace() && !matches!(value, '/' | '\\' | ':')).then(|| line.len() - rest.len() + colon)
}
