//! A runbook held against the policies of a target: every command in it, and the files these commands call.

use super::{Around, Called, Finding, Rails, Report, Stdin, Verdict, values};
use crate::runbook::model::{
    ExecArgs, FileChange, InputSource, Kind, MetricSource, Rollback, Runbook, Step, Text, Undo, WatchSource,
};
use crate::template::{self, LintKind};
use crate::text::{Code, Diagnostic, Place, Severity};
use serde_json::Value;

/// Called scripts that call scripts are followed this deep.
const MAX_CALLS: usize = 4;

/// A file that is started or sourced.
#[derive(Debug, Clone)]
pub struct Program {
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
    /// Its text, if it is a script of a sane size.
    pub text: Option<String>,
}

/// Opens a file by its path; words where it cannot be read.
pub type OpenFile<'a> = &'a dyn Fn(&str) -> Result<Program, String>;

/// What is known about a runbook's surroundings.
pub struct Surroundings<'a> {
    /// The policies.
    pub rails: Rails<'a>,
    /// The value of a template, where it is known already. Never a secret.
    pub known: &'a dyn Fn(&str) -> Option<Value>,
    /// Opens a file; none where files are not looked at yet.
    pub files: Option<OpenFile<'a>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is wrong.
    pub problems: Vec<Diagnostic>,
    /// Files that were looked into, and their SHA-256: they must be the same when they are started.
    pub pinned: Vec<(String, String)>,
}

/// Judges every command and script of one runbook, without the runbooks it includes.
pub fn commands(book: &Runbook, around: &Surroundings<'_>) -> Outcome {
    let mut judge = Judge { around, outcome: Outcome::default() };
    for step in steps(book) {
        judge.step(step);
    }
    for input in &book.inputs {
        // A secret may come from a program, which is started before the first step.
        if let Some(InputSource::Command { argv, .. }) = &input.from
            && around.rails.judge_commands()
        {
            let words: Vec<Option<String>> = argv.iter().cloned().map(Some).collect();
            let report = around.rails.words(&words, Around { dir: Some(""), ..Around::default() });
            judge.report(report, Some(""), &|_| input.place.clone());
        }
    }
    judge.outcome
}

/// The paths of the runbooks it runs.
pub fn includes(book: &Runbook) -> Vec<&Text> {
    let runs = steps(book).into_iter().filter_map(|step| match &step.kind {
        Kind::Run(run) => Some(&run.runbook),
        _ => None,
    });
    runs.collect()
}

/// All steps of a runbook, those inside others and those of its metrics included.
pub(super) fn steps(book: &Runbook) -> Vec<&Step> {
    let mut all = Vec::new();
    book.phases.iter().for_each(|phase| collect(&phase.steps, &mut all));
    collect(&book.always, &mut all);
    if let Rollback::Steps(steps) = &book.rollback {
        collect(steps, &mut all);
    }
    for metric in &book.metrics {
        if let MetricSource::Shell { script: step, .. } | MetricSource::Http { request: step, .. } = &metric.source {
            all.push(step);
        }
    }
    all
}

/// The steps of its phases, those inside groups included.
pub(super) fn forward_steps(book: &Runbook) -> Vec<&Step> {
    fn within<'b>(steps: &'b [Step], all: &mut Vec<&'b Step>) {
        for step in steps {
            all.push(step);
            step.kind.inner_steps().into_iter().for_each(|inner| within(inner, all));
        }
    }
    let mut all = Vec::new();
    book.phases.iter().for_each(|phase| within(&phase.steps, &mut all));
    all
}

fn collect<'b>(steps: &'b [Step], all: &mut Vec<&'b Step>) {
    for step in steps {
        all.push(step);
        step.kind.inner_steps().into_iter().for_each(|inner| collect(inner, all));
        if let Some(Undo::Step(undo)) = &step.undo {
            collect(std::slice::from_ref(undo), all);
        }
        if let Some(probe) = &step.done_when {
            collect(std::slice::from_ref(probe), all);
        }
        if let Kind::File(file) = &step.kind
            && let Some(activate) = &file.activate
        {
            collect(std::slice::from_ref(activate), all);
        }
    }
}

struct Judge<'a> {
    around: &'a Surroundings<'a>,
    outcome: Outcome,
}

