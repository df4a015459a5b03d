//! Shell scripts with values in them.
//!
//! A value never becomes script text. It travels in the environment as `RB_1`, `RB_2` ..., and the place where it stands
//! decides how the constant script refers to it, so that it arrives byte for byte as one piece of data.

mod again;
mod assignment;
mod commands;
mod expansion;
mod flow;
mod heredoc;
mod judge;
mod lexer;
mod place;
mod second;
mod simple;
mod started;
mod weave;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_bash;
#[cfg(test)]
mod tests_second;

use std::ops::Range;

pub use judge::LintKind;
pub use place::quote;
pub use simple::simple_command;
pub(crate) use started::{Listing, Started, TemplateText, listing, template_text};

use super::context::Context;
use super::engine::{CLOSE, Job, OPEN, Output, SPLIT};
use super::error::{ErrorKind, EvalError};
use super::names;
use super::refs::{self, Refs};
use super::rewrite;
use super::scan::{self, Piece, Tag};
use lexer::HOLE;
use place::Place;

/// A script ready to run, and the same script for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Constant script text; values appear as `${RB_1}`.
    pub text: String,
    /// `RB_1` ... and their values, for the environment.
    pub values: Vec<(String, String)>,
    /// The script with the values quoted in place; raw in here-documents.
    pub shown: String,
}

/// Advice about a script template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// What it is about.
    pub kind: LintKind,
    /// What may go wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The `{{ }}` in the template source.
    pub range: Range<usize>,
}

/// Reads a script template without running it: the names it reads and advice, or every error that can be known now.
///
/// Branches of `{% if %}` are read one after the other; the rendered script is read again by [`shell`].
pub fn check_shell(src: &str) -> Result<(Refs, Vec<Lint>), Vec<EvalError>> {
    let pieces = scan::pieces(src).map_err(|e| vec![e])?;
    names::check_pieces(src, &pieces, true).map_err(|e| vec![e])?;
    let refs = refs::of_pieces(src, &pieces);
    let rewritten = rewrite::template(src, &pieces).map_err(|e| vec![e])?;
    if !matches!(pieces[..], [] | [Piece::Text(_)]) {
        let job = Job { rewritten: &rewritten, refs: &refs, src };
        job.compile_template().map_err(|e| vec![e])?;
    }
    refuse_marks(src).map_err(|e| vec![e])?;
    let (chars, tags) = flatten(src, &pieces);
    let walk = lexer::walk(&chars);
    let refused = walk.holes.iter().zip(&tags).filter_map(|(hole, tag)| match hole.place {
        Place::Refused(refusal) => Some(weave::refused(refusal, tag.outer.clone())),
        _ => None,
    });
    let errors: Vec<EvalError> = refused.collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let found = walk.findings.into_iter().filter(|(hole, _)| !is_number(src, tags[*hole]));
    let mut lints: Vec<Lint> = found
        .map(|(hole, f)| Lint { kind: f.kind, message: f.message, help: f.help, range: tags[hole].outer.clone() })
        .collect();
    lints.extend(raw_lints(src, &pieces));
    lints.sort_by_key(|lint| lint.range.start);
    Ok((refs, lints))
}

/// Renders a script template.
pub fn shell(src: &str, context: &Context) -> Result<Script, EvalError> {
    refuse_marks(src)?;
    let pieces = scan::pieces(src)?;
    names::check_pieces(src, &pieces, true)?;
    let refs = refs::of_pieces(src, &pieces);
    let rewritten = rewrite::template(src, &pieces)?;
    let job = Job { rewritten: &rewritten, refs: &refs, src };
    let rendered = job.render(Output::Script, context)?;
    weave::weave(&rendered, &rewritten.sites, src.len())
}

fn refuse_marks(src: &str) -> Result<(), EvalError> {
    match src.char_indices().find(|(_, c)| matches!(*c, OPEN | SPLIT | CLOSE | '\0')) {
        Some((at, c)) => {
            let message = format!("the character U+{:04X} may not stand in a script", c as u32);
            Err(EvalError::new(ErrorKind::Syntax, message, at..at + c.len_utf8()))
        }
        None => Ok(()),
    }
}

/// The template as script text: a hole per `{{ }}`, nothing for `{% %}`. Raw values stand as a letter.
fn flatten<'a>(src: &str, pieces: &'a [Piece]) -> (Vec<char>, Vec<&'a Tag>) {
    let mut chars: Vec<char> = Vec::with_capacity(src.len());
    let mut tags = Vec::new();
    let mut strip = false;
    for piece in pieces {
        let trim = match piece {
            Piece::Text(range) => {
                let text = &src[range.clone()];
                chars.extend(if strip { text.trim_start() } else { text }.chars());
                strip = false;
                continue;
            }
            Piece::Put(tag) | Piece::Block(tag) => tag.trim,
            Piece::Comment { trim } => *trim,
        };
        while trim.before && chars.last().is_some_and(|c| c.is_whitespace()) {
            chars.pop();
        }
        strip = trim.after;
        match piece {
            Piece::Put(tag) if last_filter(src, tag) == "raw" => chars.push('x'),
            Piece::Put(tag) => {
                chars.push(HOLE);
                tags.push(tag);
            }
            _ => {}
        }
    }
    (chars, tags)
}

fn raw_lints<'a>(src: &'a str, pieces: &'a [Piece]) -> impl Iterator<Item = Lint> + 'a {
    let tags = pieces.iter().filter_map(|piece| match piece {
        Piece::Put(tag) | Piece::Block(tag) => Some(tag),
        _ => None,
    });
    let raw = move |tag: &&Tag| {
        tag.tokens.windows(2).any(|w| &src[w[0].range.clone()] == "|" && &src[w[1].range.clone()] == "raw")
    };
    tags.filter(raw).map(|tag| Lint {
        kind: LintKind::Raw,
        message: "`| raw` makes the value part of the script: it can run commands".into(),
        help: "leave out `| raw`; for several words use a list and `exec:`".into(),
        range: tag.outer.clone(),
    })
}

/// The name of the filter that ends the expression, arguments left out.
pub(super) fn last_filter<'a>(src: &'a str, tag: &Tag) -> &'a str {
    match &tag.tokens[..] {
        [.., bar, name] if &src[bar.range.clone()] == "|" => &src[name.range.clone()],
        _ => "",
    }
}

/// Whether the value surely is a number, which needs no advice.
fn is_number(src: &str, tag: &Tag) -> bool {
    matches!(last_filter(src, tag), "int" | "float" | "length" | "count" | "size" | "duration")
}
