//! From the parser's events to the tree, with the checks that need no more than one document.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StructureStyle, Tag, options};

use super::{
    Code, Diagnostic, Entry, Kind, Node, Source, Span, Style,
    core::kind_of_plain,
    node::Size,
    parse::{Finding, MAX_DEPTH, MAX_NODES, MAX_TEXT, Repaired},
    traps,
};

/// Mappings with more entries look keys up in an index instead of comparing them one by one.
const SMALL_MAPPING: usize = 16;

/// One pass over the text.
#[derive(Default)]
pub(super) struct Built {
    pub(super) root: Option<Node>,
    /// What is wrong with the document's content; does not stop the pass.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Traps that were read as something else; the pass is to be repeated after their repair.
    pub(super) findings: Vec<Finding>,
    /// The syntax error that ended the pass.
    pub(super) error: Option<ScanError>,
    /// The innermost `[` or `{` that was open then.
    pub(super) open_bracket: Option<Span>,
}

/// Reads the repaired text once, up to its first syntax error.
pub(super) fn build(source: &Source, repaired: &Repaired) -> Built {
    let options = options! {
        emit_comments: false,
        disallow_directives: true,
        block_nesting_limit: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
    };
    let mut parser = Parser::new_from_str_with_options(&repaired.text, options);
    let mut builder = Builder::new(source, repaired);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                if builder.event(event, &span).is_err() {
                    break;
                }
            }
            Err(error) => {
                builder.out.error = Some(error);
                break;
            }
        }
    }
    builder.finish()
}

/// The rest of the file is not worth reading; the reason is among the diagnostics.
struct Stop;

enum Frame {
    Seq { open: Open, items: Vec<Node> },
    Map { open: Open, entries: Vec<Entry>, index: HashMap<String, usize>, key: Option<Key>, merges: Vec<(Span, Node)> },
}

/// The start of a collection.
#[derive(Clone, Copy)]
struct Open {
    span: Span,
    anchor: usize,
    flow: bool,
}

struct Key {
    text: String,
    span: Span,
    is_merge: bool,
}

struct Anchor {
    node: Node,
    size: Size,
}

