//! What is about to be started, held against the policies of the plan: the last look, at the command as it really is.

use super::action::{Action, Datum, FileChange, Source, Surroundings, WatchSource};
use super::names::Trouble;
use super::state::State;
use crate::plan::Plan;
use crate::policy::{Around, Finding, Report, Stdin, Verdict};

/// Lets an action pass, and pins the files it calls.
///
/// # Errors
/// The policy that forbids it and why, and who tried it.
pub(super) fn hold(state: &State, action: &mut Action) -> Result<(), Trouble> {
    if state.plan.policies.is_empty() {
        return Ok(());
    }
    let operator = state.started.as_ref().map_or("somebody", |started| started.operator.as_str());
    check(&state.plan, action).map_err(|why| format!("{why}; it was not started (tried by {operator})"))
}

fn check(plan: &Plan, action: &mut Action) -> Result<(), Trouble> {
    let rails = plan.rails();
    if !rails.judge_commands() {
        return Ok(());
    }
    match action {
        Action::Shell(shell) => {
            let report = rails.script(&shell.script, &shell.values, around(&shell.around));
            pass(plan, report, &mut shell.around)
        }
        Action::Exec(exec) => {
            let words: Vec<Option<String>> = exec.argv.iter().cloned().map(Some).collect();
            let report = rails.words(&words, around(&exec.around));
            pass(plan, report, &mut exec.around)
        }
        Action::File(file) => {
            if let FileChange::Content(text) = &file.change
                && crate::policy::is_shell_script(text)
            {
                let other_shell = crate::policy::is_of_another_shell(text);
                let around = Around { dir: Some(""), stdin: Stdin::Closed, other_shell };
                let report = rails.script(text, &[], around);
                pass(plan, Report { called: Vec::new(), ..report }, &mut Surroundings::default())?;
            }
            file.activate.as_mut().map_or(Ok(()), |activate| check(plan, activate))
        }
        Action::Restore(restore) => restore.activate.as_mut().map_or(Ok(()), |activate| check(plan, activate)),
        Action::Sample(sample) => sample.queries.iter_mut().try_for_each(|query| match &mut query.from {
            Source::Act(action) => check(plan, action),
            _ => Ok(()),
        }),
        Action::Watch(watch) => match &mut watch.source {
            WatchSource::Command(command) => check(plan, command),
            WatchSource::File(_) => Ok(()),
        },
        Action::Http(_) | Action::Marker(_) | Action::Changes(_) | Action::Scan(_) | Action::Hold(_) => Ok(()),
    }
}

fn around(around: &Surroundings) -> Around<'_> {
    let stdin = match &around.stdin {
        None => Stdin::Closed,
        Some(Datum::Plain(text)) => Stdin::Text(text),
        Some(Datum::Secret(_)) => Stdin::Secret,
    };
    Around { dir: Some(around.dir.as_deref().unwrap_or_default()), stdin, other_shell: false }
}

/// The worst finding decides. In production what nobody can know is refused as well.
fn pass(plan: &Plan, report: Report, around: &mut Surroundings) -> Result<(), Trouble> {
    let rails = plan.rails();
    let value = |datum: &Datum| match datum {
        Datum::Plain(text) => text.clone(),
        // Nobody can say where programs are found then.
        Datum::Secret(_) => ".".to_owned(),
    };
    let variables = around.env.iter().filter_map(|(name, datum)| rails.variable(name, Some(&value(datum))));
    let worst = report.findings.into_iter().chain(variables).min_by_key(|finding| finding.verdict);
    if let Some(finding) = worst.filter(|finding| rails.production || finding.verdict == Verdict::Refused) {
        return Err(words(plan, finding));
    }
    around.pins = report.wrappers;
    for called in report.called {
        match plan.called.iter().find(|known| known.path == called.path) {
            Some(known) => around.pins.push((known.path.clone(), known.sha256.clone())),
            None if rails.production => {
                let name = names(plan);
                return Err(format!(
                    "policy {name} forbids `{}`: it is called here, and was not looked into when the plan was made",
                    called.path
                ));
            }
            None => {}
        }
    }
    around.pins.sort();
    around.pins.dedup();
    Ok(())
}

fn words(plan: &Plan, finding: Finding) -> String {
    let instead = finding.help.map(|help| format!(" ({help})")).unwrap_or_default();
    match finding.verdict {
        Verdict::Refused => format!("{}{instead}", finding.message),
        _ => format!("policy {} forbids in production what nobody can know: {}{instead}", names(plan), finding.message),
    }
}

fn names(plan: &Plan) -> String {
    let names: Vec<&str> = plan.policies.iter().filter(|p| !p.forbid.is_empty()).map(|p| p.name.as_str()).collect();
    names.join(", ")
}
