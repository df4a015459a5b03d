//! What is wrong, where, and what to do about it.

use serde_json::{Value, json};

use super::{Code, Place, Span};

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// Likely a mistake; the file can be used.
    Warning,
    /// Could be better.
    Advice,
}

impl Severity {
    /// `error`, `warning` or `advice`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "advice",
        }
    }
}

/// One finding about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of problem.
    pub code: Code,
    /// How much it weighs.
    pub severity: Severity,
    /// One line: what is wrong. Lower case, no final period.
    pub message: String,
    /// Where.
    pub place: Place,
    /// A few words beside the marked text; may be empty.
    pub label: String,
    /// Other places that explain this one, with a few words each.
    pub also: Vec<(Place, String)>,
    /// What to do, one line each.
    pub help: Vec<String>,
    /// An edit that would solve it.
    pub fix: Option<Fix>,
}

/// An edit of the file a diagnostic is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The bytes to replace; empty to insert.
    pub span: Span,
    /// What to write there.
    pub replacement: String,
    /// What the edit does, as in `quote the value`.
    pub title: String,
}

impl Diagnostic {
    /// An error; the file cannot be used.
    pub fn error(code: Code, message: impl Into<String>, place: Place) -> Diagnostic {
        Diagnostic::new(Severity::Error, code, message, place)
    }

    /// A warning: likely a mistake.
    pub fn warning(code: Code, message: impl Into<String>, place: Place) -> Diagnostic {
        Diagnostic::new(Severity::Warning, code, message, place)
    }

    /// Advice: could be better.
    pub fn advice(code: Code, message: impl Into<String>, place: Place) -> Diagnostic {
        Diagnostic::new(Severity::Advice, code, message, place)
    }

    /// Adds the words beside the marked text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    /// Adds another place that explains this one.
    #[must_use]
    pub fn also(mut self, place: Place, label: impl Into<String>) -> Diagnostic {
        self.also.push((place, label.into()));
        self
    }

    /// Adds a line about what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }

    /// Adds an edit of the same file that would solve it.
    #[must_use]
    pub fn fix(mut self, span: Span, replacement: impl Into<String>, title: impl Into<String>) -> Diagnostic {
        self.fix = Some(Fix { span, replacement: replacement.into(), title: title.into() });
        self
    }

    fn new(severity: Severity, code: Code, message: impl Into<String>, place: Place) -> Diagnostic {
        Diagnostic {
            code,
            severity,
            message: message.into(),
            place,
            label: String::new(),
            also: Vec::new(),
            help: Vec::new(),
            fix: None,
        }
    }
}

/// The diagnostics in the order people read them: by file, place, weight and code.
pub(super) fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|d| (d.place.source.name(), d.place.span.start, d.severity, d.code));
    sorted
}

/// The diagnostics as a JSON array for `--output json`, in the order of [`super::render`]. Lines and columns count
/// from 1, columns in characters; `start` and `end` are bytes.
pub fn to_json(diagnostics: &[Diagnostic]) -> Value {
    sorted(diagnostics).into_iter().map(diagnostic_json).collect()
}

fn diagnostic_json(d: &Diagnostic) -> Value {
    let also = d.also.iter().map(|(place, label)| json!({ "place": place_json(place), "label": label }));
    let fix = d.fix.as_ref().map(|fix| {
        json!({
            "title": fix.title,
            "replacement": fix.replacement,
            "place": place_json(&d.place.source.place(fix.span)),
        })
    });
    json!({
        "code": d.code.to_string(),
        "severity": d.severity.name(),
        "message": d.message,
        "place": place_json(&d.place),
        "label": d.label,
        "also": also.collect::<Vec<_>>(),
        "help": d.help,
        "fix": fix,
    })
}

fn place_json(place: &Place) -> Value {
    let (line, column) = place.line_col();
    let (end_line, end_column) = place.source.line_col(place.span.end);
    json!({
        "file": place.source.name(),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "start": place.span.start,
        "end": place.span.end,
    })
}
