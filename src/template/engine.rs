//! Runs rewritten templates through minijinja, strictly and with limits, and turns its errors into ours.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Value};
use minijinja::{AutoEscape, Environment, State, UndefinedBehavior};

use super::compare;
use super::context::{Context, is_secret};
use super::error::{Complaint, ErrorKind, EvalError, SECRET_ADVICE};
use super::library;
use super::refs::{Ref, Refs};
use super::rewrite::Rewritten;
use super::values::{self, Raw, Secret};

/// Steps of the engine that one template may take.
const FUEL: u64 = 2_000_000;
const RECURSION: usize = 100;
/// Largest text one template may produce.
const MAX_OUTPUT: usize = 64 << 20;

/// Private-use characters that mark a hole in rendered script text: `OPEN site SPLIT value CLOSE`. They are refused in
/// templates and values, so nothing but a hole can contain them.
pub(crate) const OPEN: char = '\u{f0000}';
pub(crate) const SPLIT: char = '\u{f0001}';
pub(crate) const CLOSE: char = '\u{f0002}';

/// What a printed value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Text,
    /// A marked hole.
    Script,
}

/// One evaluation: a source, its rewritten form and the names it reads.
pub(crate) struct Job<'a> {
    pub(crate) rewritten: &'a Rewritten,
    pub(crate) refs: &'a Refs,
    pub(crate) src: &'a str,
}

