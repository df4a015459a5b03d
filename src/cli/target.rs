//! Target profiles: data about where a runbook acts.

use super::error::CliError;
use super::library::{read_limited, sha256, shown};
use crate::demo::{self, Colour, Paths};
use crate::plan::Policies;
use crate::plan::model::{SourceDigest, Target};
use crate::runbook::{self, model::Waiver};
use crate::store::Home;
use crate::text::{Code, Diagnostic, Severity, Source, Span};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A loaded profile.
pub(crate) struct Loaded {
    pub(crate) target: Target,
    pub(crate) source: SourceDigest,
    /// Its exact bytes.
    pub(crate) bytes: Vec<u8>,
    /// The rules for every runbook that is run there.
    pub(crate) policies: Policies,
    /// The files of the rules, and their exact bytes.
    pub(crate) policy_files: Texts,
    /// Where the embedded demo lives, when the profile is about it.
    pub(crate) demo: Option<PathBuf>,
}

/// Finds and reads a profile.
pub(crate) fn load(wanted: &str, runbook: &Path, home: &Home) -> Result<Loaded, CliError> {
    let path = find(wanted, runbook)?;
    let bytes = read_limited(&path).map_err(CliError::Usage)?;
    let digest = SourceDigest { path: path.display().to_string(), sha256: sha256(&bytes) };
    let source =
        Source::from_bytes(path.display().to_string(), bytes.clone()).map_err(|d| CliError::Invalid(vec![*d]))?;
    let (profile, problems) = runbook::read_target(&source);
    let errors: Vec<_> = problems.into_iter().filter(|d| d.severity == Severity::Error).collect();
    let Some(profile) = profile.filter(|_| errors.is_empty()) else { return Err(CliError::Invalid(errors)) };
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or(wanted).to_string();
    let name = profile.name.unwrap_or(stem);
    let mut values = profile.values.as_object().cloned().unwrap_or_default();
    let mut demo = None;
    if values.get("embedded") == Some(&json!("demo")) {
        let dir = super::demo::state_dir(home);
        let mut merged = demo_values(&dir);
        overlay(&mut merged, values);
        values = merged;
        demo = Some(dir);
    }
    let (policies, policy_files) = policies(&source, values.get("policies"))?;
    Ok(Loaded {
        target: Target { name, values: Value::Object(values) },
        source: digest,
        bytes,
        policies,
        policy_files,
        demo,
    })
}

/// Files and their exact bytes.
type Texts = Vec<(String, Vec<u8>)>;

/// The policies a profile lists. With any of them missing or broken nothing runs at the target.
fn policies(source: &Source, listed: Option<&Value>) -> Result<(Policies, Texts), CliError> {
    let mut policies = Policies { target: Some(source.clone()), ..Policies::default() };
    let mut files = Vec::new();
    let Some(listed) = listed else { return Ok((policies, files)) };
    let paths = listed.as_array().filter(|paths| !paths.is_empty() && paths.iter().all(Value::is_string));
    let Some(paths) = paths else {
        return Err(unusable(source, "policies", "`policies` is a list of files".into()));
    };
    for path in paths.iter().filter_map(Value::as_str) {
        let file = beside_target(source.name(), path);
        let shown = file.display().to_string();
        let bytes =
            read_limited(&file).map_err(|why| unusable(source, path, format!("the policy is missing: {why}")))?;
        let text = Source::from_bytes(shown.clone(), bytes.clone()).map_err(|d| CliError::Invalid(vec![*d]))?;
        let (policy, problems) = runbook::read_policy(&text);
        let Some(policy) = policy else {
            let broken = format!("the policy {shown} has errors, so nothing may run at this target");
            let mut all: Vec<_> = problems.into_iter().filter(|d| d.severity == Severity::Error).collect();
            all.extend(diagnostics(unusable(source, path, broken)));
            return Err(CliError::Invalid(all));
        };
        policies.policies.push(policy);
        policies.sources.push(SourceDigest { path: shown.clone(), sha256: sha256(&bytes) });
        files.push((shown, bytes));
    }
    Ok((policies, files))
}

/// Relative to the directory of the profile, or to the one above it where that directory is called `targets`.
fn beside_target(target: &str, path: &str) -> PathBuf {
    let dir = Path::new(target).parent().unwrap_or(Path::new(""));
    let dir = match dir.file_name().is_some_and(|name| name == "targets") {
        true => dir.parent().unwrap_or(Path::new("")),
        false => dir,
    };
    dir.join(path)
}

