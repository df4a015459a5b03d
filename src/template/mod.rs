//! Templates, expressions and shell scripts with holes: text in, data out.
//!
//! The only module that knows minijinja. Evaluation is strict: an undefined name, a comparison of different types, a
//! list or null printed as text is an error with its bytes in the source. One pass; results are never templates.
//!
//! Numbers: integers are exact; a float that is whole is an integer (`4 / 2` is `2`), so is its text.
//! Sizes are bytes (`10 * GiB`); durations are seconds (`5 * m` is `300`, `ms` is `0.001`).
//! Comments are `{## ... ##}`, so that `${#name}` needs no care; `{% raw %}` protects other people's braces.

mod compare;
mod context;
mod engine;
mod error;
mod library;
mod names;
mod refs;
mod rewrite;
mod scan;
mod shell;
mod values;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use context::{Context, is_secret, secret};
pub use error::{ErrorKind, EvalError};
pub use refs::{Ref, Refs};
pub use shell::{Lint, LintKind, Script, check_shell, quote, shell, simple_command};
pub(crate) use shell::{Listing, Started, TemplateText, listing, template_text};

use engine::{Job, Output};
use scan::Piece;

/// Reads a text template without running it; returns the names it reads.
pub fn check_text(src: &str) -> Result<Refs, EvalError> {
    let pieces = scan::pieces(src)?;
    if let [] | [Piece::Text(_)] = pieces[..] {
        return Ok(Refs::default());
    }
    names::check_pieces(src, &pieces, false)?;
    let refs = refs::of_pieces(src, &pieces);
    let rewritten = rewrite::template(src, &pieces)?;
    Job { rewritten: &rewritten, refs: &refs, src }.compile_template()?;
    Ok(refs)
}

/// Reads an expression without running it; returns the names it reads.
pub fn check_expr(src: &str) -> Result<Refs, EvalError> {
    let tokens = scan::expression_tokens(src)?;
    names::check_tokens(src, &tokens, false)?;
    let refs = refs::of_tokens(src, &tokens);
    let rewritten = rewrite::expression(src, &tokens)?;
    Job { rewritten: &rewritten, refs: &refs, src }.compile_expression()?;
    Ok(refs)
}

/// Renders a template to text. Booleans are `true` and `false`; null, lists, maps and secrets are errors.
pub fn text(src: &str, context: &Context) -> Result<String, EvalError> {
    let pieces = scan::pieces(src)?;
    match pieces[..] {
        [] | [Piece::Text(_)] => Ok(src.to_owned()),
        _ => render(src, &pieces, Output::Text, context),
    }
}

/// The typed value if `src` is exactly one `{{ expression }}` (lists, numbers and secrets pass unchanged), else its text.
pub fn value(src: &str, context: &Context) -> Result<Value, EvalError> {
    let pieces = scan::pieces(src)?;
    match &pieces[..] {
        [Piece::Put(tag)] => {
            let range = rewrite::span(&tag.tokens);
            eval(&src[range.clone()], context).map_err(|e| e.shifted(range.start))
        }
        _ => text(src, context).map(Value::String),
    }
}

/// Evaluates an expression. A result that is or contains a secret is an error; `value` passes secrets on.
pub fn expr(src: &str, context: &Context) -> Result<Value, EvalError> {
    let value = eval(src, context)?;
    match library::first_secret(&value) {
        Some(name) => Err(engine::secret_error(name, 0..src.len())),
        None => Ok(value),
    }
}

/// Evaluates a condition; anything but a boolean is an error.
pub fn condition(src: &str, context: &Context) -> Result<bool, EvalError> {
    match expr(src, context)? {
        Value::Bool(result) => Ok(result),
        other => {
            let kind = match other {
                Value::Null => "null",
                Value::Number(_) => "a number",
                Value::String(_) => "a string",
                Value::Array(_) => "a list",
                _ => "a map",
            };
            Err(EvalError::new(
                ErrorKind::Type,
                format!("a condition must be true or false, this is {kind}"),
                0..src.len(),
            )
            .help("compare it with something: `stdout == 'ok'`"))
        }
    }
}

/// Renders parsed pieces.
fn render(src: &str, pieces: &[Piece], output: Output, context: &Context) -> Result<String, EvalError> {
    names::check_pieces(src, pieces, output == Output::Script)?;
    let refs = refs::of_pieces(src, pieces);
    let rewritten = rewrite::template(src, pieces)?;
    Job { rewritten: &rewritten, refs: &refs, src }.render(output, context)
}

fn eval(src: &str, context: &Context) -> Result<Value, EvalError> {
    let tokens = scan::expression_tokens(src)?;
    names::check_tokens(src, &tokens, false)?;
    let refs = refs::of_tokens(src, &tokens);
    let rewritten = rewrite::expression(src, &tokens)?;
    Job { rewritten: &rewritten, refs: &refs, src }.eval(context)
}
