//! From a rendered text with marked holes to a constant script and the values that travel beside it.

use std::collections::HashMap;
use std::ops::Range;

use super::Script;
use super::lexer::{HOLE, walk};
use super::place::Refusal;
use crate::template::engine::{CLOSE, OPEN, SPLIT};
use crate::template::error::{ErrorKind, EvalError};

/// Largest `NAME=value` the kernel takes, its final NUL included; also the largest single argument.
const MAX_STRING: usize = 131_072;

/// Puts references into the holes. `sites` are the places of the holes in the template.
pub(super) fn weave(rendered: &str, sites: &[Range<usize>], length: usize) -> Result<Script, EvalError> {
    let (chars, marks) = unmark(rendered);
    let holes = walk(&chars).holes;
    let mut script = Script { text: String::new(), values: Vec::new(), shown: String::new() };
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut next = 0;
    for c in chars {
        if c != HOLE {
            script.text.push(c);
            script.shown.push(c);
            continue;
        }
        let (site, value) = marks[next];
        let range = sites.get(site).cloned().unwrap_or(0..length);
        let name = names.entry(value).or_insert_with(|| {
            let name = format!("RB_{}", script.values.len() + 1);
            script.values.push((name.clone(), value.to_owned()));
            name
        });
        if name.len() + value.len() + 2 > MAX_STRING {
            return Err(too_large(value.len(), range));
        }
        let reference = holes[next].place.reference(name).map_err(|refusal| refused(refusal, range))?;
        script.text.push_str(&reference);
        script.shown.push_str(&holes[next].shown(value));
        next += 1;
    }
    match script.text.len() < MAX_STRING {
        true => Ok(script),
        false => Err(EvalError::new(ErrorKind::Limit, "the script is longer than 128 KiB", 0..length)
            .help("keep it in a file and run that")),
    }
}

pub(super) fn refused(refusal: Refusal, range: Range<usize>) -> EvalError {
    EvalError::new(ErrorKind::Place, refusal.message(), range).help(refusal.help())
}

fn too_large(size: usize, range: Range<usize>) -> EvalError {
    let message = format!("the value is too large for the environment of a step: {size} bytes, at most 128 KiB");
    EvalError::new(ErrorKind::Limit, message, range)
        .help("write it to a file with a `file:` step, or feed it as `stdin:`")
}

/// The text with one character per hole, and each hole's site and value.
fn unmark(rendered: &str) -> (Vec<char>, Vec<(usize, &str)>) {
    let mut chars = Vec::with_capacity(rendered.len());
    let mut marks = Vec::new();
    let mut rest = rendered;
    while let Some((text, tail)) = rest.split_once(OPEN) {
        chars.extend(text.chars());
        chars.push(HOLE);
        let (site, tail) = tail.split_once(SPLIT).unwrap_or(("", tail));
        let (value, tail) = tail.split_once(CLOSE).unwrap_or((tail, ""));
        // The engine wrote the number; were it anything else, the error would just have no place.
        marks.push((site.parse().unwrap_or(usize::MAX), value));
        rest = tail;
    }
    chars.extend(rest.chars());
    (chars, marks)
}
