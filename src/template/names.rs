//! Checks the names of filters, tests and functions, which the engine does only when it comes to use them.

use super::error::{ErrorKind, EvalError};
use super::library::{FILTERS, FUNCTIONS, TESTS};
use super::scan::{Piece, Token, TokenKind};

/// Checks all tags of a template. `| raw` is known only in scripts.
pub(crate) fn check_pieces(src: &str, pieces: &[Piece], in_script: bool) -> Result<(), EvalError> {
    pieces.iter().try_for_each(|piece| match piece {
        Piece::Put(tag) | Piece::Block(tag) => check_tokens(src, &tag.tokens, in_script),
        Piece::Text(_) | Piece::Comment { .. } => Ok(()),
    })
}

/// Checks an expression.
pub(crate) fn check_tokens(src: &str, tokens: &[Token], in_script: bool) -> Result<(), EvalError> {
    let text = |i: usize| tokens.get(i).map_or("", |t| &src[t.range.clone()]);
    let before = |i: usize, back: usize| i.checked_sub(back).map_or("", text);
    for (i, token) in tokens.iter().enumerate().filter(|(_, t)| t.kind == TokenKind::Name) {
        let name = text(i);
        let error = |message: String| EvalError::new(ErrorKind::Syntax, message, token.range.clone());
        let tests = before(i, 1) == "is" && name != "not" || before(i, 1) == "not" && before(i, 2) == "is";
        let calls = text(i + 1) == "(";
        if before(i, 1) == "|" {
            if name == "raw" && !in_script {
                return Err(error("`| raw` has a meaning only in a shell script".into()));
            }
            known("filter", name, &FILTERS).map_err(|help| error(format!("there is no filter `{name}`")).help(help))?;
        } else if tests {
            known("test", name, &TESTS).map_err(|help| error(format!("there is no test `{name}`")).help(help))?;
        } else if calls && before(i, 1) == "." {
            return Err(
                error(format!("values have no methods such as `{name}()`")).help("use a filter: `stdout | trim`")
            );
        } else if calls && !is_word(name) {
            known("function", name, &FUNCTIONS)
                .map_err(|help| error(format!("there is no function `{name}`")).help(help))?;
        }
    }
    Ok(())
}

/// Words that may stand before a parenthesis.
fn is_word(name: &str) -> bool {
    matches!(name, "and" | "or" | "not" | "in" | "is" | "if" | "else" | "elif")
}

fn known(what: &str, name: &str, names: &[&str]) -> Result<(), String> {
    match names.contains(&name) {
        true => Ok(()),
        false => Err(format!("the {what}s are: {}", names.join(", "))),
    }
}