fn unusable(source: &Source, named: &str, why: String) -> CliError {
    let start = source.text().find(named).unwrap_or(0);
    let place = source.place(Span::new(start, start + named.len().min(source.text().len() - start)));
    let problem = Diagnostic::error(Code::POLICY_UNREADABLE, why, place);
    CliError::Invalid(vec![problem.help("nothing runs at a target unless all its policies can be read")])
}

fn diagnostics(error: CliError) -> Vec<Diagnostic> {
    match error {
        CliError::Invalid(problems) => problems,
        _ => Vec::new(),
    }
}

/// A file of waivers.
pub(crate) struct Waivers {
    pub(crate) waivers: Vec<Waiver>,
    pub(crate) source: SourceDigest,
    /// Its exact bytes.
    pub(crate) bytes: Vec<u8>,
}

/// The waivers a target names, if it names any.
pub(crate) fn waivers(target: &Target, profile: &SourceDigest) -> Result<Option<Waivers>, CliError> {
    let Some(named) = target.values.get("waivers").and_then(Value::as_str) else { return Ok(None) };
    let path = Path::new(&profile.path).parent().unwrap_or(Path::new("")).join(named);
    let bytes =
        read_limited(&path).map_err(|why| CliError::Usage(format!("{why}; target `{}` names it", target.name)))?;
    let source = SourceDigest { path: shown(&path), sha256: sha256(&bytes) };
    let text = Source::from_bytes(source.path.clone(), bytes.clone()).map_err(|d| CliError::Invalid(vec![*d]))?;
    let (waivers, problems) = runbook::read_waivers(&text);
    let errors: Vec<_> = problems.into_iter().filter(|d| d.severity == Severity::Error).collect();
    if errors.is_empty() { Ok(Some(Waivers { waivers, source, bytes })) } else { Err(CliError::Invalid(errors)) }
}

fn find(wanted: &str, runbook: &Path) -> Result<PathBuf, CliError> {
    if wanted.contains('/') || wanted.ends_with(".yml") || wanted.ends_with(".yaml") {
        return Ok(PathBuf::from(wanted));
    }
    let beside = runbook.parent().unwrap_or(Path::new("")).join("targets");
    let places = [beside.join(format!("{wanted}.yml")), PathBuf::from(format!("targets/{wanted}.yml"))];
    match places.iter().find(|p| p.exists()) {
        Some(path) => Ok(path.clone()),
        None => {
            let known = names_in(&beside);
            let near = crate::text::suggest(wanted, known.iter().map(String::as_str));
            let hint = match near {
                Some(near) => format!("; did you mean `{near}`?"),
                None if known.is_empty() => String::new(),
                None => format!("; there are: {}", known.join(", ")),
            };
            Err(CliError::Usage(format!("there is no target `{wanted}` (looked for {}){hint}", places[0].display())))
        }
    }
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let stems = entries.filter_map(|e| e.path().file_stem().and_then(|s| s.to_str()).map(String::from));
    let mut names: Vec<String> = stems.collect();
    names.sort();
    names
}

/// Addresses, files and commands of the embedded demo. Opens no socket.
fn demo_values(dir: &Path) -> Map<String, Value> {
    let addresses = demo::addresses(dir);
    let paths = Paths::new(dir);
    // This very program, not whatever of the same name stands first in a step's PATH.
    let exe = std::env::current_exe().map_or_else(|_| "runbook".into(), |exe| exe.display().to_string());
    let command = |words: &[&str]| {
        let mut argv = vec![exe.clone(), "demo".into(), "--dir".into(), dir.display().to_string()];
        argv.extend(words.iter().map(|w| w.to_string()));
        json!(argv)
    };
    let colour = |colour: Colour| {
        let url = addresses.app_url(colour);
        json!({ "url": url, "address": url.trim_start_matches("http://") })
    };
    let values = json!({
        "balancer": addresses.balancer_url(),
        "colours": { "blue": colour(Colour::Blue), "green": colour(Colour::Green) },
        "upstream_conf": paths.upstream(),
        "maintenance_flag": paths.maintenance_flag(),
        "deploy_token_file": paths.deploy_token(),
        "log": paths.log(),
        "metrics": format!("{}/metrics", addresses.control_url()),
        "commands": {
            "start": command(&["start"]),
            "stop": command(&["stop"]),
            "check": command(&["check"]),
            "reload": command(&["reload"]),
            "visit": command(&["visit", "--rps", "400", "--seconds", "90"]),
            "smoke": command(&["load", "--strict", "--rps", "30", "--seconds", "1", "--url"]),
        },
    });
    match values {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// What the profile writes wins over what the demo says.
fn overlay(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => overlay(inner, value),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
