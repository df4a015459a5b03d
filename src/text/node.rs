//! The tree of a YAML document: values that remember where and how they were written.

use std::borrow::Cow;

use super::Span;
use super::position::Pairs;

/// A value of a YAML document.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands: quotes and brackets included; of a block scalar the text without its header and trailing
    /// blank lines. A value taken through an alias or a merge key keeps the place where it was written.
    pub span: Span,
    /// What it is under the YAML 1.2 core types.
    pub kind: Kind,
    pub(super) scalar: Option<Scalar>,
}

/// What a [`Node`] holds. Scalars keep their text beside it: see [`Node::scalar`].
#[derive(Clone, Debug)]
pub enum Kind {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`; `yes`, `no`, `on` and `off` are strings.
    Bool(bool),
    /// An integer that fits 64 bits; longer ones and those with leading zeros are strings.
    Int(i64),
    /// A finite number with a point or an exponent; infinities and NaN are strings.
    Float(f64),
    /// Any other scalar.
    Str,
    /// A list.
    Seq(Vec<Node>),
    /// A mapping in the order of the file; keys are unique.
    Map(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key as text, whatever type it would have as a value.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// The text of a scalar and how it was written.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) style: Style,
    /// Where each character came from, found out when it is first asked.
    pub(super) pairs: Pairs,
}

/// How much a tree holds.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) nodes: usize,
    pub(super) height: usize,
    /// Bytes of its scalars.
    pub(super) text: usize,
}

impl Size {
    pub(super) const ONE: Size = Size { nodes: 1, height: 0, text: 0 };
}

/// How a scalar is written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes; the only style that can be something else than a string.
    Plain,
    /// `'...'`
    Single,
    /// `"..."`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

impl Node {
    /// The decoded text of a scalar: for plain scalars exactly what the file says, so `1.10`, `0123456` and `no`
    /// survive. An omitted value is the empty text. `None` for lists and mappings.
    pub fn scalar(&self) -> Option<&str> {
        self.scalar.as_ref().map(|scalar| scalar.text.as_str())
    }

    /// How a scalar is written; `None` for lists and mappings.
    pub fn style(&self) -> Option<Style> {
        self.scalar.as_ref().map(|scalar| scalar.style)
    }

    /// The text when the node is a string (not a number, boolean or null).
    pub fn str(&self) -> Option<&str> {
        self.scalar().filter(|_| matches!(self.kind, Kind::Str))
    }

    /// The elements of a list.
    pub fn seq(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry of a mapping with this key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.map()?.iter().find(|entry| entry.key == key)
    }

    /// The value of a mapping under this key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The node a JSON pointer names: `""` is this node, `/steps/3/http` goes down, `~1` is `/` and `~0` is `~`.
    pub fn at(&self, pointer: &str) -> Option<&Node> {
        self.resolve(pointer).map(|(node, _)| node)
    }

    /// The place of the key (of a list element: the element) a JSON pointer ends in.
    pub fn key_at(&self, pointer: &str) -> Option<Span> {
        self.resolve(pointer).map(|(_, key)| key)
    }

    /// What the node is called in messages: `a string`, `a list` ...
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Str => "a string",
            Kind::Seq(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// The tree as JSON, for the schema. Numbers lose their spelling here; [`Node::scalar`] has it.
    pub fn json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(value) => (*value).into(),
            Kind::Int(value) => (*value).into(),
            Kind::Float(value) => (*value).into(),
            Kind::Str => self.scalar().unwrap_or_default().into(),
            Kind::Seq(items) => items.iter().map(Node::json).collect(),
            Kind::Map(entries) => {
                serde_json::Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.json())).collect())
            }
        }
    }

    fn resolve(&self, pointer: &str) -> Option<(&Node, Span)> {
        let mut found = (self, self.span);
        for segment in pointer.split('/').skip(1) {
            found = match &found.0.kind {
                Kind::Map(_) => found.0.entry(&unescape(segment)).map(|entry| (&entry.value, entry.key_span))?,
                Kind::Seq(items) => items.get(segment.parse::<usize>().ok()?).map(|item| (item, item.span))?,
                _ => return None,
            };
        }
        Some(found)
    }

    pub(super) fn new_scalar(span: Span, kind: Kind, text: String, style: Style) -> Node {
        Node { span, kind, scalar: Some(Scalar { text, style, pairs: Pairs::default() }) }
    }

    pub(super) fn collection(span: Span, kind: Kind) -> Node {
        Node { span, kind, scalar: None }
    }

    /// The size of this tree.
    pub(super) fn measure(&self) -> Size {
        let children: Box<dyn Iterator<Item = &Node>> = match &self.kind {
            Kind::Seq(items) => Box::new(items.iter()),
            Kind::Map(entries) => Box::new(entries.iter().map(|entry| &entry.value)),
            _ => return Size { text: self.scalar().map_or(0, str::len), ..Size::ONE },
        };
        let mut size = Size::ONE;
        for child in children.map(Node::measure) {
            size.nodes += child.nodes;
            size.text += child.text;
            size.height = size.height.max(child.height);
        }
        Size { height: size.height + 1, ..size }
    }
}

fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') { segment.replace("~1", "/").replace("~0", "~").into() } else { segment.into() }
}