impl Judge<'_> {
    fn step(&mut self, step: &Step) {
        match &step.kind {
            Kind::Shell(script) => self.script(script, step),
            Kind::Exec(arguments) => self.exec(arguments, step),
            Kind::Watch(watch) => {
                if let WatchSource::Shell(script) = &watch.source {
                    self.script(script, step);
                }
            }
            // A script that is written here may be started by anything later.
            Kind::File(file) => match &file.change {
                FileChange::Template(text) if is_shell_script(&text.value) => self.script(text, step),
                _ => {}
            },
            _ => {}
        }
        if self.around.rails.judge_commands() {
            for (name, value) in &step.env {
                let found = self.around.rails.variable(name, self.text(&value.value).as_deref());
                self.problems(found.into_iter().collect(), &|_| value.place.clone());
            }
        }
    }

    fn text(&self, template: &str) -> Option<String> {
        match (self.around.known)(template)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(yes) => Some(yes.to_string()),
            _ => None,
        }
    }

    fn script(&mut self, script: &Text, step: &Step) {
        self.raw(script);
        self.in_script(script);
        if !self.around.rails.judge_commands() {
            return;
        }
        let (dir, stdin) = self.place_of_work(step);
        let other_shell = matches!(step.kind, Kind::File(_)) && is_of_another_shell(&script.value);
        let around = Around { dir: dir.as_deref(), stdin: stdin_of(&stdin), other_shell };
        let known = |expression: &str| self.text(&format!("{{{{ {expression} }}}}"));
        // What is wrong with the template itself is said elsewhere.
        let Ok(report) = self.around.rails.template(&script.value, &known, around) else { return };
        let place = |range: &std::ops::Range<usize>| match range.is_empty() {
            true => script.place.clone(),
            false => script.place_of(range.clone()),
        };
        self.report(report, dir.as_deref(), &place);
    }

    fn exec(&mut self, arguments: &ExecArgs, step: &Step) {
        if !self.around.rails.judge_commands() {
            return;
        }
        let (place, words) = match arguments {
            ExecArgs::List(words) => {
                let Some(first) = words.first() else { return };
                (first.place.clone(), words.iter().map(|word| self.text(&word.value)).collect())
            }
            ExecArgs::Expression(list) => (list.place.clone(), self.list(&list.value)),
        };
        let (dir, stdin) = self.place_of_work(step);
        let around = Around { dir: dir.as_deref(), stdin: stdin_of(&stdin), other_shell: false };
        let report = self.around.rails.words(&words, around);
        self.report(report, dir.as_deref(), &|_| place.clone());
    }

    /// The words of a list. Where only its beginning is known, as in `target.commands.start + [vars.idle]`, what follows is one
    /// word that is not.
    fn list(&self, expression: &str) -> Vec<Option<String>> {
        if let Some(words) = self.known_list(expression) {
            return words;
        }
        let inside = expression.trim().trim_start_matches("{{").trim_end_matches("}}");
        let beginning = inside.split_once(" + ").and_then(|(first, _)| self.known_list(&format!("{{{{ {first} }}}}")));
        beginning.into_iter().flatten().chain([None]).collect()
    }

    fn known_list(&self, expression: &str) -> Option<Vec<Option<String>>> {
        let word =
            |value: &Value| value.as_str().map(str::to_owned).or_else(|| value.as_number().map(|n| n.to_string()));
        match (self.around.known)(expression)? {
            Value::Array(items) => Some(items.iter().map(word).collect()),
            _ => None,
        }
    }

    /// Working directory and standard input, as far as they are known.
    fn place_of_work(&self, step: &Step) -> (Option<String>, Option<Option<String>>) {
        let dir = step.dir.as_ref().map_or(Some(String::new()), |dir| self.text(&dir.value));
        (dir, step.stdin.as_ref().map(|stdin| self.text(&stdin.value)))
    }

    fn raw(&mut self, script: &Text) {
        let rails = self.around.rails;
        let Some(policy) = rails.policies.iter().find(|policy| policy.no_raw) else { return };
        let Ok((_, lints)) = template::check_shell(&script.value) else { return };
        for lint in lints.into_iter().filter(|lint| lint.kind == LintKind::Raw) {
            let message = format!("policy {} forbids `| raw`: it makes a value part of the script", policy.name);
            let problem = Diagnostic::error(Code::RAW_FORBIDDEN, message, script.place_of(lint.range));
            self.outcome.problems.push(problem.help(lint.help));
        }
    }

    /// Placeholders and passwords written into a script.
    fn in_script(&mut self, script: &Text) {
        for (code, message, range) in values::in_script(&self.around.rails, &script.value) {
            let problem = Diagnostic::error(code, message, script.place_of(range));
            self.outcome.problems.push(problem.help(values::help(code)));
        }
    }

    fn report(&mut self, report: Report, dir: Option<&str>, place: &dyn Fn(&std::ops::Range<usize>) -> Place) {
        self.problems(report.findings, place);
        if let Some(open) = self.around.files {
            for (path, sha256) in report.wrappers {
                self.wrapper(open, &path, sha256, place(&(0..0)));
            }
            for called in report.called {
                self.called(open, &called, dir, &place(&called.range), 1);
            }
        }
    }

    fn problems(&mut self, findings: Vec<Finding>, place: &dyn Fn(&std::ops::Range<usize>) -> Place) {
        for finding in findings {
            let place = place(&finding.range);
            self.outcome.problems.extend(self.diagnostic(finding, place));
        }
    }

    fn diagnostic(&self, finding: Finding, place: Place) -> Option<Diagnostic> {
        let (code, severity) = match (finding.verdict, self.around.rails.production) {
            (Verdict::Refused, _) => (Code::COMMAND_FORBIDDEN, Severity::Error),
            (Verdict::Unknown, true) => (Code::COMMAND_UNKNOWN, Severity::Error),
            (Verdict::Unknown, false) => (Code::COMMAND_UNKNOWN, Severity::Warning),
            (Verdict::Later, _) => return None,
        };
        let problem = match severity {
            Severity::Error => Diagnostic::error(code, finding.message, place),
            _ => Diagnostic::warning(code, finding.message, place),
        };
        Some(finding.help.into_iter().fold(problem, Diagnostic::help))
    }

    /// A wrapper must be the very program the policy names.
    fn wrapper(&mut self, open: OpenFile<'_>, path: &str, sha256: String, place: Place) {
        match open(path) {
            Ok(program) if program.sha256 == sha256 => self.pin(path, sha256),
            Ok(program) => {
                let message = format!("the wrapper {path} is not the one the policy allows");
                let help = format!("the policy names {}…, the file has {}…", &sha256[..12], &program.sha256[..12]);
                let problem = Diagnostic::error(Code::WRAPPER_CHANGED, message, place).help(help);
                self.outcome.problems.push(problem.help("review the file, and put its `sha256sum` into the policy"));
            }
            Err(why) => self.outcome.problems.push(Diagnostic::error(Code::CALLED_UNREADABLE, why, place)),
        }
    }

    /// A script that is called is part of what is run: it is read as well, and must stay as it is.
    fn called(&mut self, open: OpenFile<'_>, called: &Called, dir: Option<&str>, place: &Place, depth: usize) {
        let path = called.path.as_str();
        if self.outcome.pinned.iter().any(|(known, _)| known == path) {
            return;
        }
        let program = match open(path) {
            Ok(program) => program,
            Err(why) => return self.unreadable(&format!("{why}, so nobody can say what it does"), place),
        };
        self.pin(path, program.sha256);
        let Some(text) = program.text.filter(|text| called.shell || is_shell_script(text) || !text.starts_with("#!"))
        else {
            return;
        };
        if depth > MAX_CALLS {
            return self.unreadable(&format!("{path} is called through more than {MAX_CALLS} scripts"), place);
        }
        let report = {
            let around = Around { dir, stdin: Stdin::Closed, other_shell: is_of_another_shell(&text) };
            self.around.rails.script(&text, &[], around)
        };
        for finding in report.findings {
            let line = text.chars().take(finding.range.start).filter(|c| *c == '\n').count() + 1;
            let message = format!("{path} line {line}: {}", finding.message);
            self.outcome.problems.extend(self.diagnostic(Finding { message, ..finding }, place.clone()));
        }
        for (inner, sha256) in report.wrappers {
            self.wrapper(open, &inner, sha256, place.clone());
        }
        for inner in report.called {
            self.called(open, &inner, dir, place, depth + 1);
        }
    }

    fn unreadable(&mut self, message: &str, place: &Place) {
        let make = if self.around.rails.production { Diagnostic::error } else { Diagnostic::warning };
        let problem = make(Code::CALLED_UNREADABLE, message.to_owned(), place.clone());
        self.outcome.problems.push(problem.help("files that are called must be there when the plan is made"));
    }

    fn pin(&mut self, path: &str, sha256: String) {
        let pin = (path.to_owned(), sha256);
        if !self.outcome.pinned.contains(&pin) {
            self.outcome.pinned.push(pin);
        }
    }
}

fn stdin_of(stdin: &Option<Option<String>>) -> Stdin<'_> {
    match stdin {
        None => Stdin::Closed,
        Some(None) => Stdin::Later,
        Some(Some(text)) => Stdin::Text(text),
    }
}

/// A text whose first line names a shell.
pub(crate) fn is_shell_script(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let names_shell = |word: &str| super::readers::is_shell(word);
    first.starts_with("#!") && first[2..].split_whitespace().any(names_shell)
}

/// Without a word on bash in its first line, nobody can say which shell will run it.
pub(crate) fn is_of_another_shell(text: &str) -> bool {
    !text.lines().next().unwrap_or_default().contains("bash")
}
