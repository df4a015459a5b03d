//! Reading a file as one YAML document, going on after errors where the author's intent is clear enough.

use std::collections::HashSet;

use super::{Code, Diagnostic, Node, Source, Span, hidden, syntax, tree};

/// Largest file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Most values in a document; a value used through an alias counts each time.
pub const MAX_NODES: usize = 100_000;
/// Deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 64;
/// Most bytes in the scalars of a document; a value used through an alias counts each time.
pub(super) const MAX_TEXT: usize = 4 << 20;

/// Each repair reads the file once more, so their number bounds the time a broken file takes.
const MAX_REPAIRS: usize = 32;
/// So much is read again altogether: a large file gets fewer repairs.
const MAX_REREAD: usize = 4 << 20;

/// What [`parse`] found.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The document. There can be one beside errors, when it is clear what was meant: a duplicate key keeps its first
    /// value, an unquoted template is the string it would be with quotes. `None` when the file cannot be understood.
    pub root: Option<Node>,
    /// Everything wrong with the file as YAML, in no particular order. A file with an error must not be used.
    pub diagnostics: Vec<Diagnostic>,
}

/// Something wrong in the text, and how to read on after it.
pub(super) struct Finding {
    pub(super) diagnostic: Diagnostic,
    pub(super) repair: Option<Repair>,
}

/// A change of the text that keeps all byte offsets, so that reading can go on.
#[derive(Clone, Copy)]
pub(super) enum Repair {
    /// The span is one string, as if it were quoted.
    String(Span),
    /// The span is some string; nothing more is known, so the tree is not used.
    Unknown(Span),
    /// One byte becomes another; the tree is not used.
    Byte(u32, u8),
}

/// The text as repaired so far. It has the length of the original, so all offsets hold in both.
pub(super) struct Repaired {
    pub(super) text: String,
    /// Spans that were replaced by a word; the tree takes their text from the original.
    pub(super) strings: HashSet<Span>,
    guessed: bool,
}

/// Reads a file that holds exactly one YAML 1.2 document.
pub fn parse(source: &Source) -> Parsed {
    if source.text().len() > MAX_BYTES {
        let size = source.text().len();
        let message = format!("the file has {size} bytes; at most {MAX_BYTES} are read");
        let start = source.place(Span::default());
        return Parsed { root: None, diagnostics: vec![Diagnostic::error(Code::LIMIT, message, start)] };
    }
    if let Some(hidden) = hidden_character(source) {
        return Parsed { root: None, diagnostics: vec![hidden] };
    }
    let mut repaired = Repaired { text: source.text().to_owned(), strings: HashSet::new(), guessed: false };
    let most = MAX_REPAIRS.min(MAX_REREAD / source.text().len().max(1));
    let mut diagnostics = Vec::new();
    for round in 0.. {
        let built = tree::build(source, &repaired);
        let mut findings = built.findings;
        // An error in the same round is most likely a consequence of what was found before it.
        if findings.is_empty()
            && let Some(error) = &built.error
        {
            findings.push(syntax::explain(source, &repaired.text, error, built.open_bracket));
        }
        let again = findings.iter().filter_map(|f| f.repair).filter(|repair| repaired.apply(*repair)).count() > 0;
        diagnostics.extend(findings.into_iter().map(|finding| finding.diagnostic));
        if !again || round >= most {
            diagnostics.extend(built.diagnostics);
            let root = built.root.filter(|_| built.error.is_none() && !again && !repaired.guessed);
            return Parsed { root, diagnostics };
        }
    }
    unreachable!("the loop above returns after at most MAX_REPAIRS rounds")
}

/// A file that looks other than it is is not read any further.
fn hidden_character(source: &Source) -> Option<Diagnostic> {
    // A mark at the very start says only that this is UTF-8.
    let start = if source.text().starts_with('\u{feff}') { 3 } else { 0 };
    let mut found = source.text()[start..].char_indices().filter(|(_, c)| hidden::is_hidden(*c));
    let (at, first) = found.next()?;
    let at = start + at;
    let what = match hidden::is_control(first) {
        true => "control characters may not stand in a file",
        false => "a character that nobody sees may not stand in a file",
    };
    let place = source.place(Span::new(at, at + first.len_utf8()));
    let diagnostic = Diagnostic::error(Code::HIDDEN_CHARACTER, format!("U+{:04X}: {what}", first as u32), place);
    let help = format!("remove it; where it is meant, write \"\\u{:04X}\" between double quotes", first as u32);
    let diagnostic = diagnostic.help(if first == '\0' { "save the file as UTF-8 text".to_owned() } else { help });
    Some(match found.count() {
        0 => diagnostic,
        more => diagnostic.help(format!("there are {more} more of this kind below")),
    })
}

impl Repaired {
    /// Applies a repair; false when it changes nothing, which means that reading would stop at the same place.
    fn apply(&mut self, repair: Repair) -> bool {
        let (span, word) = match repair {
            Repair::String(span) | Repair::Unknown(span) => (span, "x".repeat(span.range().len())),
            Repair::Byte(at, byte) => (Span { start: at, end: at + 1 }, char::from(byte).to_string()),
        };
        if self.text.get(span.range()).is_none_or(|old| old == word) {
            return false;
        }
        self.text.replace_range(span.range(), &word);
        match repair {
            Repair::String(span) => drop(self.strings.insert(span)),
            Repair::Unknown(_) | Repair::Byte(..) => self.guessed = true,
        }
        true
    }
}
