//! Values of inputs: from `-i`, input files, where `from:` says, and a person at the terminal.

use super::args::Making;
use super::error::CliError;
use super::library::read_limited;
use crate::plan::Given;
use crate::plan::inputs::conform;
use crate::plan::model::{Binding, InputBinding};
use crate::runbook::model::{Input, InputKind, InputSource, Runbook};
use crate::template;
use crate::text::{Kind, Node, Source, parse};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

/// What was given, and the secrets that somebody typed.
#[derive(Default)]
pub(crate) struct Values {
    pub(crate) given: BTreeMap<String, Given>,
    pub(crate) typed: BTreeMap<String, String>,
}

/// Collects values, the command line first. With `ask`, a person gives what is still missing.
pub(crate) fn collect(book: &Runbook, making: &Making, ask: bool) -> Result<Values, CliError> {
    let mut values = Values::default();
    for file in &making.inputs {
        from_file(file, &mut values)?;
    }
    for pair in &making.input {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            CliError::Usage(format!("`-i {pair}` needs the form NAME=VALUE, such as `-i version=v1.2.0`"))
        })?;
        let given = Given { value: Value::String(value.into()), origin: "-i".into() };
        values.given.insert(name.into(), given);
    }
    for input in &book.inputs {
        settle(input, &mut values, ask && !making.no_input)?;
    }
    Ok(values)
}

/// The same values as were given before. What was not asked for then is taken from where it says it comes from.
pub(crate) fn recorded(book: &Runbook, bindings: &[InputBinding]) -> Result<Values, CliError> {
    let mut values = Values::default();
    for input in &book.inputs {
        match bindings.iter().find(|binding| binding.name == input.name) {
            Some(InputBinding { value: Binding::Known(value), origin, .. }) => {
                let given = Given { value: value.clone(), origin: origin.clone() };
                values.given.insert(input.name.clone(), given);
            }
            _ => settle(input, &mut values, false)?,
        }
    }
    Ok(values)
}

/// The same values as were given before, as far as they were typed; all others are read again where they came from.
pub(crate) fn read_again(book: &Runbook, bindings: &[InputBinding]) -> Result<Values, CliError> {
    let mut values = Values::default();
    let of_files = bindings.iter().filter_map(|binding| Some((binding, file_of(&binding.origin)?)));
    for (binding, path) in of_files {
        let mut all = Values::default();
        from_file(Path::new(path), &mut all)?;
        values.given.extend(all.given.remove(&binding.name).map(|given| (binding.name.clone(), given)));
    }
    let typed = bindings.iter().filter(|binding| matches!(binding.origin.as_str(), "-i" | "asked"));
    for binding in typed.filter(|binding| binding.kind != InputKind::Secret) {
        if let Binding::Known(value) = &binding.value {
            let given = Given { value: value.clone(), origin: binding.origin.clone() };
            values.given.insert(binding.name.clone(), given);
        }
    }
    for input in &book.inputs {
        settle(input, &mut values, input.kind == InputKind::Secret)?;
    }
    Ok(values)
}

/// The file of an origin `FILE:LINE`, as values of a file of inputs have it.
fn file_of(origin: &str) -> Option<&str> {
    origin.rsplit_once(':').filter(|(_, line)| line.parse::<u32>().is_ok()).map(|(path, _)| path)
}

fn from_file(path: &Path, values: &mut Values) -> Result<(), CliError> {
    let bytes = read_limited(path).map_err(CliError::Usage)?;
    let source = Source::from_bytes(path.display().to_string(), bytes).map_err(|d| CliError::Invalid(vec![*d]))?;
    let parsed = parse(&source);
    let Some(root) = parsed.root.filter(|_| parsed.diagnostics.is_empty()) else {
        return Err(CliError::Invalid(parsed.diagnostics));
    };
    let Some(entries) = root.map() else {
        return Err(CliError::Usage(format!("{} must be a mapping of input names to values", path.display())));
    };
    for entry in entries {
        let value = match &entry.value.kind {
            Kind::Seq(items) => items.iter().map(as_written).collect(),
            _ => as_written(&entry.value),
        };
        let line = source.line_col(entry.key_span.start).0;
        values.given.insert(entry.key.clone(), Given { value, origin: format!("{}:{line}", source.name()) });
    }
    Ok(())
}