impl Job<'_> {
    /// Compiles without running.
    pub(crate) fn compile_template(&self) -> Result<(), EvalError> {
        let env = environment(Output::Script);
        env.template_from_str(&self.rewritten.text).map(|_| ()).map_err(|e| self.explain(&e, None))
    }

    /// Compiles an expression without running it.
    pub(crate) fn compile_expression(&self) -> Result<(), EvalError> {
        let env = environment(Output::Text);
        env.compile_expression(&self.rewritten.text).map(|_| ()).map_err(|e| self.explain(&e, None))
    }

    /// Renders a template. Reading a secret anywhere in it is an error.
    pub(crate) fn render(&self, output: Output, context: &Context) -> Result<String, EvalError> {
        self.refuse_secrets(context)?;
        let env = environment(output);
        let touched = Arc::new(AtomicBool::new(false));
        let names = self.names(context, &touched);
        let explain = |e: minijinja::Error| self.explain(&e, Some(context));
        let template = env.template_from_str(&self.rewritten.text).map_err(explain)?;
        let result = template.render(names);
        self.refuse_touched(&touched, context)?;
        let text = result.map_err(explain)?;
        match text.len() > MAX_OUTPUT {
            true => Err(EvalError::new(ErrorKind::Limit, "the result is larger than 64 MiB", self.whole())),
            false => Ok(text),
        }
    }

    /// Evaluates an expression; the result may be or contain a secret.
    pub(crate) fn eval(&self, context: &Context) -> Result<serde_json::Value, EvalError> {
        let env = environment(Output::Text);
        let touched = Arc::new(AtomicBool::new(false));
        let names = self.names(context, &touched);
        let explain = |e: minijinja::Error| self.explain(&e, Some(context));
        let expression = env.compile_expression(&self.rewritten.text).map_err(explain)?;
        let result = expression.eval(names);
        self.refuse_touched(&touched, context)?;
        let value = result.map_err(|error| {
            let secret = self.refuse_secrets(context).err();
            secret.unwrap_or_else(|| self.explain(&error, Some(context)))
        })?;
        values::to_json(&value).map_err(|c| self.complain(&c, self.whole(), Some(context)))
    }

    /// Only the roots that are read are converted.
    fn names(&self, context: &Context, touched: &Arc<AtomicBool>) -> Value {
        let roots = self.refs.roots();
        let named = roots.into_iter().filter_map(|root| Some((root, context.get(root)?)));
        Value::from(named.map(|(root, v)| (root.to_owned(), values::from_json(v, touched))).collect::<BTreeMap<_, _>>())
    }

    /// An error if a path of the template leads to a secret, except where it only asks `is defined`.
    pub(crate) fn refuse_secrets(&self, context: &Context) -> Result<(), EvalError> {
        let found = self.refs.all.iter().filter(|r| !r.tested).find_map(|r| {
            let name = is_secret(context.follow(&r.path).1?)?;
            Some((r, name.to_owned()))
        });
        match found {
            Some((r, name)) => Err(secret_error(&name, r.range.clone())),
            None => Ok(()),
        }
    }

    fn whole(&self) -> Range<usize> {
        0..self.src.len()
    }

    /// The engine counts bytes: a range is widened to whole characters and cut to the source.
    fn characters(&self, range: Range<usize>) -> Range<usize> {
        let inside = |at: &usize| self.src.is_char_boundary(*at);
        let length = self.src.len();
        let start = (0..=range.start.min(length)).rev().find(inside).unwrap_or(0);
        start..(range.end.min(length)..=length).find(inside).unwrap_or(length)
    }

    fn refuse_touched(&self, touched: &AtomicBool, context: &Context) -> Result<(), EvalError> {
        if !touched.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.refuse_secrets(context)?;
        Err(EvalError::new(ErrorKind::Secret, "a secret may not be used here", self.whole()).help(SECRET_ADVICE))
    }

    fn explain(&self, error: &minijinja::Error, context: Option<&Context>) -> EvalError {
        let range = error.range().map_or(self.whole(), |r| self.characters(self.rewritten.original(r)));
        if let Some(complaint) = error.source().and_then(|e| e.downcast_ref::<Complaint>()) {
            return self.complain(complaint, range, context);
        }
        let kind = kind_of(error.kind());
        if kind == ErrorKind::Undefined {
            return self.undefined(range, context);
        }
        let detail = error.detail().unwrap_or_default();
        if detail.contains("type undefined") {
            return self.undefined(self.whole(), context);
        }
        let message = match error.kind() {
            minijinja::ErrorKind::OutOfFuel => "the template does too much work".to_owned(),
            minijinja::ErrorKind::InvalidOperation | minijinja::ErrorKind::SyntaxError if !detail.is_empty() => {
                detail.to_owned()
            }
            other if detail.is_empty() => other.to_string(),
            other => format!("{other}: {detail}"),
        };
        EvalError::new(kind, message, range)
    }

    fn complain(&self, complaint: &Complaint, range: Range<usize>, context: Option<&Context>) -> EvalError {
        let site = complaint.site.and_then(|site| self.rewritten.sites.get(site));
        let range = site.cloned().unwrap_or(range);
        if complaint.kind == ErrorKind::Undefined {
            return self.undefined(range, context);
        }
        let mut error = EvalError::new(complaint.kind, complaint.message.clone(), range);
        error.help.clone_from(&complaint.help);
        error
    }

    /// Names the path that does not exist and says what exists beside it.
    fn undefined(&self, range: Range<usize>, context: Option<&Context>) -> EvalError {
        let missing = |r: &&Ref| {
            let overlaps = r.range.start < range.end.max(range.start + 1) && range.start < r.range.end;
            overlaps && !r.tested && context.is_some_and(|c| c.follow(&r.path).0 < r.path.len())
        };
        let Some((r, context)) = self.refs.all.iter().find(missing).zip(context) else {
            return self.no_such_key(range, context);
        };
        let (found, parent) = context.follow(&r.path);
        let error = EvalError::new(
            ErrorKind::Undefined,
            format!("`{}` is undefined", r.path[..=found].join(".")),
            r.range.clone(),
        );
        match (found, parent) {
            (0, _) => error.help(list("there are", context.names())),
            (_, Some(serde_json::Value::Object(map)))
                if is_secret(&serde_json::Value::Object(map.clone())).is_none() =>
            {
                error.help(list(&format!("`{}` has", r.path[..found].join(".")), map.keys().map(String::as_str)))
            }
            (_, Some(serde_json::Value::Array(items))) => {
                error.help(format!("`{}` has {} items", r.path[..found].join("."), items.len()))
            }
            _ => error.help(format!("`{}` has no attributes", r.path[..found].join("."))),
        }
    }
}

impl Job<'_> {
    /// An undefined value whose path goes through something only known now, such as `target[vars.idle]`.
    fn no_such_key(&self, range: Range<usize>, context: Option<&Context>) -> EvalError {
        let error = EvalError::new(ErrorKind::Undefined, "this value is undefined", range.clone());
        let open = self.refs.all.iter().find(|r| r.open && range.start < r.range.end && r.range.start < range.end);
        match open.zip(context).and_then(|(r, context)| Some((r, context.follow(&r.path).1?))) {
            Some((r, serde_json::Value::Object(map))) => {
                error.help(list(&format!("`{}` has", r.name()), map.keys().map(String::as_str)))
            }
            _ => error,
        }
    }
}

