//! Diagnostics as people see them.

use std::{collections::BTreeSet, ops::Range};

use annotate_snippets::{AnnotationKind, Group, Level, Message, Patch, Renderer, Snippet, normalize_untrusted_str};

use super::{Diagnostic, Place, Severity, Source, Span, diagnostic::sorted};

/// Places further apart than this many lines are shown as separate snippets, so that a large file is never scanned.
const WINDOW_LINES: usize = 60;

/// How diagnostics are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderStyle {
    /// ANSI colours.
    pub color: bool,
    /// One line each, `file:line:col: error[RB0101]: message`, without a summary: for editors and CI.
    pub short: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// So many diagnostics are drawn with a piece of the file; nobody reads more, and on a long line each takes long.
const MOST_DRAWN: usize = 100;

/// A longer piece of a file is not drawn at all.
const LONGEST_PIECE: usize = 16 << 10;
/// So much of files is drawn altogether.
const MOST_TEXT: usize = 1 << 20;

/// Draws the first diagnostics by place, with a summary line of all at the end. Nothing for no diagnostics; ends with a line
/// break otherwise. Control characters of the file are never sent to the terminal.
pub fn render(diagnostics: &[Diagnostic], style: RenderStyle) -> String {
    let sorted = sorted(diagnostics);
    if style.short {
        return sorted.into_iter().map(short_line).collect();
    }
    if sorted.is_empty() {
        return String::new();
    }
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() }.term_width(style.width.max(40));
    let mut out = String::new();
    let (mut more, mut text) = (sorted.len(), 0);
    for diagnostic in sorted.into_iter().take(MOST_DRAWN) {
        let piece = piece_length(diagnostic);
        if piece > LONGEST_PIECE {
            out += &short_line(diagnostic);
            out += "\n";
        } else {
            text += piece;
            out += &renderer.render(&report(diagnostic));
            out += "\n\n";
        }
        more -= 1;
        if text > MOST_TEXT {
            break;
        }
    }
    if more > 0 {
        out += &format!("... and {more} more, which are not shown\n\n");
    }
    without_c1(out) + &summary(diagnostics) + "\n"
}

/// Bytes of the lines that are drawn for a diagnostic, its other places included.
fn piece_length(d: &Diagnostic) -> usize {
    let places = d.also.iter().map(|(place, _)| place).chain([&d.place]);
    places.map(|place| Window::new(&place.source, lines_of(&place.source, place.span)).text.len()).sum()
}

/// The drawing crate lets the control characters of 8-bit terminals through, U+009B and U+009D among them.
fn without_c1(screen: String) -> String {
    let is_c1 = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    let screen = if screen.contains(is_c1) { screen.replace(is_c1, "\u{fffd}") } else { screen };
    // An excerpt of a file is shown by build servers, too.
    super::hidden::defused(screen)
}

fn short_line(d: &Diagnostic) -> String {
    let line = format!("{}: {}[{}]: {}", d.place, d.severity.name(), d.code, d.message);
    without_c1(normalize_untrusted_str(&line).replace('\n', " ")) + "\n"
}

/// `3 errors, 1 warning in deploy.yml`
fn summary(diagnostics: &[Diagnostic]) -> String {
    let counts: Vec<String> = [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Advice, "piece of advice", "pieces of advice"),
    ]
    .into_iter()
    .map(|(severity, one, many)| (diagnostics.iter().filter(|d| d.severity == severity).count(), one, many))
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
    .collect();
    let files: BTreeSet<&str> = diagnostics.iter().map(|d| d.place.source.name()).collect();
    let files = match files.first() {
        Some(only) if files.len() == 1 => normalize_untrusted_str(only),
        _ => format!("{} files", files.len()),
    };
    format!("{} in {files}", counts.join(", "))
}

fn report(d: &Diagnostic) -> Vec<Group<'_>> {
    let (near, far): (Vec<_>, Vec<_>) = d.also.iter().partition(|(place, _)| is_near(place, &d.place));
    let source = &d.place.source;
    let lines = near.iter().map(|(place, _)| place).chain([&d.place]).map(|place| lines_of(source, place.span));
    let lines = lines.reduce(|(first, last), (start, end)| (first.min(start), last.max(end))).unwrap_or_default();
    let window = Window::new(source, lines);
    let mark = AnnotationKind::Primary.span(window.range(d.place.span)).label(label(&d.label));
    let near =
        near.into_iter().map(|(place, text)| AnnotationKind::Context.span(window.range(place.span)).label(label(text)));
    let mut group = level(d.severity)
        .primary_title(d.message.as_str())
        .id(d.code.to_string())
        .element(window.snippet().annotation(mark).annotations(near));
    for (place, text) in far {
        let window = Window::new(&place.source, lines_of(&place.source, place.span));
        let mark = AnnotationKind::Context.span(window.range(place.span)).label(label(text));
        group = group.element(window.snippet().annotation(mark));
    }
    for help in &d.help {
        group = group.element(trusted(Level::HELP, help));
    }
    let see = trusted(Level::NOTE.with_name("see"), &format!("runbook explain {}", d.code));
    let mut groups = vec![group.element(see)];
    groups.extend(fix_group(d));
    groups
}

/// `help: quote the value` with the line as it would be.
fn fix_group(d: &Diagnostic) -> Option<Group<'_>> {
    let fix = d.fix.as_ref()?;
    let source = &d.place.source;
    let window = Window::new(source, lines_of(source, fix.span));
    let patch = Patch::new(window.range(fix.span), fix.replacement.as_str());
    let snippet = Snippet::source(window.text).line_start(window.first_line + 1).patch(patch);
    Some(Level::HELP.secondary_title(normalize_untrusted_str(&fix.title)).element(snippet))
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Advice => Level::INFO.with_name("advice"),
    }
}

/// Messages, labels and paths are drawn as they are, so whatever could steer a terminal is taken out first.
fn trusted<'a>(level: Level<'a>, text: &str) -> Message<'a> {
    level.message(normalize_untrusted_str(text))
}

fn label(text: &str) -> Option<String> {
    Some(normalize_untrusted_str(text)).filter(|text| !text.is_empty())
}

fn is_near(place: &Place, primary: &Place) -> bool {
    let line = |place: &Place| place.source.line_index(place.span.start);
    place.source == primary.source && line(place).abs_diff(line(primary)) <= WINDOW_LINES
}

/// First and last line (from 0, inclusive) of a span.
fn lines_of(source: &Source, span: Span) -> (usize, usize) {
    let last_byte = span.end.saturating_sub(1).max(span.start);
    (source.line_index(span.start), source.line_index(last_byte))
}

/// A few whole lines of a source; the renderer never sees the rest of the file.
struct Window<'a> {
    source: &'a Source,
    first_line: usize,
    start: usize,
    text: &'a str,
}

impl<'a> Window<'a> {
    fn new(source: &'a Source, (first, last): (usize, usize)) -> Window<'a> {
        let start = source.line_span(first).start as usize;
        let end = source.line_span(last.min(first + 2 * WINDOW_LINES)).end as usize;
        Window { source, first_line: first, start, text: &source.text()[start..end] }
    }

    fn snippet(&self) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        Snippet::source(self.text).line_start(self.first_line + 1).path(normalize_untrusted_str(self.source.name()))
    }

    /// The bytes of a span relative to the window, cut at its end.
    fn range(&self, span: Span) -> Range<usize> {
        let inside = |offset: u32| {
            let offset = (offset as usize).saturating_sub(self.start).min(self.text.len());
            super::source::floor_boundary(self.text, offset)
        };
        inside(span.start)..inside(span.end)
    }
}