/// Scalars keep the text as written: 1.10, 0123456 and no survive.
fn as_written(node: &Node) -> Value {
    match &node.kind {
        Kind::Seq(_) | Kind::Map(_) => node.json(),
        _ => Value::String(node.scalar().unwrap_or_default().to_string()),
    }
}

fn settle(input: &Input, values: &mut Values, ask: bool) -> Result<(), CliError> {
    if input.kind == InputKind::Secret {
        return settle_secret(input, values, ask);
    }
    if values.given.contains_key(&input.name) {
        return Ok(());
    }
    let found = match &input.from {
        Some(InputSource::Env(name)) => std::env::var(name).ok().map(|v| (v, format!("env {name}"))),
        Some(InputSource::File(path)) => match read_limited(Path::new(path)) {
            Ok(bytes) => Some((String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_string(), path.clone())),
            Err(_) if input.default.is_some() => None,
            Err(why) => return Err(CliError::Usage(format!("input `{}`: {why}", input.name))),
        },
        // The reader takes other sources for secrets only.
        _ => None,
    };
    if let Some((text, origin)) = found {
        values.given.insert(input.name.clone(), Given { value: Value::String(text), origin });
    } else if input.default.is_none() && ask && std::io::stdin().is_terminal() {
        let value = prompt(input)?;
        values.given.insert(input.name.clone(), Given { value, origin: "asked".into() });
    }
    Ok(())
}

fn settle_secret(input: &Input, values: &mut Values, ask: bool) -> Result<(), CliError> {
    if values.given.contains_key(&input.name) {
        return Err(CliError::Usage(format!(
            "the secret `{}` may not be given on the command line or in an input file, where others can read it; \
             declare `from: env:NAME` or `from: file:PATH`",
            input.name
        )));
    }
    let origin = match &input.from {
        Some(InputSource::Env(name)) => format!("env {name}"),
        Some(InputSource::File(path)) => path.clone(),
        Some(other) => other.words(),
        None if ask && std::io::stdin().is_terminal() => {
            values.typed.insert(input.name.clone(), hidden(&input.name)?);
            "asked".to_string()
        }
        None => return Ok(()),
    };
    values.given.insert(input.name.clone(), Given { value: template::secret(&input.name), origin });
    Ok(())
}

fn prompt(input: &Input) -> Result<Value, CliError> {
    let choices: Vec<String> = input.choices.iter().map(|c| c.value.clone()).collect();
    let pattern = input.pattern.as_ref().map(|p| p.value.as_str());
    loop {
        let help = input.help.as_ref().map(|h| format!(" ({})", h.value)).unwrap_or_default();
        let line = read_line(&format!("{}{help}: ", input.name))?;
        match conform(&input.name, input.kind, pattern, &choices, Value::String(line)) {
            Ok(value) => return Ok(value),
            Err(wrong) => super::say(&format!("{wrong}\n")),
        }
    }
}

fn read_line(words: &str) -> Result<String, CliError> {
    super::say(words);
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(0) => Err(CliError::Usage("no value was given".into())),
        Ok(_) => Ok(line.trim_end_matches(['\n', '\r']).to_string()),
        Err(error) => Err(CliError::System(format!("cannot read from the terminal: {error}"))),
    }
}

/// Reads a line without showing it.
pub(crate) fn hidden(name: &str) -> Result<String, CliError> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin).map_err(|e| CliError::System(format!("cannot read from the terminal: {e}")))?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    let quieted = tcsetattr(&stdin, OptionalActions::Now, &quiet);
    let line =
        quieted.map_err(|e| CliError::System(e.to_string())).and_then(|()| read_line(&format!("{name} (hidden): ")));
    let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    super::say("\n");
    line
}