struct Builder<'a> {
    source: &'a Source,
    repaired: &'a Repaired,
    out: Built,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchor>,
    /// Values and their bytes so far, as expanded.
    nodes: usize,
    text: usize,
    /// The same of what is kept for aliases; anchors inside anchors keep some of it several times.
    kept_nodes: usize,
    kept_text: usize,
    documents: usize,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Source, repaired: &'a Repaired) -> Builder<'a> {
        let out = Built::default();
        Builder {
            source,
            repaired,
            out,
            stack: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            text: 0,
            kept_nodes: 0,
            kept_text: 0,
            documents: 0,
        }
    }

    fn event(&mut self, event: Event<'_>, at: &granit_parser::Span) -> Result<(), Stop> {
        let span = bytes(at);
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(tag.as_deref(), at);
                (self.scalar(&text, style, span, tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"))), anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), at);
                let open = Open { span, anchor, flow: matches!(style, StructureStyle::Flow) };
                self.stack.push(Frame::Seq { open, items: Vec::new() });
                return self.count(Size::ONE, span);
            }
            Event::MappingStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), at);
                let open = Open { span, anchor, flow: matches!(style, StructureStyle::Flow) };
                return self.open_mapping(open);
            }
            Event::SequenceEnd | Event::MappingEnd => match self.close(span)? {
                Some(closed) => closed,
                None => return Ok(()),
            },
            Event::Alias(id) => (self.alias(id, span)?, 0),
            Event::DocumentStart(..) => return self.document(span),
            _ => return Ok(()),
        };
        if let Some(scalar) = &node.scalar {
            self.count(Size { text: scalar.text.len(), ..Size::ONE }, span)?;
        }
        if anchor != 0 {
            let size = node.measure();
            self.keep(size, span)?;
            self.anchors.insert(anchor, Anchor { node: node.clone(), size });
        }
        self.place(node);
        Ok(())
    }

    fn finish(mut self) -> Built {
        self.out.open_bracket = self.stack.iter().rev().find_map(|frame| {
            let (Frame::Seq { open, .. } | Frame::Map { open, .. }) = frame;
            open.flow.then_some(open.span)
        });
        let is_empty =
            self.out.root.as_ref().is_none_or(|root| root.span.is_empty() && matches!(root.kind, Kind::Null));
        if is_empty && self.out.error.is_none() && self.out.diagnostics.is_empty() {
            self.out.root = None;
            let place = self.source.place(Span::default());
            let empty =
                Diagnostic::error(Code::EMPTY_FILE, "the file holds nothing but blank lines and comments", place)
                    .help("a runbook begins with `runbook: v1`");
            self.out.diagnostics.push(empty);
        }
        self.out
    }

    fn document(&mut self, span: Span) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        let second = self.source.place(span);
        self.report(
            Diagnostic::error(Code::SEVERAL_DOCUMENTS, "a second document starts here", second)
                .label("everything below would be another document")
                .help("write one file for each, or remove the `---`"),
        );
        Err(Stop)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span, tagged_str: bool) -> Node {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        if self.repaired.strings.contains(&span) {
            return Node::new_scalar(span, Kind::Str, self.source.slice(span).to_owned(), Style::Plain);
        }
        if style == Style::Plain && span.is_empty() {
            // The parser writes `~` for a value that is not there.
            let kind = if tagged_str { Kind::Str } else { Kind::Null };
            return Node::new_scalar(span, kind, String::new(), style);
        }
        let kind = if style == Style::Plain && !tagged_str { kind_of_plain(text) } else { Kind::Str };
        let span = match style {
            Style::Literal | Style::Folded => self.without_trailing_blanks(span),
            _ => span,
        };
        Node::new_scalar(span, kind, text.to_owned(), style)
    }

    fn without_trailing_blanks(&self, span: Span) -> Span {
        let text = self.source.slice(span).trim_end_matches([' ', '\t', '\r', '\n']);
        Span::new(span.start as usize, span.start as usize + text.len())
    }

    fn open_mapping(&mut self, open: Open) -> Result<(), Stop> {
        if open.flow {
            self.out.findings.extend(traps::unquoted_template(self.source, open.span.start as usize, self.in_flow()));
        }
        let (entries, index, merges) = (Vec::new(), HashMap::new(), Vec::new());
        self.stack.push(Frame::Map { open, entries, index, key: None, merges });
        self.count(Size::ONE, open.span)
    }

    fn in_flow(&self) -> bool {
        matches!(self.stack.last(), Some(Frame::Seq { open, .. } | Frame::Map { open, .. }) if open.flow)
    }

    /// Ends the innermost collection.
    fn close(&mut self, end: Span) -> Result<Option<(Node, usize)>, Stop> {
        // The end of a block collection is where the next thing starts; its last child says where it really ended.
        let finish = |open: Open, last: Option<u32>| Span {
            start: open.span.start,
            end: if open.flow { end.end } else { last.unwrap_or(open.span.end).max(open.span.start) },
        };
        match self.stack.pop() {
            None => Ok(None),
            Some(Frame::Seq { open, items }) => {
                let span = finish(open, items.last().map(|item| item.span.end));
                Ok(Some((Node::collection(span, Kind::Seq(items)), open.anchor)))
            }
            Some(Frame::Map { open, mut entries, mut index, merges, .. }) => {
                let last = entries.iter().map(|entry| entry.value.span.end.max(entry.key_span.end)).max();
                let span = finish(open, last);
                for (key, value) in merges {
                    self.merge(&mut entries, &mut index, key, value)?;
                }
                Ok(Some((Node::collection(span, Kind::Map(entries)), open.anchor)))
            }
        }
    }

    /// Adds the entries of a mapping, or of each of a list of mappings, that are not there yet.
    fn merge(
        &mut self,
        entries: &mut Vec<Entry>,
        index: &mut HashMap<String, usize>,
        key: Span,
        value: Node,
    ) -> Result<(), Stop> {
        let parts = match value.kind {
            Kind::Seq(items) => items,
            _ => vec![value],
        };
        for part in parts {
            let (found, span) = (part.type_name(), part.span);
            let Kind::Map(merged) = part.kind else {
                let message = format!("`<<` needs a mapping, but this is {found}");
                let diagnostic = Diagnostic::error(Code::MERGE, message, self.source.place(span));
                self.report(diagnostic.also(self.source.place(key), "merged here"));
                continue;
            };
            for entry in merged {
                self.count(Size { height: 0, ..entry.value.measure() }, key)?;
                if find(entries, index, &entry.key).is_none() {
                    push(entries, index, entry);
                }
            }
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Stop> {
        let Some(size) = self.anchors.get(&id).map(|anchor| anchor.size) else {
            let place = self.source.place(span);
            let message = "an alias cannot stand inside the value it refers to";
            self.report(Diagnostic::error(Code::UNKNOWN_ALIAS, message, place));
            return Ok(Node::new_scalar(span, Kind::Null, String::new(), Style::Plain));
        };
        self.count(size, span)?;
        Ok(self.anchors[&id].node.clone())
    }

    /// Counts values, levels and bytes that are about to be added; too many end the pass.
    fn count(&mut self, size: Size, span: Span) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(size.nodes);
        self.text = self.text.saturating_add(size.text);
        let message = if self.nodes > MAX_NODES {
            format!("more than {MAX_NODES} values; a value used through an alias counts each time")
        } else if self.text > MAX_TEXT {
            format!("more than {} MiB of text; a value used through an alias counts each time", MAX_TEXT >> 20)
        } else if self.stack.len() + size.height > MAX_DEPTH {
            format!("lists and mappings nest deeper than {MAX_DEPTH} levels")
        } else {
            return Ok(());
        };
        self.limit(message, span)
    }

    /// Counts the copy of a value that an anchor keeps.
    fn keep(&mut self, size: Size, span: Span) -> Result<(), Stop> {
        self.kept_nodes += size.nodes;
        self.kept_text += size.text;
        if self.kept_nodes <= 2 * MAX_NODES && self.kept_text <= 2 * MAX_TEXT {
            return Ok(());
        }
        self.limit("the values marked with `&` hold too much, those inside each other counted each time".into(), span)
    }

    fn limit(&mut self, message: String, span: Span) -> Result<(), Stop> {
        let place = self.source.place(span);
        self.report(Diagnostic::error(Code::LIMIT, message, place).label("the limit is passed here"));
        self.out.root = None;
        Err(Stop)
    }

    fn check_tag(&mut self, tag: Option<&Tag>, at: &granit_parser::Span) {
        let Some(tag) = tag else { return };
        if ["str", "seq", "map"].iter().any(|known| tag.is_yaml_core_schema_tag(known)) {
            return;
        }
        let span = at.tag_span().map_or(bytes(at), |span| bytes(&span));
        let place = self.source.place(span);
        let message = format!("the tag `{}` is not supported", place.text());
        let diagnostic = Diagnostic::error(Code::TAG, message, place);
        self.report(diagnostic.help("remove it, or quote the value if the `!` is text"));
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => {
                self.out.root.get_or_insert(node);
            }
            Some(Frame::Seq { items, .. }) => items.push(node),
            Some(Frame::Map { key, .. }) => match key.take() {
                None => {
                    let new = self.key(&node);
                    if let Some(Frame::Map { key, .. }) = self.stack.last_mut() {
                        *key = Some(new);
                    }
                }
                Some(key) => self.entry(key, node),
            },
        }
    }

    fn key(&mut self, node: &Node) -> Key {
        let is_plain = node.style() == Some(Style::Plain);
        let text = node.scalar().unwrap_or_default().to_owned();
        if node.scalar.is_none() || (is_plain && text.is_empty()) {
            let place = self.source.place(node.span);
            let message = format!("a key must be plain text, but this is {}", node.type_name());
            self.report(Diagnostic::error(Code::BAD_KEY, message, place));
        }
        Key { is_merge: is_plain && text == "<<", text, span: node.span }
    }

    fn entry(&mut self, key: Key, mut value: Node) {
        if value.span.is_empty() && matches!(value.kind, Kind::Null) {
            // An omitted value stands right after the colon of its key.
            let line_end = self.source.line_span(self.source.line_index(key.span.end)).end as usize;
            let end = key.span.end as usize;
            let rest = self.source.text().get(end..line_end).unwrap_or_default();
            let after = end + rest.find(':').map_or(0, |found| found + 1);
            value.span = Span::new(after, after);
        }
        let Some(Frame::Map { entries, index, merges, .. }) = self.stack.last_mut() else { return };
        let first = match key.is_merge {
            true => merges.first().map(|(first, _)| *first),
            false => find(entries, index, &key.text).map(|first| entries[first].key_span),
        };
        match first {
            None if key.is_merge => merges.push((key.span, value)),
            None => push(entries, index, Entry { key: key.text, key_span: key.span, value }),
            Some(first) => {
                let message = format!("the key `{}` is already there", key.text);
                let diagnostic = Diagnostic::error(Code::DUPLICATE_KEY, message, self.source.place(key.span));
                self.report(diagnostic.label("again here").also(self.source.place(first), "first here"));
            }
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.out.diagnostics.push(diagnostic);
    }
}

/// The position of a key. The index holds all keys as soon as there are more than a few.
fn find(entries: &[Entry], index: &HashMap<String, usize>, key: &str) -> Option<usize> {
    if index.is_empty() { entries.iter().position(|entry| entry.key == key) } else { index.get(key).copied() }
}

fn push(entries: &mut Vec<Entry>, index: &mut HashMap<String, usize>, entry: Entry) {
    entries.push(entry);
    if !index.is_empty() {
        let last = entries.len() - 1;
        index.insert(entries[last].key.clone(), last);
    } else if entries.len() > SMALL_MAPPING {
        index.extend(entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)));
    }
}

fn bytes(span: &granit_parser::Span) -> Span {
    // The parser knows byte offsets whenever it reads from a string, as here.
    span.byte_range().map_or(Span::default(), |range| Span::new(range.start, range.end))
}