fn list<'a>(lead: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    let more = names.len().saturating_sub(12);
    names.truncate(12);
    match (names.is_empty(), more) {
        (true, _) => format!("{lead} nothing"),
        (false, 0) => format!("{lead}: {}", names.join(", ")),
        (false, more) => format!("{lead}: {} and {more} more", names.join(", ")),
    }
}

pub(crate) fn secret_error(name: &str, range: Range<usize>) -> EvalError {
    EvalError::new(ErrorKind::Secret, format!("the secret `{name}` may not be used here"), range).help(SECRET_ADVICE)
}

fn kind_of(kind: minijinja::ErrorKind) -> ErrorKind {
    use minijinja::ErrorKind as K;
    match kind {
        K::SyntaxError | K::BadEscape | K::UnknownFilter | K::UnknownTest | K::UnknownFunction | K::UnknownMethod => {
            ErrorKind::Syntax
        }
        K::UndefinedError => ErrorKind::Undefined,
        K::OutOfFuel => ErrorKind::Limit,
        K::InvalidOperation
        | K::NonPrimitive
        | K::NonKey
        | K::CannotUnpack
        | K::TooManyArguments
        | K::MissingArgument => ErrorKind::Type,
        _ => ErrorKind::Other,
    }
}

fn environment(output: Output) -> Environment<'static> {
    let mut env = Environment::empty();
    let syntax = SyntaxConfig::builder().comment_delimiters("{##", "##}").keep_trailing_newline(true).build();
    env.set_syntax(syntax.unwrap_or_default());
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_debug(true);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    library::install(&mut env, output == Output::Script);
    env.add_function("__compare", |site: usize, operator: String, a: Value, b: Value| {
        Ok::<_, minijinja::Error>(compare::compare(&operator, &a, &b).map_err(|c| c.at(site))?)
    });
    env.add_function("__contains", |site: usize, item: Value, container: Value| {
        Ok::<_, minijinja::Error>(compare::contains(&item, &container).map_err(|c| c.at(site))?)
    });
    env.add_function("__concat", concat);
    env.add_function("__get", |state: &State, path: Vec<String>| find(state, &path));
    env.add_function("__present", |state: &State, path: Vec<String>| !find(state, &path).is_undefined());
    env.add_function("__put", move |site: usize, value: Value| put(output, site, &value));
    env
}

fn concat(site: usize, parts: Rest<Value>) -> Result<String, minijinja::Error> {
    let texts: Result<Vec<String>, Complaint> = parts.iter().map(values::text).collect();
    Ok(texts.map_err(|c| c.at(site))?.concat())
}

/// The value at a path, or undefined; a missing parent is not an error.
fn find(state: &State, path: &[String]) -> Value {
    let Some((root, rest)) = path.split_first() else { return Value::UNDEFINED };
    let mut value = state.lookup(root).unwrap_or(Value::UNDEFINED);
    for segment in rest {
        if value.is_undefined() || value.is_none() || value.downcast_object_ref::<Secret>().is_some() {
            return Value::UNDEFINED;
        }
        let by_index = segment.parse::<usize>().ok().and_then(|i| value.get_item_by_index(i).ok());
        value = match by_index.filter(|v| !v.is_undefined()) {
            Some(found) => found,
            None => value.get_attr(segment).unwrap_or(Value::UNDEFINED),
        };
    }
    value
}

fn put(output: Output, site: usize, value: &Value) -> Result<String, minijinja::Error> {
    if let (Output::Script, Some(raw)) = (output, value.downcast_object_ref::<Raw>()) {
        refuse_marks(&raw.0).map_err(|c| c.at(site))?;
        return Ok(raw.0.clone());
    }
    let text = values::text(value).map_err(|c| c.at(site))?;
    if output == Output::Text {
        return Ok(text);
    }
    refuse_marks(&text).map_err(|c| c.at(site))?;
    Ok(format!("{OPEN}{site}{SPLIT}{text}{CLOSE}"))
}

fn refuse_marks(text: &str) -> Result<(), Complaint> {
    if text.contains('\0') {
        return Err(Complaint::new(ErrorKind::Type, "the value contains a NUL byte, which no shell can carry"));
    }
    match text.contains([OPEN, SPLIT, CLOSE]) {
        true => Err(Complaint::new(ErrorKind::Type, "the value contains a private-use character (U+F0000 to U+F0002)")),
        false => Ok(()),
    }
}
